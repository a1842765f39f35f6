"""The lifecycle's table as DynamoDB expressions: one UpdateItem per move, guards in its condition.

Nothing here knows a transition by name. Beside the columns that a transition names, an update
keeps what the indexes are sorted by in step with the status: see :mod:`.tables`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pilotlight.adapters.aws import history
from pilotlight.adapters.aws.rows import number, scalar
from pilotlight.adapters.aws.tables import FORGET, TTL, TTL_SLACK_S
from pilotlight.contracts.job import HELD, READY
from pilotlight.contracts.lifecycle import Add, Arg, Clear, Sum

if TYPE_CHECKING:
    from collections.abc import Callable

    from pilotlight.adapters.aws.rows import Value
    from pilotlight.contracts.job import JobStatus
    from pilotlight.contracts.lifecycle import Effect, Guard, Move


@dataclass(slots=True)
class _Expression:
    """Collects names and values under placeholders, and the clauses that use them."""

    names: dict[str, str] = field(default_factory=dict)
    values: dict[str, Value] = field(default_factory=dict)
    sets: list[str] = field(default_factory=list)
    removes: list[str] = field(default_factory=list)

    def name(self, attribute: str) -> str:
        """Always a placeholder: ``status``, ``owner`` and many more are reserved words."""
        self.names[f"#{attribute}"] = attribute
        return f"#{attribute}"

    def value(self, label: str, value: Value) -> str:
        self.values[f":{label}"] = value
        return f":{label}"

    def put(self, attribute: str, operand: str | None) -> None:
        """Set the attribute, or remove it where there is nothing to set."""
        name = self.name(attribute)
        if operand is None:
            self.removes.append(name)
        else:
            self.sets.append(f"{name} = {operand}")

    def update(self) -> str:
        removes = f" REMOVE {', '.join(self.removes)}" if self.removes else ""
        return f"SET {', '.join(self.sets)}{removes}"


@dataclass(frozen=True, slots=True)
class _Compiler:
    move: Move
    write_text: Callable[[str], Value]
    out: _Expression

    def arg(self, name: str) -> str | None:
        value = self.move.args[name]
        if value is None:
            return None
        return self.out.value(name, scalar(value, self.write_text))

    def operand(self, column: str, effect: Effect) -> str | None:
        match effect:
            case Arg(name):
                return self.arg(name)
            case Add(amount):
                return f"{self.out.name(column)} + {self._amount(amount)}"
            case Sum(other, name):
                return f"{self.out.name(other)} + {self.arg(name)}"
            case Clear():
                return None

    def later(self, effect: Effect) -> str | None:
        """When DynamoDB itself deletes a row that this effect says when to forget."""
        if not isinstance(effect, Sum):
            return None
        now = self.move.args[effect.arg]
        assert isinstance(now, int | float)
        moment = self.out.value("late", number(int(now) + TTL_SLACK_S))
        return f"{self.out.name(effect.column)} + {moment}"

    def _amount(self, amount: int) -> str:
        return self.out.value(f"add_{amount}".replace("-", "less_"), number(amount))

    def guard(self, guard: Guard) -> str:
        right = guard.right
        operand = self.arg(right[1:]) if right.startswith(":") else self.out.name(right)
        return f"{self.out.name(guard.column)} {guard.op} {operand}"

    def place(self, to: JobStatus) -> None:
        """Which of the indexes by status the row is in from now on."""
        self.out.put("ready", self.out.name("worker") if to in READY else None)
        self.out.put("running", self.out.name("worker") if to in HELD else None)
        self.out.put("holder", self._holder() if to in HELD else None)

    def log(self, event: Value | None, *, anew: bool) -> None:
        one = self.out.value("event", {"L": [event] if event else []})
        if not anew:
            log, none = self.out.name(history.COLUMN), self.out.value("none", {"L": []})
            one = f"list_append(if_not_exists({log}, {none}), {one})"
        self.out.put(history.COLUMN, one)

    def _holder(self) -> str | None:
        """A copied attribute has its value from before the update; an owner set now has not."""
        owner = self.move.transition.effects.get("owner")
        return self.operand("owner", owner) if owner else self.out.name("owner")


def update(
    move: Move,
    *,
    write_text: Callable[[str], Value],
    event: Value | None,
    token: str,
    anew: bool = False,
) -> dict[str, Any] | None:
    """The arguments of UpdateItem for this move, but for table and key.

    ``event`` is what the history gains, or with ``anew`` all that it has from now on; ``token``
    names the write. None: a guard compares with
    an argument that is None, which holds for no row.
    """
    transition, out = move.transition, _Expression()
    compiler = _Compiler(move, write_text, out)
    if any(_is_void(guard, move) for guard in transition.guards):
        return None
    left = [out.value(f"from_{status}", {"S": str(status)}) for status in sorted(transition.leaves)]
    guards = [compiler.guard(guard) for guard in transition.guards]
    for column, effect in transition.effects.items():
        out.put(column, compiler.operand(column, effect))
        if column == FORGET.sort:
            out.put(TTL, compiler.later(effect))
    if transition.to is not None:
        out.put("status", out.value("to", {"S": str(transition.to)}))
        compiler.place(transition.to)
    if event is not None or anew:
        compiler.log(event, anew=anew)
    out.put("token", out.value("token", {"S": token}))
    return {
        "UpdateExpression": out.update(),
        "ConditionExpression": " AND ".join(
            (f"{out.name('status')} IN ({', '.join(left)})", *guards)
        ),
        "ExpressionAttributeNames": out.names,
        "ExpressionAttributeValues": out.values,
    }


def _is_void(guard: Guard, move: Move) -> bool:
    return guard.right.startswith(":") and move.args[guard.right[1:]] is None
