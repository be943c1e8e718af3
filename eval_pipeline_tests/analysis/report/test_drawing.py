"""Pictures: well-formed, escaped, and true to their numbers."""

import base64
from xml.etree import ElementTree as ET

from eval_pipeline.analysis.report.charts import score_spread, spread
from eval_pipeline.analysis.report.drawing import Dot, Interval, bars, intervals, line, standalone

EVIL = '<script>"&'


def test_every_picture_is_xml_and_escapes_what_it_names() -> None:
    dot = Dot(label=EVIL, value=0.5, low=0.4, high=0.6, good=True)
    one = Interval(label=EVIL, value=-0.1, low=-0.2, high=0.0, look="bad")
    drawn = [
        line([dot, dot]),
        line([dot]),
        intervals([one]),
        bars([1, 0, 3], (EVIL, "9"), marks=[(0.5, EVIL)], label=EVIL),
    ]
    for picture in drawn:
        ET.fromstring(picture)
        assert EVIL in "".join(ET.fromstring(picture).itertext()) + ET.fromstring(picture).get("aria-label", "")


def test_a_picture_can_stand_alone() -> None:
    head, _, body = standalone(bars([1], ("0", "1"), label="x")).partition(",")
    assert head == "data:image/svg+xml;base64"
    assert ET.fromstring(base64.b64decode(body)).find("{http://www.w3.org/2000/svg}style") is not None


def test_higher_shares_are_drawn_higher() -> None:
    dots = [Dot(label=str(share), value=share, low=share, high=share, good=True) for share in (0.0, 0.5, 1.0)]
    heights = [float(mark.get("cy", "")) for mark in ET.fromstring(line(dots)).iter() if mark.get("cy")]
    assert heights == sorted(heights, reverse=True)


def test_bars_count_every_value_also_those_beyond() -> None:
    picture = spread([0.1] * 99 + [1_000.0], str, label="seconds")
    assert picture is not None
    counts = [int(title.text or 0) for title in ET.fromstring(picture).iter("{http://www.w3.org/2000/svg}title")]
    assert sum(counts) == 100
    assert score_spread([]) is None
