"""Where things are in the store."""


def namespace(user_id: str) -> tuple[str, str]:
    """The namespace of what is remembered of a user."""
    return ("memories", user_id)
