"""`python -m eval_pipeline.testing.openai_server`: the server by itself, until it is interrupted; then what it saw."""

import json
import threading
from pathlib import Path

import click

from eval_pipeline.suite.import_path import resolve
from eval_pipeline.testing.openai_server.faults import Faults
from eval_pipeline.testing.openai_server.model_answers import answers_of
from eval_pipeline.testing.openai_server.server import openai_server

_OFFLINE = "eval_pipeline.suites.support_desk.offline_model:OfflineChatModel"


@click.command()
@click.option("--port", default=0, show_default="one that is free")
@click.option("--model", default=_OFFLINE, show_default=True, help="Import path of the LangChain model that answers.")
@click.option("--key", help="Refuse any other key.")
@click.option("--fault-rate", default=0.0, show_default=True, help="Share of requests that fail.")
@click.option("--faults", default="429,500,cut", show_default=True, help="Kinds of faults.")
@click.option("--retry-after", default=0.0, show_default=True, help="Seconds that a 429 asks for.")
@click.option("--seed", default=0, show_default=True)
@click.option("--latency", default=0.0, show_default=True, help="Seconds of every request.")
def serve(
    port: int,
    model: str,
    key: str | None,
    fault_rate: float,
    faults: str,
    retry_after: float,
    seed: int,
    latency: float,
) -> None:
    """Serve until interrupted."""
    answer = answers_of(resolve(model, folder=Path())())
    chance = Faults(rate=fault_rate, kinds=faults.split(","), seed=seed, retry_after_s=retry_after)
    with openai_server(answer, faults=chance, key=key, latency_s=latency, port=port) as server:
        click.echo(f"OPENAI_BASE_URL={server.url}")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            log = server.log
            seen = {
                "requests": len(log.entries),
                "faults": log.faults,
                "peak_concurrency": log.peak_concurrency,
                "most_in_a_minute": log.most_within(60.0),
            }
            click.echo(json.dumps(seen))


if __name__ == "__main__":
    serve()
