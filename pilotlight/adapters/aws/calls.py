"""Requests to DynamoDB: three tries, and the truth about what became of each.

Reliability section 2.5: a try whose answer is lost means "maybe". The same request is sent again;
if a condition then refuses it, the item that comes back with the refusal tells whether the lost
try was the one that changed it.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
)
from botocore.parsers import ResponseParserError

from pilotlight.adapters.aws.skew import Skew
from pilotlight.errors import SettingsError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from types_boto3_dynamodb import DynamoDBClient

    from pilotlight.ports.clock import Clock

TRIES: Final = 3
ROUNDS: Final = 20
"""Of a batch: with its rests some ten seconds at most, five as a rule."""
_FIRST_WAIT_S: Final = 0.05
_LONGEST_WAIT_S: Final = 0.6
_THROTTLED: Final = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ThrottlingException",
        "ThrottlingError",
        "LimitExceededException",
        "TransactionInProgressException",
        "TransactionConflictException",
        "ReplicatedWriteConflictException",
    }
)
_PASSING_REASONS: Final = frozenset(
    {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}
)
_STALE_CREDENTIALS: Final = frozenset({"ExpiredTokenException", "RequestExpired"})
_OWNERS: Final = frozenset(
    {
        "AccessDeniedException",
        "ResourceNotFoundException",
        "UnrecognizedClientException",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
    }
)
"""What the owner has to put right: a role, a table's name, a key."""


class Refused(Exception):
    """A condition did not hold, so nothing was written by the last try.

    ``items`` are the items as they are, one per condition; None where there is none or where that
    condition held. ``doubtful``: an earlier try of the same request may have been the writer.
    """

    def __init__(self, items: Sequence[dict[str, Any] | None], *, doubtful: bool) -> None:
        super().__init__("a condition did not hold")
        self.items, self.doubtful = items, doubtful


class TooLarge(Exception):
    """The item would be longer than 400 KB."""


class Calls:
    """DynamoDB by operation name: ``calls("get_item", TableName=...)``.

    Raises Refused, TooLarge, Unavailable when three tries failed (a write may then have been done all the
    same), SettingsError when trying again cannot help.
    """

    def __init__(
        self,
        client: DynamoDBClient,
        clock: Clock,
        *,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._client, self._clock, self._chance = client, clock, chance
        self.skew = Skew(clock)

    def __call__(self, operation: str, **request: Any) -> dict[str, Any]:
        send: Callable[..., dict[str, Any]] = getattr(self._client, operation)
        doubtful, trouble = False, Exception()
        for number in range(TRIES):
            try:
                return self._sent(send, request)
            except ClientError as error:
                trouble = error
                doubtful |= _answered(error, doubtful=doubtful)
            except (EndpointConnectionError, ConnectTimeoutError) as error:
                trouble = error  # it never left
            except (HTTPClientError, ResponseParserError) as error:
                trouble, doubtful = error, True
            except NoCredentialsError as error:
                raise SettingsError(f"AWS: {error}") from error
            if number + 1 < TRIES:
                self._clock.sleep(self._chance() * _FIRST_WAIT_S * 4**number)
        raise Unavailable(
            f"DynamoDB did not answer {operation} in {TRIES} tries: {_words(trouble)}"
        ) from trouble

    def bit_by_bit(self, operation: str, wanted: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """A batch request and its rest, as often as DynamoDB does a part of it: what it answers.

        A part is all that fits into 16 MB, or all that a busy partition has room for just now: so
        each time after a longer rest. Raises Unavailable when there is no end to it.
        """
        for number in range(ROUNDS):
            answer = self(operation, RequestItems=wanted)
            yield answer
            wanted = answer.get("UnprocessedKeys") or answer.get("UnprocessedItems") or {}
            if not wanted:
                return
            rest_s = min(_FIRST_WAIT_S * 2**number, _LONGEST_WAIT_S)
            self._clock.sleep(self._chance() * rest_s)
        raise Unavailable(f"DynamoDB did only a part of {operation}")

    def _sent(self, send: Callable[..., dict[str, Any]], request: dict[str, Any]) -> dict[str, Any]:
        asked_at = self._clock.now()
        answer = send(**request)
        headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        self.skew.heard(headers.get("date"), asked_at=asked_at)
        return answer


def _answered(error: ClientError, *, doubtful: bool) -> bool:
    """Whether the passing trouble leaves open what happened; any other answer is raised."""
    code = error.response["Error"]["Code"]
    if code == "ConditionalCheckFailedException":
        found: Any = error.response.get("Item")
        raise Refused([found], doubtful=doubtful) from None
    if code == "TransactionCanceledException":
        _cancelled(error, doubtful=doubtful)
        return False
    if code in _THROTTLED:
        return False
    if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
        return True
    if code in _STALE_CREDENTIALS:
        raise Unavailable(f"AWS: {_words(error)}") from error
    if code == "ValidationException" and "Item size" in str(error):
        raise TooLarge(_words(error)) from error
    if code in _OWNERS:
        raise SettingsError(f"AWS refused {error.operation_name}: {_words(error)}") from error
    raise error


def _cancelled(error: ClientError, *, doubtful: bool) -> None:
    """Return when the transaction may be tried again; raise Refused when a condition failed."""
    reasons: list[Any] = error.response.get("CancellationReasons", [])
    if any(reason.get("Code") in _PASSING_REASONS for reason in reasons):
        return
    if any(reason.get("Code") == "ConditionalCheckFailed" for reason in reasons):
        raise Refused([reason.get("Item") for reason in reasons], doubtful=doubtful) from None
    raise error


def _words(error: ClientError | BotoCoreError | Exception) -> str:
    return str(error)[:300]
