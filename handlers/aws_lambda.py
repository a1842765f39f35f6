"""Lambda's entry points. Each is a few lines over what is wired once per process.

They import what they need themselves: a kick that is started cold loads no web framework, and
importing this module costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from handlers.lambda_http import Bridge
    from handlers.lambda_upkeep import MinuteUpkeep
    from pilotlight.delivery.dispatcher import Dispatcher

Event = Mapping[str, Any]


class Context(Protocol):
    def get_remaining_time_in_millis(self) -> int: ...


@cache
def _bridge() -> Bridge:
    from handlers.app import create_app  # noqa: PLC0415 - see above, as are all of these
    from handlers.lambda_house import services  # noqa: PLC0415
    from handlers.lambda_http import Bridge  # noqa: PLC0415

    return Bridge(create_app(services()))


def ingress(event: Event, context: Context) -> dict[str, Any]:
    """A request to the Function URL (payload format 2.0), answered as a whole."""
    return _bridge()(event, within_s=_left_s(context))


@cache
def _minute() -> MinuteUpkeep:
    from handlers.batching import teach  # noqa: PLC0415
    from handlers.dialect import found  # noqa: PLC0415
    from handlers.lambda_house import services  # noqa: PLC0415
    from handlers.lambda_upkeep import MinuteUpkeep  # noqa: PLC0415

    teach(services(), found().values())  # a batch is read and written in its dialect's words
    return MinuteUpkeep(services())


def upkeep(event: Event, context: Context) -> dict[str, Any]:
    """Each minute, and when a task of the cluster has stopped; or as :func:`kick`, which it may
    stand in for: called each minute, it is warm when the first submit comes.
    """
    if "worker" in event:
        return kick(event, context)
    if event.get("source") == "aws.ecs":
        return {"looks": _minute().after_a_stop()}
    return {"looks": _minute()(within_s=_left_s(context))}


def kick(event: Event, _context: Context) -> dict[str, Any]:
    """``{"worker": NAME}``: a submit found nobody who looks at capacity beside it."""
    from handlers.lambda_house import services  # noqa: PLC0415
    from handlers.lambda_upkeep import kick as look  # noqa: PLC0415

    return {"looked": look(services(), str(event["worker"]))}


@cache
def _dispatcher() -> Dispatcher:
    from handlers.lambda_dispatch import dispatcher  # noqa: PLC0415
    from handlers.lambda_house import services  # noqa: PLC0415

    return dispatcher(services())


def dispatch(event: Event, context: Context) -> dict[str, Any]:
    """Records of the job table's stream, or the timer's event."""
    from handlers.lambda_dispatch import dispatch as post  # noqa: PLC0415
    from handlers.lambda_house import services  # noqa: PLC0415

    return {"begun": post(services(), _dispatcher(), event, within_s=_left_s(context))}


def dead_letters(event: Event, _context: Context) -> dict[str, Any]:
    """Messages of the dead-letter queue; the answer names those that have to come again."""
    from handlers.lambda_house import services  # noqa: PLC0415
    from handlers.lambda_letters import bury  # noqa: PLC0415
    from handlers.lambda_upkeep import tell_letters  # noqa: PLC0415

    settled, answer = bury(services(), event)
    tell_letters(services(), settled)
    return answer


def _left_s(context: Context) -> float:
    return context.get_remaining_time_in_millis() / 1000


def drop(event: Event, _context: Context) -> dict[str, Any]:
    """Messages about objects that were put into the drop bucket; the answer names those that have
    to come again. The listing of upkeep finds what nobody told of.
    """
    from handlers.lambda_drop import take  # noqa: PLC0415
    from handlers.lambda_house import services  # noqa: PLC0415

    _minute()  # it has taught batches the words of every dialect
    return take(services(), event)
