"""What evaluators written for LangSmith, openevals or agentevals get, and how what they return is read."""
