"""A job as an item, both ways. Columns keep their names; a column without a value is absent.

Numbers travel as decimal texts: DynamoDB keeps 38 digits and a float needs 17, so each comes
back as the float that it was. What DynamoDB itself adds up (``run_by``, ``forget_at``) is exact
in decimal and may differ from a float sum in the last bit, under a microsecond.

Beside the columns an item has what its indexes sort by (:mod:`.tables`), its history
(:mod:`.history`) and ``token``, the name of the write that was last.
"""

from __future__ import annotations

import hashlib
import types
import typing
import zlib
from dataclasses import fields
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from pilotlight.adapters.aws.tables import SHARDS
from pilotlight.adapters.aws.texts import LONGEST_BYTES
from pilotlight.contracts.job import HELD, NO_TEXT, READY, Job, JobStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pilotlight.adapters.aws.texts import LongTexts

Value = dict[str, Any]
Item = dict[str, Value]


def _kind(hint: Any) -> Any:
    if isinstance(hint, types.UnionType):
        (hint,) = set(typing.get_args(hint)) - {types.NoneType}
    return hint


_KINDS: Final = {name: _kind(hint) for name, hint in typing.get_type_hints(Job).items()}
_NAMES: Final = tuple(field.name for field in fields(Job))


def number(value: float) -> Value:
    return {"N": repr(value)}


def _whole(text: str) -> int:
    return int(Decimal(text))  # DynamoDB may write 4 as 4.0


_LOST: Final = {
    "input": "null",  # fits no contract: the job fails at its next attempt, and says so
    "output": NO_TEXT,
    "options": "{}",
    "tags": "[]",
    "artifacts": "[]",
    "error": '{"code":"text_lost","message":"the text of this error is not kept any more"}',
    "note": "",
}
"""What stands in a row for a text that somebody took out of the bucket. The row must stay one that
can be read: upkeep, replicas and lists go through rows by the hundred, and one that raises would
end the work on all of them."""
_READ: Final[dict[type, Callable[[str], Any]]] = {int: _whole, float: float}


def job_key(job_id: str) -> Item:
    return {"pk": {"S": f"JOB#{job_id}"}, "sk": {"S": "JOB"}}


def idempotency_key(caller: str, key: str) -> Item:
    """Hashed: a caller chose the key, and a table's key has a length."""
    digest = hashlib.sha256(key.encode()).hexdigest()
    return {"pk": {"S": f"IDEM#{digest}"}, "sk": {"S": caller}}


def tally_key(group_id: str) -> Item:
    return {"pk": {"S": f"GROUP#{group_id}"}, "sk": {"S": "TALLY"}}


def feed_partition(job_id: str) -> Value:
    return {"S": f"FEED#{job_id}"}


def scalar(value: object, write_text: Callable[[str], Value]) -> Value:
    """The attribute value of a column that has one."""
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, str):
        return write_text(str(value))
    assert isinstance(value, int | float)
    return number(value)


def item_of(job: Job, texts: LongTexts, *, token: str, longest: int = LONGEST_BYTES) -> Item:
    """The whole item of a new row; ``longest``: bytes of a text that it holds itself."""

    def write(text: str) -> Value:
        return texts.write(job.id, text, longest=longest)

    columns = {name: getattr(job, name) for name in _NAMES}
    return {
        **job_key(job.id),
        **{name: scalar(value, write) for name, value in columns.items() if value is not None},
        **{name: {"S": text} for name, text in _sorted_by(job).items()},
        "token": {"S": token},
    }


def place_of(job: Job) -> str:
    """Where it stands among those that wait: by priority, then first come, first served."""
    return f"{job.priority:03d}#{born(job.created_at, job.id)}"


def born(created_at: float, job_id: str = "") -> str:
    """Its place among a caller's jobs, and among all."""
    return f"{created_at:020.6f}#{job_id}"


def _sorted_by(job: Job) -> dict[str, str]:
    found = {
        # Not hash(): every process must say the same.
        "shard": SHARDS[zlib.crc32(job.id.encode()) % len(SHARDS)],
        "born": born(job.created_at, job.id),
        "place": place_of(job),
    }
    if job.status in READY:
        found["ready"] = job.worker
    if job.status in HELD:
        found |= {"running": job.worker, "holder": job.owner or "nobody"}
    return found


def job_of(item: Mapping[str, Value], texts: LongTexts) -> Job:
    """A column that is not there has its default: None, or what an older release did not write."""
    return Job(**{name: _read(name, item[name], texts) for name in _NAMES if name in item})


def _read(name: str, value: Value, texts: LongTexts) -> Any:
    if "N" in value:
        return _READ[_KINDS[name]](value["N"])
    if "BOOL" in value:
        return value["BOOL"]
    text = texts.read(value, lost=_LOST.get(name))
    return JobStatus(text) if name == "status" else text
