"""One alarm in CloudFormation's words: what is measured, how often in a row, and what it says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from infra.template.words import Value, ref, resource, sub, tags

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMESPACE: Final = "Pilotlight"
STAGE: Final = {"Name": "Stage", "Value": "${sls:stage}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    name: str
    where: list[Value] = field(default_factory=lambda: [STAGE])
    """Dimensions: all of those under which it is written, or CloudWatch finds nothing."""
    stat: str = "Maximum"
    namespace: str = NAMESPACE

    def alone(self) -> dict[str, Value]:
        return {
            "Namespace": self.namespace,
            "MetricName": self.name,
            "Dimensions": self.where,
            "Statistic": self.stat,
        }

    def named(self, name: str, period_s: int) -> dict[str, Value]:
        """For an expression that knows it as ``name``."""
        metric = {"Namespace": self.namespace, "MetricName": self.name, "Dimensions": self.where}
        stat = {"Metric": metric, "Period": period_s, "Stat": self.stat}
        return {"Id": name, "ReturnData": False, "MetricStat": stat}


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """CloudWatch's metric math."""

    of: Mapping[str, Metric]
    """By the names that stand in ``text``; ten at most."""
    id: str
    text: str
    label: str

    def parts(self, period_s: int) -> list[dict[str, Any]]:
        own = {"Id": self.id, "Expression": self.text, "Label": self.label, "ReturnData": True}
        return [*(metric.named(name, period_s) for name, metric in self.of.items()), own]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    name: str
    """What follows the stack's name."""
    section: str
    """Of RUNBOOK.md."""
    says: str
    of: Metric | Expression
    threshold: float
    periods: int
    """In a row."""
    period_s: int = 60
    silent: bool = False
    """Less than the threshold is the alarm, and so is nothing at all."""
    owner: str | None = None
    """Whose tag it carries: a worker's or a pool's; None is the stage's."""
    starts: Value = None
    """Whom it tells beside the topic, and only that it began."""

    def resource(self) -> dict[str, Value]:
        topic = [ref("AlarmTopic")]
        properties: dict[str, Value] = {
            "AlarmName": sub("${AWS::StackName}-" + self.name),
            "AlarmDescription": f"{self.says}. infra/RUNBOOK.md#{self.section}",
            **self._measured(),
            "Threshold": self.threshold,
            "ComparisonOperator": f"{'LessThan' if self.silent else 'GreaterThanOrEqualTo'}Threshold",
            "TreatMissingData": "breaching" if self.silent else "notBreaching",
            "EvaluationPeriods": self.periods,
            "AlarmActions": [self.starts, *topic] if self.starts else topic,
        }
        if not self.starts:
            properties["OKActions"] = topic
        if self.owner:
            properties["Tags"] = tags(self.owner)
        return resource("CloudWatch::Alarm", properties)

    def _measured(self) -> dict[str, Value]:
        if isinstance(self.of, Metric):
            return {**self.of.alone(), "Period": self.period_s}
        return {"Metrics": self.of.parts(self.period_s)}
