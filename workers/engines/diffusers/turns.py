"""One thread has the GPU: jobs of several slots hand their pieces to it and wait.

Pieces of jobs that are alike are done in one call (:mod:`workers.engines.diffusers.sharing`).
"""

from __future__ import annotations

import contextlib
import threading
import time
from concurrent.futures import Future, InvalidStateError
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from workers.engines.diffusers.sharing import Linger, Piece, choose

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from workers.engines.diffusers.declared import Limits

WorkT = TypeVar("WorkT")
_CHECK_EVERY_S: Final = 0.1
"""A job that waits for others is asked so often whether it still wants to."""


@dataclass(eq=False)
class Turn(Generic[WorkT]):
    """A piece of work and what becomes of it."""

    work: WorkT
    piece: Piece
    result: Future[Any] = field(default_factory=Future)

    def told(self, hear: Callable[[], None]) -> None:
        """Have its job hear something; what that raises, such as Cancelled, ends this turn only."""
        if self.over:
            return
        try:
            hear()
        except BaseException as error:  # noqa: BLE001 - belongs to the job, not to this thread
            self.failed(error)

    def failed(self, error: BaseException) -> None:
        with contextlib.suppress(InvalidStateError):  # its job has just left
            self.result.set_exception(error)

    def done(self, result: Any) -> None:
        with contextlib.suppress(InvalidStateError):  # nobody wants it any more
            self.result.set_result(result)

    @property
    def over(self) -> bool:
        return self.result.done()


class Turns(Generic[WorkT]):
    """``perform`` gets turns that are alike and returns their results, in order.

    It runs in one thread only. What it raises becomes of every turn it was given that is not over.
    """

    def __init__(
        self, perform: Callable[[Sequence[Turn[WorkT]]], Sequence[Any]], limits: Limits
    ) -> None:
        self._perform, self._limits = perform, limits
        self._waiting: list[Turn[WorkT]] = []
        self._changed = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._work, name="turns", daemon=True)
        self._thread.start()

    def give(self, works: Sequence[tuple[WorkT, Piece]], *, check: Callable[[], None]) -> list[Any]:
        """The results, in order. Raises the first error, and what ``check`` raises while it waits;
        what is left of them is then not begun, or its result is dropped.
        """
        turns = [Turn(*one) for one in works]
        with self._changed:
            if self._ended:
                raise RuntimeError("the engine was closed")
            self._waiting += turns
            self._changed.notify_all()
        try:
            return [_awaited(turn, check) for turn in turns]
        except BaseException:
            with self._changed:
                self._waiting = [one for one in self._waiting if one not in turns]
            for turn in turns:
                turn.result.cancel()
            raise

    def close(self) -> None:
        """No more turns; the one that is under way is finished."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self._thread.join()

    def _work(self) -> None:
        while (turns := self._next()) is not None:
            try:
                results = self._perform(turns)
            except BaseException as error:  # noqa: BLE001 - a model may fail in any way
                for turn in turns:
                    turn.failed(error)
            else:
                for turn, result in zip(turns, results, strict=True):
                    turn.done(result)
            del turns  # else the last pictures stay in memory until the next job

    def _next(self) -> list[Turn[WorkT]] | None:
        with self._changed:
            while not self._ended:
                self._waiting = [one for one in self._waiting if not one.over]
                if not self._waiting:
                    self._changed.wait()
                    continue
                now = time.monotonic()
                chosen = choose([one.piece for one in self._waiting], self._limits, now=now)
                if isinstance(chosen, Linger):
                    self._changed.wait(max(0.0, chosen.until - now))
                    continue
                turns = [self._waiting[place] for place in chosen.places]
                self._waiting = [one for one in self._waiting if one not in turns]
                return turns
            return None


def _awaited(turn: Turn[Any], check: Callable[[], None]) -> Any:
    while True:
        try:
            return turn.result.result(timeout=_CHECK_EVERY_S)
        except NotYet:
            check()
