"""Which cases need somebody: the rule, and how it is said."""

from hypothesis import given
from hypothesis import strategies as st

from eval_pipeline.results.case_health import LastResult, sample, upkeep_of

names = st.sampled_from("abcdefgh")
prints = st.sampled_from(["one", "two"])
results = st.builds(LastResult, fingerprint=st.one_of(st.none(), prints), broke=st.booleans())


@given(
    present=st.dictionaries(names, prints),
    last=st.dictionaries(names, results),
    failed=st.frozensets(names),
    running=st.frozensets(names),
)
def test_a_case_is_in_one_list_or_sound(
    present: dict[str, str], last: dict[str, LastResult], failed: frozenset[str], running: frozenset[str]
) -> None:
    upkeep = upkeep_of(present, last, failed=failed, running=running)

    listed = [*upkeep.due, *upkeep.running]
    assert len(listed) == len(set(listed))
    sound = {
        name
        for name, fingerprint in present.items()
        if name not in failed | running
        and name in last
        and not last[name].broke
        and last[name].fingerprint == fingerprint
    }
    assert set(present) == sound | set(listed)
    assert not sound & set(listed)


def test_each_reason() -> None:
    good, broken, old = (
        LastResult(fingerprint="now", broke=False),
        LastResult(fingerprint="now", broke=True),
        LastResult(fingerprint="then", broke=False),
    )

    upkeep = upkeep_of(
        dict.fromkeys(["broken", "failed", "good", "new", "old", "busy"], "now"),
        {"broken": broken, "failed": good, "good": good, "old": old, "busy": old, "removed": old},
        failed={"failed", "removed"},
        running={"busy"},
    )

    assert (upkeep.failed, upkeep.never_run, upkeep.stale, upkeep.running) == (
        ("broken", "failed"),
        ("new",),
        ("old",),
        ("busy",),
    )
    assert upkeep.said == "2 failed, 1 never run, 1 stale, 1 running of 6 cases"
    assert upkeep.what_to_do("shop").startswith(
        "Evaluate them: `eval-pipeline run shop --case broken --case failed --case new` and 1 more, or materialize"
    )


def test_nothing_due_is_said_to_be_nothing() -> None:
    upkeep = upkeep_of({"a": "x"}, {"a": LastResult(fingerprint="x", broke=False)}, failed=(), running=())

    assert (upkeep.said, upkeep.what_to_do("shop")) == ("all 1 cases are up to date", "nothing")


def test_samples_are_capped() -> None:
    assert sample([]) == "none"
    assert sample(["a", "b"]) == "a, b"
    assert sample([f"c{n:05d}" for n in range(10_000)]).endswith("c00019 and 9980 more")
