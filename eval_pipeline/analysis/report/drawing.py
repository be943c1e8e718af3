"""Draw charts as SVG: a line with its band, bars, and intervals around zero. All text is escaped."""

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

# Legible on white and on black: a picture cannot know the theme of the Dagster UI, which is not the system's.
STYLE = (
    "text{font:11px system-ui,sans-serif;fill:#7d8590}.line{fill:none;stroke:#4c8bf5;stroke-width:2}"
    ".band{fill:#4c8bf5;opacity:.18}.bar{fill:#4c8bf5}.good{fill:#2da44e}.bad{fill:#e5534b}.even{fill:#7d8590}"
    ".range{stroke-width:3;stroke-linecap:round}.range.good{stroke:#2da44e}.range.bad{stroke:#e5534b}"
    ".range.even{stroke:#7d8590}.axis{stroke:#7d8590;stroke-opacity:.45;stroke-width:1}.mark{stroke:#d29922;"
    "stroke-width:1.5;stroke-dasharray:4 3}"
)


@dataclass(frozen=True, kw_only=True)
class Dot:
    """A value with its interval, as a point of a line."""

    label: str
    value: float
    low: float
    high: float
    good: bool


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A difference with its interval."""

    label: str
    value: float
    low: float
    high: float
    look: str
    """`good`, `bad` or `even`."""


def line(dots: Sequence[Dot], *, width: int = 820, height: int = 180) -> Markup:
    """Shares between 0 and 1 over time, each with its interval."""
    left, top, right, bottom = 36, 10, width - 12, height - 14
    step = (right - left) / max(1, len(dots) - 1)
    at = [(left + step * index if len(dots) > 1 else (left + right) / 2) for index in range(len(dots))]

    def y(value: float) -> float:
        return bottom - (bottom - top) * value

    grid = "".join(
        f'<line class="axis" x1="{left}" x2="{right}" y1="{y(share):.1f}" y2="{y(share):.1f}"/>'
        f'<text x="{left - 6}" y="{y(share) + 4:.1f}" text-anchor="end">{share:.0%}</text>'
        for share in (0.0, 0.5, 1.0)
    )
    upper = " ".join(f"{x:.1f},{y(dot.high):.1f}" for x, dot in zip(at, dots, strict=True))
    lower = " ".join(f"{x:.1f},{y(dot.low):.1f}" for x, dot in reversed(list(zip(at, dots, strict=True))))
    path = " ".join(f"{x:.1f},{y(dot.value):.1f}" for x, dot in zip(at, dots, strict=True))
    marks = "".join(
        f'<circle class="{"good" if dot.good else "bad"}" cx="{x:.1f}" cy="{y(dot.value):.1f}" r="4">'
        f"<title>{html.escape(dot.label)}</title></circle>"
        for x, dot in zip(at, dots, strict=True)
    )
    body = f'<polygon class="band" points="{upper} {lower}"/><polyline class="line" points="{path}"/>{marks}'
    return _svg(grid + body, width, height, f"trend of {len(dots)} experiments")


def bars(
    counts: Sequence[int], ends: tuple[str, str], *, marks: Sequence[tuple[float, str]] = (), label: str
) -> Markup:
    """A histogram.

    Args:
        counts: the counts of bins of equal width.
        ends: the texts under the first and the last bin.
        marks: positions between 0 and 1, each with a name, such as a median.
        label: what the chart shows, for screen readers.
    """
    width, height, bottom, top = 320, 110, 92, 16
    each, most = width / max(1, len(counts)), max(max(counts, default=0), 1)
    columns = "".join(
        f'<rect class="bar" x="{index * each + 1:.1f}" y="{bottom - (bottom - top) * count / most:.1f}" '
        f'width="{max(1.0, each - 2):.1f}" height="{(bottom - top) * count / most:.1f}" rx="1">'
        f"<title>{count}</title></rect>"
        for index, count in enumerate(counts)
    )
    lines = "".join(
        f'<line class="mark" x1="{place * width:.1f}" x2="{place * width:.1f}" y1="{top - 4}" y2="{bottom}"/>'
        f'<text x="{place * width:.1f}" y="10" text-anchor="{"end" if place > 0.5 else "start"}">'  # noqa: PLR2004
        f"{html.escape(name)}</text>"
        for place, name in marks
    )
    axis = f'<line class="axis" x1="0" x2="{width}" y1="{bottom}" y2="{bottom}"/>'
    first, last = map(html.escape, ends)
    texts = f'<text x="0" y="106">{first}</text><text x="{width}" y="106" text-anchor="end">{last}</text>'
    return _svg(columns + axis + lines + texts, width, height, label)


def intervals(differences: Sequence[Interval], *, width: int = 820) -> Markup:
    """Differences around zero in percentage points, one a row."""
    row, left, right, top = 22, 230, width - 62, 6
    reach = max([0.05, *(abs(end) for one in differences for end in (one.low, one.high))])
    height = top + row * len(differences) + 8

    def x(value: float) -> float:
        return left + (right - left) * (value + reach) / (2 * reach)

    rows = "".join(
        f'<text x="{left - 10}" y="{top + row * index + 15}" text-anchor="end">{html.escape(_short(one.label))}'
        f"<title>{html.escape(one.label)}</title></text>"
        f'<line class="range {one.look}" x1="{x(one.low):.1f}" x2="{x(one.high):.1f}" '
        f'y1="{top + row * index + 11}" y2="{top + row * index + 11}"/>'
        f'<circle class="{one.look}" cx="{x(one.value):.1f}" cy="{top + row * index + 11}" r="5"/>'
        f'<text x="{width}" y="{top + row * index + 15}" text-anchor="end">{100 * one.value:+.1f}</text>'
        for index, one in enumerate(differences)
    )
    zero = f'<line class="axis" x1="{x(0):.1f}" x2="{x(0):.1f}" y1="{top}" y2="{height - 8}"/>'
    return _svg(zero + rows, width, height, "differences in points, with 95 % intervals")


def standalone(picture: str) -> str:
    """A picture with its own styles, as a `data:` URI."""
    # As `str`: `Markup.replace` would escape its arguments.
    styled = str(picture).replace(">", f"><style>{STYLE}</style>", 1)
    return "data:image/svg+xml;base64," + base64.b64encode(styled.encode()).decode()


def _svg(body: str, width: int, height: int, label: str) -> Markup:
    # Safe: all texts in `body` are escaped.
    return Markup(  # noqa: S704
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-label="{html.escape(label)}">{body}</svg>'
    )


_LONGEST = 34


def _short(label: str) -> str:
    return label if len(label) <= _LONGEST else f"{label[: _LONGEST - 1]}…"
