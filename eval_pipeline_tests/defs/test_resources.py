"""Resources give what they are configured with, and change nothing."""

from eval_pipeline.defs.resources import LangSmithResource
from eval_pipeline.redaction.logs import displayable


def test_asking_for_the_redactor_does_not_change_what_is_logged() -> None:
    redactor = LangSmithResource(redaction_patterns={"customer": r"C-\d+"}).redactor()
    assert redactor.text("of C-12") == "of [redacted:customer]"
    assert displayable("of C-12") == "of C-12"
