"""A replica's own row in DynamoDB: one small write for each word."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any, Final

from pilotlight.adapters.aws import replica_items as items
from pilotlight.adapters.aws.calls import Refused
from pilotlight.adapters.aws.rows import number

if TYPE_CHECKING:
    from pilotlight.adapters.aws.calls import Calls
    from pilotlight.adapters.aws.rows import Item
    from pilotlight.ports.fleet import LoadStep, Stage

_REACHED: Final[dict[Stage, str]] = {
    "loading": "loading_at",
    "ready": "ready_at",
    "failed": "ended_at",
    "gone": "ended_at",
}
_LAST: Final = {"draining", "failed", "gone"}
"""What may follow ``draining``."""
_NEW_STEP: Final = "attribute_exists(pk) AND (attribute_not_exists(#step) OR #step <> :step)"
ROUGHLY_S: Final = 5.0
"""When a job was settled is told this exactly: a job shorter than that costs no second write."""


class DynamoRoster:
    """``process`` is the replica's own: its id and when it started, as the system counts."""

    def __init__(
        self, calls: Calls, table: str, *, process: tuple[int, float | None] | None = None
    ) -> None:
        self._calls, self._table = calls, table
        self._process: Item = {}
        if process is not None:
            pid, started = process
            self._process = {"pid": number(pid)}
            if started is not None:
                self._process["pid_started"] = number(started)
        self._active_at = 0.0
        self._told_at = float("-inf")

    def report(self, replica_id: str, stage: Stage, *, now: float, error: str = "") -> None:
        sets = {"stage": ":stage", "seen_at": ":now"}
        values: Item = {":stage": {"S": stage}, ":now": number(now)}
        for name, value in self._process.items():
            sets[name] = f"if_not_exists(#{name}, :{name})"
            values[f":{name}"] = value
        if reached := _REACHED.get(stage):
            sets[reached] = f"if_not_exists(#{reached}, :now)"
        if stage == "ready":
            sets["active_at"] = ":now"
        if error:
            sets["error"], values[":error"] = ":error", {"S": error}
        condition = "attribute_exists(pk) AND attribute_not_exists(ended_at)"
        if stage not in _LAST:
            condition += " AND #stage <> :draining"
            values[":draining"] = {"S": "draining"}
        with contextlib.suppress(Refused):  # it is over, or was told to drain
            self._update(replica_id, sets, condition, values, drop=() if error else ("error",))

    def stepped(self, replica_id: str, step: LoadStep, *, now: float) -> None:
        sets = {"step": ":step", "step_at": ":now"}
        values: Item = {":step": {"S": step.name}, ":now": number(now)}
        if step.fraction is not None:
            sets["fraction"], values[":fraction"] = ":fraction", number(step.fraction)
        if step.took:
            sets["took"] = "if_not_exists(#took, :took)"
            values[":took"] = {"S": json.dumps(dict(step.took))}
        drop = () if step.fraction is not None else ("fraction",)
        with contextlib.suppress(Refused):
            try:
                self._update(replica_id, sets, _NEW_STEP, values, drop=drop)
            except Refused:  # the same step goes on: it began when it began
                del sets["step_at"], values[":now"]
                self._update(replica_id, sets, "attribute_exists(pk)", values, drop=drop)

    def seen(self, replica_id: str, *, now: float) -> bool:
        sets, values = {"seen_at": ":now"}, {":now": number(now)}
        if self._active_at:
            sets["active_at"], values[":active"] = ":active", number(self._active_at)
        try:
            item = self._update(replica_id, sets, "attribute_exists(pk)", values)
        except Refused:
            return True
        return items.text(item, "stage") != "draining"

    def may_lease(self, replica_id: str, *, now: float, leases: int = 1) -> bool:
        """With no lease to make, only what is far from the truth is worth a request."""
        self._active_at = now
        if leases == 0 and now - self._told_at < ROUGHLY_S:
            return True
        values: Item = {":now": number(now), ":ready": {"S": "ready"}}
        try:
            self._update(replica_id, {"active_at": ":now"}, "#stage = :ready", values)
        except Refused:
            return False
        self._told_at = now
        return True

    def _update(
        self,
        replica_id: str,
        sets: dict[str, str],
        condition: str,
        values: dict[str, Any],
        *,
        drop: tuple[str, ...] = (),
    ) -> Item:
        """The row afterwards. Raises Refused."""
        expression = "SET " + ", ".join(f"#{name} = {value}" for name, value in sets.items())
        if drop:
            expression += " REMOVE " + ", ".join(f"#{name}" for name in drop)
        names = {f"#{name}": name for name in (*sets, *drop)}
        if "#stage" in condition:
            names["#stage"] = "stage"
        answer = self._calls(
            "update_item",
            TableName=self._table,
            Key=items.row(replica_id),
            UpdateExpression=expression,
            ConditionExpression=condition,
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=values,
            ReturnValues="ALL_NEW",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
        found: Item = answer["Attributes"]
        return found
