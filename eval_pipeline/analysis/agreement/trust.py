"""How far the judges of an experiment's metrics are known to agree with people, by the version of the metric.

An agreement belongs to a judge, its rubric and its evidence, which the metric's version is a hash of: measured once, it
holds for the experiments with that version, and for no others.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from pydantic import BaseModel, ConfigDict, ValidationError

from eval_pipeline.analysis.agreement.agreement import Agreement
from eval_pipeline.analysis.case_values import Row
from eval_pipeline.analysis.gates.gate_result import GateResult
from eval_pipeline.errors import CorruptDataError
from eval_pipeline.store.layout import agreement_key
from eval_pipeline.store.store import Store
from eval_pipeline.store.timestamps import timestamp
from eval_pipeline.suite.metrics import OF_ATTEMPTS
from eval_pipeline.suite.spec.gates import Gate, Gates, RegressionGate, ScoreGate, ShareGate
from eval_pipeline.wording import counted

_BY_VERDICTS = frozenset({"min_pass_rate", "max_regression", "min_score", "max_score"})
"""Kinds of gates that may decide by all assertions together."""


class MeasuredAgreement(BaseModel):
    """The agreement of one version of a metric with people's labels."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    metric: str
    version: str
    measure: str
    """`kappa` of yes or no and of labels, `spearman` of numbers."""
    value: float | None
    """None if the labels are too few, or all alike."""
    low: float | None
    high: float | None
    labels: int
    experiment: str
    measured_at: str


@dataclass(frozen=True, kw_only=True)
class JudgeTrust:
    """The agreement of a judged metric of an experiment."""

    metric: str
    value: float | None
    """The lowest among the versions that measured it; None if any is unknown."""
    text: str
    """What is known, for people."""
    deciding: bool
    """Whether it has weight in the verdict on an attempt."""

    def earns(self, least: float) -> bool:
        """Whether the agreement is known, and not below the least."""
        return self.value is not None and self.value >= least


def keep_agreements(store: Store, suite: str, experiment: str, measured: Mapping[str, Agreement]) -> None:
    """Store the agreement of each version of a metric, in the place of an earlier one."""
    for version, agreement in measured.items():
        name = "spearman" if agreement.scale == "numbers" else "kappa"
        measure = getattr(agreement, name)
        kept = MeasuredAgreement(
            metric=agreement.assertion,
            version=version,
            measure=name,
            value=None if measure is None else measure.value,
            low=None if measure is None else measure.low,
            high=None if measure is None else measure.high,
            labels=agreement.pairs,
            experiment=experiment,
            measured_at=timestamp(),
        )
        store.put(agreement_key(suite, version), kept.model_dump_json(indent=2).encode())


def read_agreement(store: Store, suite: str, version: str) -> MeasuredAgreement | None:
    """The agreement of a version of a metric, if it was measured.

    Raises:
        CorruptDataError: it cannot be read.
    """
    key = agreement_key(suite, version)
    data = store.get(key)
    try:
        return None if data is None else MeasuredAgreement.model_validate_json(data)
    except ValidationError as error:
        fix = "measure it again with `eval-pipeline agreement`"
        raise CorruptDataError(f"{store.uri(key)} cannot be read as an agreement", fix=fix) from error


def judge_trust(store: Store, suite: str, rows: Iterable[Row]) -> dict[str, JudgeTrust]:
    """The trust in each metric that judges decided, by name."""
    versions: defaultdict[str, set[str | None]] = defaultdict(set)
    deciding = set()
    for row in rows:
        for item in row["assertions"] or ():
            if item.get("votes"):
                versions[item["name"]].add(item.get("version"))
                if item["weight"] > 0:
                    deciding.add(item["name"])
    trusts = {}
    for name, own in sorted(versions.items()):
        known = [None if version is None else read_agreement(store, suite, version) for version in own]
        trusts[name] = _trust(name, known, deciding=name in deciding)
    return trusts


def _trust(name: str, known: Sequence[MeasuredAgreement | None], *, deciding: bool) -> JudgeTrust:
    measured = [each for each in known if each is not None and each.value is not None]
    if len(measured) < len(known):
        some = f" for {len(known) - len(measured)} of {len(known)} versions" if len(known) > 1 else ""
        text = f"agreement with people unknown{some}; `eval-pipeline agreement` measures it"
        return JudgeTrust(metric=name, value=None, text=text, deciding=deciding)
    worst = min(measured, key=lambda each: each.value or 0.0)
    interval = "" if worst.low is None or worst.high is None else f" ({worst.low:.2f} to {worst.high:.2f})"
    text = f"{worst.measure} {worst.value:.2f}{interval} on {counted(worst.labels, 'label')} of {worst.experiment}"
    return JudgeTrust(metric=name, value=worst.value, text=text, deciding=deciding)


def with_trust(gates: Gates, results: Sequence[GateResult], trusts: Mapping[str, JudgeTrust]) -> list[GateResult]:
    """The results, of which those by a judge below `min_agreement` warn instead of block."""
    if gates.min_agreement is None:
        return list(results)
    named = gates.named()
    least = gates.min_agreement
    return [_weighed(result, named[result.name][1], trusts, least) for result in results]


def _weighed(result: GateResult, gate: Gate, trusts: Mapping[str, JudgeTrust], least: float) -> GateResult:
    metric = gate.metric if isinstance(gate, RegressionGate | ScoreGate | ShareGate) else None
    if metric is not None and metric not in OF_ATTEMPTS:
        involved = [trusts[metric]] if metric in trusts else []
    else:
        involved = [trust for trust in trusts.values() if trust.deciding] if result.kind in _BY_VERDICTS else []
    untrusted = [trust for trust in involved if not trust.earns(least)]
    if not untrusted or result.action == "warn":
        return result
    why = "; ".join(f"{trust.metric}: {trust.text}" for trust in untrusted)
    message = f"{result.message}; only warns, as at least {least:g} is required of a judge's agreement ({why})"
    return replace(result, action="warn", message=message)
