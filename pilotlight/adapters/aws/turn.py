"""Whose turn it is to look at capacity: two at once would both start what one job needs.

Whoever finds the turn taken leaves word, and the one who has it looks once more: so a kick that
comes while another's look is under way is never lost, and nobody waits.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

from pilotlight.adapters.aws.calls import Refused
from pilotlight.adapters.aws.rows import number

if TYPE_CHECKING:
    from pilotlight.adapters.aws.calls import Calls
    from pilotlight.ports.clock import Clock

LEASE_S: Final = 30.0
"""A turn whose holder died is over after this."""
_KEY: Final = {"pk": {"S": "NOTE"}, "sk": {"S": "turn:scaler"}}
_ROUNDS: Final = 5


class ScalerTurn:
    """One object for each process; one thread."""

    def __init__(self, calls: Calls, table: str, clock: Clock) -> None:
        self._calls, self._table, self._clock = calls, table, clock
        self._name = {"S": secrets.token_hex(6)}

    def take(self) -> bool:
        """Whether it is ours now; if not, its holder knows that we asked."""
        for _ in range(_ROUNDS):
            if self._take():
                return True
            said = self._update("SET again = :yes", None, {":yes": {"BOOL": True}})
            if "until" in said and float(said["until"]["N"]) > self._clock.now():
                return False
        return False

    def _take(self) -> bool:
        now = self._clock.now()
        values = {":me": self._name, ":now": number(now), ":until": number(now + LEASE_S)}
        try:
            self._update(
                "SET holder = :me, #until = :until REMOVE again",
                "attribute_not_exists(#until) OR #until <= :now OR holder = :me",
                values,
                names={"#until": "until"},
            )
        except Refused:
            return False
        return True

    def give(self) -> bool:
        """Give it back; False: somebody asked meanwhile, so it stays ours for another look."""
        try:
            self._update(
                "REMOVE holder, #until",
                "holder = :me AND attribute_not_exists(again)",
                {":me": self._name},
                names={"#until": "until"},
            )
        except Refused as refused:
            (item,) = refused.items
            if item is None or item.get("holder") != self._name:
                return True  # it took us longer than the turn lasts, and another has it
            return not self._take()
        return True

    def _update(
        self,
        expression: str,
        condition: str | None,
        values: dict[str, Any],
        *,
        names: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        more: dict[str, Any] = {"ConditionExpression": condition} if condition else {}
        if names:
            more["ExpressionAttributeNames"] = names
        answer = self._calls(
            "update_item",
            TableName=self._table,
            Key=_KEY,
            UpdateExpression=expression,
            ExpressionAttributeValues=values,
            ReturnValues="ALL_NEW",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
            **more,
        )
        found: dict[str, Any] = answer.get("Attributes", {})
        return found
