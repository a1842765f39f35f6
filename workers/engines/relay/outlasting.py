"""Wait for an answer, but no longer than the job lives: a thread of its own hears it out."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from pilotlight import Cancelled

if TYPE_CHECKING:
    from collections.abc import Callable

    from pilotlight import Context

T = TypeVar("T")
_LOOK_S: Final = 0.1
"""How soon a cancelled job is let go: its process is killed, with its neighbours, when it is not."""


class _Call(Generic[T]):
    def __init__(self, send: Callable[[], T], late: Callable[[T], None]) -> None:
        self._send, self._late = send, late
        self._lock = threading.Lock()
        self._left = False
        self.over = threading.Event()
        self.reply: T | None = None
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.reply = self._send()
        except BaseException as error:  # noqa: BLE001 - raised where the answer is waited for
            self.error = error
        with self._lock:
            self.over.set()
            left = self._left
        if left and self.reply is not None:
            self._late(self.reply)

    def leave(self) -> bool:
        """Wait no more; whether the answer has not come."""
        with self._lock:
            self._left = not self.over.is_set()
        return self._left


def outlasting(
    context: Context, send: Callable[[], T], late: Callable[[T], None] = lambda _reply: None
) -> T:
    """What ``send`` returns or raises. Raises Cancelled as soon as the job is cancelled.

    ``late`` gets an answer that comes afterwards: it may have to be taken back.
    """
    call = _Call(send, late)
    threading.Thread(target=call.run, name="asking", daemon=True).start()
    while not call.over.wait(_LOOK_S):
        if context.cancelled and call.leave():
            raise Cancelled("the job was cancelled while its upstream was asked")
    if call.error is not None:
        raise call.error
    assert call.reply is not None  # one of the two
    return call.reply
