"""The child of a pooled host: several models in one process, of which one is in place.

Started as ``python -m pilotlight.execution.child_pool``. Libraries are imported once, a model that
is not needed gives its memory back, and a crash costs all of them: the parent keeps the account.
"""

from __future__ import annotations

import ctypes
import gc
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pilotlight import catalogue
from pilotlight.contracts import events
from pilotlight.contracts.stages import stage
from pilotlight.execution import child_run
from pilotlight.execution.child import Child, run_child
from pilotlight.execution.child_logs import send_traceback
from pilotlight.execution.child_stages import Stages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pilotlight.contracts.events import Event
    from pilotlight.contracts.worker import Worker

_GIB: Final = 1024**3
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


class PoolChild(Child):
    """Switches and jobs come in one line, so that a job finds its model in place."""

    _packages: Sequence[str]

    def serve(self, name: str, packages: Sequence[str]) -> int:  # noqa: ARG002
        """``name`` is not looked at: which models there are is what the parent asks for."""
        self._packages = packages
        self._models: dict[str, Worker[Any, Any]] = {}
        self._parked: set[str] = set()
        self._start_listening()
        self._send(events.Ready(0.0))
        self._work()
        for worker in self._models.values():
            worker.close()
        return 0

    def _heed(self, event: Event) -> None:
        if isinstance(event, events.Switch):
            self._ear.put(event)
        else:
            super()._heed(event)

    def _take(self, word: events.Run | events.Switch) -> None:
        if isinstance(word, events.Switch):
            self._change(word)
        else:
            self._run(word)

    def _change(self, wanted: events.Switch) -> None:
        dropped: tuple[str, ...] = ()
        if wanted.park and not self._park(wanted.park):
            dropped = (wanted.park,)
        for name in (*wanted.drop, *dropped):
            self._drop(name)
        if wanted.worker:
            self._bring(wanted.worker, dropped)

    def _park(self, name: str) -> bool:
        try:
            parked = self._models[name].park()
        except Exception as error:  # noqa: BLE001 - a model may fail in any way; then it has to go
            send_traceback(self._send, "", error)
            return False
        if parked:
            self._parked.add(name)
            _give_back()
        return parked

    def _drop(self, name: str) -> None:
        self._parked.discard(name)
        worker = self._models.pop(name, None)
        if worker is None:
            return
        try:
            worker.close()
        except Exception as error:  # noqa: BLE001 - as above
            send_traceback(self._send, "", error)
        self._worker = _NOBODY
        del worker
        _give_back()

    def _bring(self, name: str, dropped: tuple[str, ...]) -> None:
        began, before = time.monotonic(), _memory_bytes()
        stages = _Weighing(self._send)
        try:
            with stages.listen():
                if name not in self._models:
                    with stage("imports"):
                        made = catalogue.find(self._packages, name)()
                    child_run.load(made, self._loop)
                    self._models[name] = made
                elif name in self._parked:
                    with stage("device"):
                        self._models[name].wake()
                    self._parked.discard(name)
        except BaseException as error:  # noqa: BLE001 - a model may fail to load in any way
            self._drop(name)
            send_traceback(self._send, "", error)
            self._send(events.SwitchFailed(name, child_run.why_not_loaded(error)))
            return
        self._worker = self._models[name]
        took_s = time.monotonic() - began
        size = max(0, _memory_bytes() - before - stages.libraries)
        self._send(events.Switched(name, took_s, size / _GIB, dropped, stages.took))


class _Weighing(Stages):
    """Also how much memory the libraries took: they stay when the model goes."""

    libraries = 0
    _before = 0

    def enter(self, name: str) -> None:
        if name == "imports":
            self._before = _memory_bytes()
        super().enter(name)

    def leave(self) -> None:
        if self._names[-1] == "imports":
            self.libraries += _memory_bytes() - self._before
        super().leave()


class _Nobody:
    """In place when nothing is: the parent never sends a job then."""


_NOBODY: Final[Any] = _Nobody()


def _memory_bytes() -> int:
    """Resident, and what the GPU library of the models has taken."""
    taken = 0
    if (torch := sys.modules.get("torch")) is not None and torch.cuda.is_initialized():
        taken = int(torch.cuda.memory_allocated())
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    except OSError:
        return taken
    return taken + int(pages) * _PAGE_BYTES


def _give_back() -> None:
    """What a model leaves goes back to the GPU and to the system, not to a free list of ours."""
    gc.collect()
    if (torch := sys.modules.get("torch")) is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    if (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)) is not None:
        trim(0)


if __name__ == "__main__":
    sys.exit(run_child(PoolChild))
