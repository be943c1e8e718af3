"""The order in which experiments, comparisons and promotions of a suite were begun, which is no matter of clocks."""

from eval_pipeline.store.layout import begun_prefix
from eval_pipeline.store.store import Store


def next_place(store: Store, suite: str, name: str) -> int:
    """The place of what is about to begin, after all that has begun before it, counted from 1.

    Of several that begin at once each gets a place of its own.

    Args:
        store: where the suite's experiments are.
        suite: the name of the suite.
        name: of what begins, for people who look into the store.
    """
    prefix = begun_prefix(suite)
    while True:
        place = 1 + max((int(key.removeprefix(prefix)) for key in store.list(prefix)), default=0)
        if store.put_if_absent(f"{prefix}{place:08d}", name.encode()):
            return place
