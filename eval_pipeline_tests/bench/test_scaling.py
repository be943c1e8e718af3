"""The model of scaling is compared with the recorded runs, and its document with the model."""

import pytest

from bench.scaling import EXPERIMENTS
from bench.scaling_doc import DOC, PICTURE, picture, rendered
from bench.scaling_points import TOLERANCE, Point, read_points


@pytest.mark.parametrize("point", read_points(), ids=lambda point: point.name)
def test_the_model_predicts_a_run_that_was_measured(point: Point) -> None:
    assert abs(point.ratio - 1) <= TOLERANCE, str(point)


def test_every_run_that_is_measured_is_recorded_with_the_inputs_of_the_model() -> None:
    assert {point.name: point.given for point in read_points()} == {
        experiment.name: experiment.given for experiment in EXPERIMENTS
    }


def test_the_document_and_its_picture_are_those_of_the_present_model() -> None:
    text = DOC.read_text()
    assert rendered(text) == text, "python -m bench.scaling --doc"
    assert PICTURE.read_text() == picture()
