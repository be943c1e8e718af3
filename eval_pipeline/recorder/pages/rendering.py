"""Render the templates of the recorder's pages, and format the values in them."""

import functools
import math
from datetime import UTC, datetime
from importlib import resources
from typing import Any

from fastapi.responses import HTMLResponse

from eval_pipeline.pages.showing import conversation_html, value_html
from eval_pipeline.pages.templating import environment
from eval_pipeline.recorder.config import TENANT_ID
from eval_pipeline.recorder.store.codec import preview

NONE = "\N{EN DASH}"
"""Shown where there is no value."""

_MILLISECOND_BELOW = 1.0
_SECONDS_BELOW = 120.0


@functools.cache
def own_script() -> str:
    """The script of the recorder's pages, which follows the shared one."""
    return resources.files("eval_pipeline.recorder.pages").joinpath("recorder.js").read_text(encoding="utf-8")


def render(template: str, **values: Any) -> HTMLResponse:
    """The page that `template` makes of `values`."""
    return HTMLResponse(_ENVIRONMENT.get_template(template).render(tenant=TENANT_ID, **{"at": "", **values}))


def duration(seconds: float | None) -> str:
    """`12 ms`, `3.40 s`, `2 min 5 s`; a dash for none."""
    if seconds is None:
        return NONE
    if seconds < _MILLISECOND_BELOW:
        return f"{seconds * 1000:.0f} ms"
    if seconds < _SECONDS_BELOW:
        return f"{seconds:.2f} s"
    return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"


def count(value: float | None) -> str:
    """A whole number with thin spaces between thousands; a dash for none."""
    return NONE if value is None else f"{int(value):,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def cost(value: object) -> str:
    """USD; small amounts keep their digits. A dash for none."""
    if value is None:
        return NONE
    amount = float(str(value))
    return f"${amount:.2f}" if amount >= 1 or amount == 0 else f"${amount:.4g}"


def score(value: float | None) -> str:
    """A score with at most three decimals; a dash for none."""
    return NONE if value is None else f"{value:.3f}".rstrip("0").rstrip(".")


def grade(value: float | None) -> str:
    """The CSS class of a score in [0, 1]: `good`, `fair` or `bad`; none for scores on another scale."""
    if value is None or not 0 <= value <= 1:
        return ""
    return "good" if value >= 0.8 else "fair" if value >= 0.5 else "bad"  # noqa: PLR2004 - colours, not thresholds


def percent(fraction: float | None) -> str:
    """A fraction in percent; a dash for none."""
    return NONE if fraction is None else f"{fraction * 100:.1f} %".replace(".0 %", " %")


def when(value: object) -> str:
    """`2026-11-20 23:33:50` in UTC, from ISO text or microseconds; a dash for none."""
    if value is None:
        return NONE
    if isinstance(value, int):
        return f"{datetime.fromtimestamp(value / 1_000_000, tz=UTC):%Y-%m-%d %H:%M:%S}"
    return str(value)[:19].replace("T", " ")


def pages_of(total: int, size: int, page: int) -> dict[str, int]:
    """The numbers of a pager: `page` (1-based, clamped to the range), `pages`, `total`, `first`, `last`."""
    pages = max(1, math.ceil(total / size))
    page = min(max(page, 1), pages)
    return {
        "page": page,
        "pages": pages,
        "total": total,
        "first": min(total, (page - 1) * size + 1),
        "last": min(total, page * size),
    }


_ENVIRONMENT = environment("eval_pipeline.recorder.pages")
_FILTERS = (duration, count, cost, score, grade, percent, when, preview)
_ENVIRONMENT.globals.update(value_view=value_html, conversation_view=conversation_html)
_ENVIRONMENT.filters.update({function.__name__: function for function in _FILTERS})
