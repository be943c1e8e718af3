"""Which partitions have to be evaluated: the rule, and its message."""

from hypothesis import given
from hypothesis import strategies as st

from eval_pipeline.defs.assets.partition_health import partition_health, sample
from eval_pipeline.defs.assets.versions import LastResult

names = st.sampled_from("abcdefgh")
prints = st.sampled_from(["one", "two"])
results = st.builds(LastResult, fingerprint=st.one_of(st.none(), prints), broke=st.booleans())


@given(
    fingerprints=st.dictionaries(names, prints),
    last=st.dictionaries(names, results),
    failed=st.frozensets(names),
    running=st.frozensets(names),
)
def test_a_case_is_in_one_list_or_up_to_date(
    fingerprints: dict[str, str], last: dict[str, LastResult], failed: frozenset[str], running: frozenset[str]
) -> None:
    health = partition_health(fingerprints, last, failed=failed, running=running)

    listed = [*health.due, *health.running]
    assert len(listed) == len(set(listed))
    up_to_date = {
        name
        for name, fingerprint in fingerprints.items()
        if name not in failed | running
        and name in last
        and not last[name].broke
        and last[name].fingerprint == fingerprint
    }
    assert set(fingerprints) == up_to_date | set(listed)
    assert not up_to_date & set(listed)


def test_each_reason() -> None:
    good, broken, old = (
        LastResult(fingerprint="now", broke=False),
        LastResult(fingerprint="now", broke=True),
        LastResult(fingerprint="then", broke=False),
    )

    health = partition_health(
        dict.fromkeys(["broken", "failed", "good", "new", "old", "busy"], "now"),
        {"broken": broken, "failed": good, "good": good, "old": old, "busy": old, "removed": old},
        failed={"failed", "removed"},
        running={"busy"},
    )

    assert (health.failed, health.errored, health.never_run, health.stale, health.running) == (
        ("failed",),
        ("broken",),
        ("new",),
        ("old",),
        ("busy",),
    )
    assert health.message == "of 6 cases: 1 failed to run, 1 ended in an error, 1 never ran, 1 outdated, 1 running"
    assert health.what_to_do("shop").startswith(
        "Evaluate them: `eval-pipeline run shop --case failed --case broken --case new` and 1 more, or materialize"
    )


def test_nothing_is_to_do_where_nothing_is_due() -> None:
    health = partition_health({"a": "x"}, {"a": LastResult(fingerprint="x", broke=False)}, failed=(), running=())

    assert (health.message, health.what_to_do("shop")) == ("1 case has a current result", "nothing")


def test_samples_are_capped() -> None:
    assert sample([]) == "none"
    assert sample(["a", "b"]) == "a, b"
    assert sample([f"c{n:05d}" for n in range(10_000)]).endswith("c00019 and 9980 more")
