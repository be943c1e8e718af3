"""An IO manager that refuses to pickle: steps pass references and read the store themselves.

Dagster's default IO manager pickles what an asset returns into a folder and unpickles it for the next asset, so anyone
who can write to that folder can run code here.
"""

from typing import Any

import dagster as dg
from typing_extensions import override

_FIX = (
    "return dg.MaterializeResult and write to the resource `eval_store`; or set io_manager_key of the asset to an IO "
    "manager that does not pickle"
)


class NoPickleIOManager(dg.IOManager):
    """Raises when an asset returns a value or takes one as an input."""

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
            f"an input of {_name(context)} would be unpickled. {_FIX}; declare upstream assets with `deps`.",
            allow_retries=False,
        )


def _name(context: dg.OutputContext | dg.InputContext) -> str:
    return context.asset_key.to_user_string() if context.has_asset_key else f"step {context.step_context.step.key}"
