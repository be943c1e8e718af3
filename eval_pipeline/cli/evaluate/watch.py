"""`eval-pipeline watch SUITE CASE`: evaluate one case and show it live."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import click
from rich.console import Console
from rich.live import Live
from rich.text import Text

from eval_pipeline.cli.options import store_option
from eval_pipeline.cli.servers.case_servers import recorder_of_cases
from eval_pipeline.cli.shown import echo, escape
from eval_pipeline.errors import PermanentError
from eval_pipeline.pipeline.runner import EvalRunner, RuntimeChoice
from eval_pipeline.redaction.control_characters import without_control_characters
from eval_pipeline.suite.discovery import suite_folder
from eval_pipeline.user_code.result_stdout import stdout_for_result_only

FAILED = 1
_LONGEST = 2_000
"""Characters of a message that are shown."""


@click.command()
@click.argument("suite")
@click.argument("case")
@click.option("--model", help="Model of the target, as provider:model.")
@click.option("--version", help="Version of the target.")
@click.option("--temperature", type=float, help="Temperature of the target's model.")
@click.option("--start-agent", help="Agent that starts the conversation.")
@store_option
@click.option("--json", "as_json", is_flag=True, help="Print each event as one line of JSON.")
def watch(
    suite: str,
    case: str,
    model: str | None,
    version: str | None,
    temperature: float | None,
    start_agent: str | None,
    store: str,
    as_json: bool,  # noqa: FBT001 - click passes options by name
) -> int:
    """Evaluate one case and show it live.

    CASE is the id of a case of SUITE. Results are neither stored nor traced.

    Exit codes: 0 the case passed, 1 it failed, 3 it ended in an error.
    """
    runtime = RuntimeChoice(model=model, version=version, temperature=temperature, start_agent=start_agent)
    folder = suite_folder(suite)
    with stdout_for_result_only() as stdout, recorder_of_cases(folder):
        events = EvalRunner(folder, store=store).stream(case, **runtime)
        if as_json:
            last: Mapping[str, Any] = {}
            for event in events:
                stdout.write(json.dumps(event, default=str) + "\n")
                stdout.flush()
                last = event
        else:
            echo("Not traced: no run is sent anywhere.", err=True)
            last = show(events, Console(file=stdout))
    if last.get("event") == "error" or last.get("status") == "error":
        raise PermanentError("the case ended in an error", fix="see the error above")
    return 0 if last.get("status") == "passed" else FAILED


def show(events: Iterable[Mapping[str, Any]], console: Console) -> Mapping[str, Any]:
    """Print events as they arrive. Returns the last one."""
    last: Mapping[str, Any] = {}
    streamed = ""
    with Live(console=console, transient=True, auto_refresh=console.is_terminal) as live:
        for event in events:
            if event.get("type") == "token":
                streamed += str(event["content"])
                live.update(Text(without_control_characters(f"… {streamed[-400:]}"), style="dim"))
                continue
            streamed = ""
            live.update("")
            for line in lines_of(event):
                console.print(line, highlight=False)
            last = event
    return last


def lines_of(event: Mapping[str, Any]) -> list[str]:
    """An event as lines of rich markup, with the text of users and targets escaped."""
    name = event["event"] if event["event"] != "turn_event" else event["type"]
    render = _LINES.get(str(name), _other if event["event"] == "turn_event" else lambda _: [])
    return render(event)


def _content(event: Mapping[str, Any]) -> str:
    content = str(event.get("content", ""))
    return escape(content if len(content) <= _LONGEST else f"{content[:_LONGEST]}…")


def _value_lines(value: Any, indent: str = "         ") -> list[str]:
    """An input or outputs that are more than text: a mapping by its keys, messages by their senders, files by kind."""
    if isinstance(value, Mapping) and "content" in value and ("role" in value or "type" in value):
        content = value["content"]
        sender = escape(str(value.get("role") or value.get("type")))
        shown = [_short(content)] if isinstance(content, str) else []
        nested = [] if isinstance(content, str) else _value_lines(content, f"{indent}  ")
        return [f"{indent}[dim]{sender}:[/dim] {''.join(shown)}", *nested]
    if isinstance(value, Mapping) and isinstance(value.get("type"), str):
        text = value.get("text")
        return [f"{indent}{_short(text) if isinstance(text, str) else escape('[' + value['type'] + ']')}"]
    if isinstance(value, Mapping):
        lines = []
        for key, item in value.items():
            several = isinstance(item, list) and any(isinstance(each, Mapping) for each in item)
            lines.append(f"{indent}[dim]{escape(str(key))}:[/dim] {'' if several else _short(item)}")
            lines += _value_lines(item, f"{indent}  ") if several else []
        return lines
    return [line for item in value for line in _value_lines(item, indent)] if isinstance(value, list) else []


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return escape(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…")


def _result(event: Mapping[str, Any]) -> list[str]:
    mark = {True: "[green]✓[/green]", False: "[red]✗[/red]"}.get(event["passed"], "[yellow]?[/yellow]")
    score = "" if event["score"] in (None, 0.0, 1.0) else f" {event['score']:.2f}"
    return [f"   {mark} {escape(event['name'])}{score} [dim]{escape(event['message'] or '')}[/dim]"]


def _completed(event: Mapping[str, Any]) -> list[str]:
    color = {"passed": "green", "failed": "red"}.get(event["status"], "yellow")
    score = "" if event["score"] is None else f" · score {event['score']:.2f}"
    return ["", f"[bold {color}]{event['status']}[/bold {color}] · {event['total_turns']} turns{score}"]


def _call(event: Mapping[str, Any]) -> list[str]:
    args = json.dumps(event["args"], ensure_ascii=False, default=str)
    return [f"   [blue]→ {escape(str(event['name']))}[/blue] {escape(args)}"]


def _handoff(event: Mapping[str, Any]) -> list[str]:
    return [f"   [yellow]⇢[/yellow] {escape(str(event['from']))} hands off to {escape(str(event['to']))}"]


def _interrupt(event: Mapping[str, Any]) -> list[str]:
    return [f"   [yellow]?[/yellow] {_content(event)} [dim]answered {escape(str(event['answer']))}[/dim]"]


def _other(event: Mapping[str, Any]) -> list[str]:
    return [f"   [dim]{escape(str(event['type']))} {_content(event)}[/dim]"]


_LINES: Mapping[str, Callable[[Mapping[str, Any]], list[str]]] = {
    "started": lambda event: [f"[bold]{escape(event['test_name'])}[/bold]"],
    "user_input": lambda event: [
        "",
        f"[bold cyan]user[/bold cyan]   {_content(event)}",
        *_value_lines(event.get("input")),
    ],
    "agent_response": lambda event: [
        f"[bold magenta]agent[/bold magenta]  {_content(event)}",
        *_value_lines(event.get("outputs")),
    ],
    "assertion_result": _result,
    "completed": _completed,
    "error": lambda event: [
        "",
        f"[bold yellow]error[/bold yellow] {escape(str(event.get('message') or event.get('content')))}",
    ],
    "tool_call": _call,
    "tool_result": lambda event: [f"   [blue]←[/blue] [dim]{_content(event)}[/dim]"],
    "handoff": _handoff,
    "interrupt": _interrupt,
    "simulation_ended": lambda event: [
        "",
        f"[dim]the simulated user ended the conversation: {event['ended']} ({_content(event)})[/dim]",
    ],
    "usage": lambda event: [
        f"   [dim]{event.get('input_tokens')} input tokens, {event.get('output_tokens')} output tokens[/dim]"
    ],
}
