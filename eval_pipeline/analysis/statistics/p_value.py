"""P-values as people write them."""

_LEAST = 0.0001


def shown_p(value: float) -> str:
    """`0.0123`, or `<0.0001` for all that is smaller."""
    return f"<{_LEAST:.4f}" if value < _LEAST else f"{value:.4f}"


def p_is(value: float) -> str:
    """`p=0.0123`, or `p<0.0001`."""
    shown = shown_p(value)
    return f"p{shown}" if shown.startswith("<") else f"p={shown}"
