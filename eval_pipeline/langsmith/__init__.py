"""How LangSmith is spoken: the protocol, the client, datasets, experiments and feedback."""
