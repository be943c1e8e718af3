"""LangGraph graphs: finding what `target.path` names, building it for an attempt, and giving it memory of its own."""
