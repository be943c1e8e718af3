"""An experiment as JUnit XML, which every CI system reads: a test case for each attempt and each gate."""

import re
from typing import Any
from xml.etree import ElementTree as ET

from eval_pipeline.analysis.export.experiment import ExportedExperiment

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(experiment: ExportedExperiment) -> bytes:
    """The experiment as one test suite. Gates that only warn pass, with their message as output."""
    summary, record = experiment.verdict.summary, experiment.record
    cases = [_attempt(experiment, row) for row in experiment.attempts]
    gates = [_gate(experiment, gate) for gate in experiment.verdict.gates]
    every = [*cases, *gates]
    counts = {kind: sum(case.find(kind) is not None for case in every) for kind in ("failure", "error", "skipped")}
    suite = ET.Element(
        "testsuite",
        name=record.suite,
        tests=str(len(every)),
        failures=str(counts["failure"]),
        errors=str(counts["error"]),
        skipped=str(counts["skipped"]),
        time=f"{sum(row['latency_s'] or 0.0 for row in experiment.attempts):.3f}",
        timestamp=record.created_at.partition("+")[0],
    )
    properties = ET.SubElement(suite, "properties")
    facts: dict[str, Any] = {"experiment": record.experiment, "target_version": record.target_version}
    if summary.pass_rate is not None:
        facts["pass_rate"] = f"{summary.pass_rate.mean:.4f}"
    for name, value in facts.items():
        ET.SubElement(properties, "property", name=name, value=_text(value))
    suite.extend(every)
    root = ET.Element("testsuites", name="eval-pipeline")
    root.append(suite)
    ET.indent(root)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _attempt(experiment: ExportedExperiment, row: dict[str, Any]) -> ET.Element:
    case = ET.Element(
        "testcase",
        classname=_text(f"{experiment.record.suite}.{row['split']}"),
        name=_text(experiment.title(row)),
        time=f"{row['latency_s'] or 0.0:.3f}",
    )
    why, error = _text(row["why"]), row["error"]
    if row["status"] == "error":
        kind = _text(error["name"]) if error else "error"
        details = _text(error["traceback"]) if error else why
        ET.SubElement(case, "error", message=why, type=kind).text = details
    elif row["status"] in ("failed", "limit"):
        ET.SubElement(case, "failure", message=why, type=row["status"]).text = why
    elif row["status"] in ("unscored", "skipped"):
        ET.SubElement(case, "skipped", message=why or row["status"])
    if row["trace_url"]:
        ET.SubElement(case, "system-out").text = _text(row["trace_url"])
    return case


def _gate(experiment: ExportedExperiment, gate: Any) -> ET.Element:
    case = ET.Element("testcase", classname=f"{experiment.record.suite}.gates", name=_text(gate.name), time="0.000")
    if gate.blocks:
        ET.SubElement(case, "failure", message=_text(gate.message), type=gate.outcome).text = _text(gate.message)
    elif not gate.passed:
        ET.SubElement(case, "system-out").text = _text(f"{gate.outcome} (warns only): {gate.message}")
    return case


def _text(value: Any) -> str:
    """A text without characters that XML cannot hold."""
    return _NOT_XML.sub("\ufffd", str(value))
