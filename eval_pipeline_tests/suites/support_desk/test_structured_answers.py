from pydantic import BaseModel

from eval_pipeline.suites.support_desk.offline_model import OfflineChatModel


class Verdict(BaseModel):
    """A verdict."""

    reasoning: str
    passed: bool


class Grade(BaseModel):
    """A grade."""

    comment: str
    score: float


class Theme(BaseModel):
    """A theme."""

    title: str
    evidence: list[str]


class Themes(BaseModel):
    """Themes."""

    found: list[Theme]


def judged(rubric: str, answer: str) -> bool:
    prompt = f"Rubric: {rubric}\n\n<conversation>\nUser: {rubric}\nAssistant: {answer}\n</conversation>"
    verdict = OfflineChatModel().with_structured_output(Verdict).invoke(prompt)
    assert isinstance(verdict, Verdict)
    assert verdict.reasoning
    return verdict.passed


def test_an_answer_that_covers_the_rubric_passes() -> None:
    assert judged("Says that refunds take 5 working days.", "Refunds are paid within 5 working days of receipt.")


def test_an_answer_with_another_number_fails() -> None:
    assert not judged("Says that refunds take 5 working days.", "Refunds are paid within 8 working days of receipt.")


def test_an_answer_about_something_else_fails_although_the_question_has_the_words() -> None:
    assert not judged("The kettle ran dry and must cool.", "Could you give me your order id?")


def test_every_answer_of_a_conversation_is_judged() -> None:
    turns = "User: a\nAssistant: The kettle ran dry.\nUser: b\nAssistant: You are welcome."
    prompt = f"Rubric: The kettle ran dry.\n\n<conversation>\n{turns}\n</conversation>"
    assert OfflineChatModel().with_structured_output(Verdict).invoke(prompt).passed  # type: ignore[union-attr]


def test_a_schema_with_a_score_gets_one() -> None:
    prompt = "Rubric: blue green\n\n<conversation>\nUser: x\nAssistant: blue\n</conversation>"
    grade = OfflineChatModel().with_structured_output(Grade).invoke(prompt)
    assert isinstance(grade, Grade)
    assert grade.score == 0.5


def test_themes_are_what_several_records_share() -> None:
    texts = ["the lid cracks when hot"] * 3 + ["a crack in the hot lid"] * 3 + ["where is the manual for this"]
    records = "\n".join(f'{{"key": "K-{number}", "text": "{text}"}}' for number, text in enumerate(texts))
    themes = OfflineChatModel().with_structured_output(Themes).invoke(f"Find patterns.\n{records}")
    assert isinstance(themes, Themes)
    assert [theme.evidence for theme in themes.found] == [["K-0", "K-1", "K-2", "K-3", "K-4", "K-5"]]


def test_records_without_anything_in_common_have_no_theme() -> None:
    themes = OfflineChatModel().with_structured_output(Themes).invoke('{"key": "1", "text": "a b"}\n{"key": "2"}')
    assert themes == Themes(found=[])
