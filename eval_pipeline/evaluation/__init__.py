"""One case, start to finish, on LangGraph's functional API: targets, turns, assertions. Never imports Dagster."""
