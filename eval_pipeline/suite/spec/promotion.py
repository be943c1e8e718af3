"""Whether a prompt that won is put into use by itself, as written under `promotion:` in `suite.yaml`.

target: {kind: chat, model: "openai:gpt-4o", prompt: "hub:support:production"}   # this tag is what is moved
promotion: {enabled: true}                    # first, what would be done is shown
promotion: {enabled: true, dry_run: false}    # then it is done
"""

from eval_pipeline.suite.documents.document import Document


class Promotion(Document):
    """What happens to the tag of the target's prompt."""

    enabled: bool = False
    """Whether there is a job `promote_<suite>` that compares variants and promotes the winner, if there is one."""
    dry_run: bool = True
    """Whether what would be done is only shown, in Dagster and to webhooks. It holds for whatever happens by itself,
    taking a promotion back too; what a person does in the terminal is done."""
