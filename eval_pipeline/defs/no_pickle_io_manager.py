"""The IO manager of every suite: none. Steps hand on references, and read the store by themselves.

Dagster's own default pickles what an asset returns into a folder and unpickles it for whoever takes it as an input:
whoever can write there runs code here.
"""

from typing import Any

import dagster as dg
from typing_extensions import override

_FIX = (
    "return dg.MaterializeResult and write to the resource `store`; or give the asset an io_manager_key of its own, to "
    "one that does not pickle"
)


class RefusingIOManager(dg.IOManager):
    """Writes nothing and reads nothing, and says so."""

    @override
    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        if obj is not None:
            raise dg.Failure(
                f"{_name(context)} returned a {type(obj).__name__}, which Dagster would pickle. {_FIX}.",
                allow_retries=False,
            )

    @override
    def load_input(self, context: dg.InputContext) -> Any:
        raise dg.Failure(
            f"an input of {_name(context)} would be unpickled. {_FIX}; name what comes before with `deps`.",
            allow_retries=False,
        )


def _name(context: dg.OutputContext | dg.InputContext) -> str:
    return context.asset_key.to_user_string() if context.has_asset_key else f"step {context.step_context.step.key}"
