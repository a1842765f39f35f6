"""A message that another system put on a queue of its own: ``{"endpoint", "input", ...}``.

The event is what SQS hands to a Lambda: ``Records`` with ``eventSource`` ``aws:sqs``, a
``messageId`` each, and the message as text in ``body``.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel, ConfigDict, ValidationError

from handlers.source import Event, Refused, Source, Wish
from pilotlight.contracts.job import LOW_PRIORITY, NORMAL_PRIORITY
from pilotlight.errors import InvalidInput, Problem


class Message(BaseModel):
    """The text of one message."""

    model_config = ConfigDict(extra="forbid")

    endpoint: str
    input: dict[str, object] = {}
    webhook: str | None = None
    low_priority: bool = False


def matches(event: Event) -> bool:
    records = event.get("Records")
    return (
        isinstance(records, list)
        and bool(records)
        and all(isinstance(one, dict) and one.get("eventSource") == "aws:sqs" for one in records)
    )


def jobs_in(event: Event) -> Iterator[Wish | Refused]:
    for index, record in enumerate(event["Records"]):
        key = f"sqs:{record.get('messageId')}"
        try:
            message = _message(record.get("body"), index)
        except InvalidInput as error:
            yield Refused(Wish(endpoint="", key=key), error)
            continue
        yield Wish(
            endpoint=message.endpoint,
            input=message.input,
            key=key,
            webhook=message.webhook,
            priority=LOW_PRIORITY if message.low_priority else NORMAL_PRIORITY,
        )


def _message(text: object, index: int) -> Message:
    try:
        return Message.model_validate_json(text if isinstance(text, str) else "")
    except ValidationError as error:
        problems = tuple(
            Problem(("Records", index, "body", *item["loc"]), item["msg"], item["type"])
            for item in error.errors(include_url=False)
        )
        raise InvalidInput(f"Records.{index}.body: {problems[0].message}", *problems) from None


SOURCE = Source(name="queue-message", matches=matches, jobs_in=jobs_in)
