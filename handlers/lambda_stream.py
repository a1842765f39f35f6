"""The ingress in a Lambda, answering while it works: ``python -m handlers.lambda_stream``.

It takes the place of AWS's Python runtime (``AWS_LAMBDA_EXEC_WRAPPER`` is ``infra/ingress.sh``),
and hands each piece of an answer on as the app sends it: events of a stream arrive when they happen.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, MutableMapping
from typing import Any, Final

from handlers.lambda_http import App, Bridge, body_of, prelude_of, scope_of
from handlers.lambda_runtime import Answer, HungUp, Invocation, RuntimeApi
from pilotlight import settings
from pilotlight.observability.logs import event as log
from pilotlight.observability.logs import failure

_MARGIN_S: Final = 3.0
"""Kept of an invocation's time to say that it is over."""
_LEAVE_S: Final = 1.0
"""For the app to end by itself once nobody listens."""


class Streaming:
    """One app, one event loop, one invocation at a time. The app's lifespan begins with it."""

    def __init__(self, app: App, now: Callable[[], float]) -> None:
        self._bridge, self._now = Bridge(app), now

    def close(self) -> None:
        self._bridge.close()

    def __call__(self, api: RuntimeApi, invocation: Invocation) -> None:
        """Answer it, or say why not. Raises OSError when Lambda itself does not listen."""
        try:
            scope, body = scope_of(invocation.event), body_of(invocation.event)
        except (KeyError, TypeError, ValueError) as error:
            api.refuse(invocation, "Ingress.NoRequest", f"not a Function URL's request: {error!r}")
            return
        exchange = _Exchange(api, invocation, body)
        within_s = invocation.deadline_at - self._now() - _MARGIN_S
        self._bridge.run(
            exchange.held(self._bridge.app(scope, exchange.receive, exchange.send), within_s)
        )
        if not exchange.began:
            api.refuse(invocation, exchange.kind, "nothing was answered")


class _Exchange:
    """One request and its answer."""

    def __init__(self, api: RuntimeApi, invocation: Invocation, body: bytes) -> None:
        self._api, self._invocation = api, invocation
        self._body: bytes | None = body
        self._gone = asyncio.Event()
        self._answer: Answer | None = None
        self._whole = False
        self.began = False
        self.kind = "Ingress.Failed"
        """What is said of an answer that ends before it is whole."""

    async def receive(self) -> dict[str, Any]:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """After nobody listens any more, what the app says is dropped, as by any server."""
        if self._gone.is_set() or self._whole:
            return
        try:
            if message["type"] == "http.response.start":
                self._answer = await self._api.answer(self._invocation, prelude_of(message))
                self._answer.over.add_done_callback(lambda _: self._gone.set())
                self.began = True
            elif self._answer is not None:
                await self._answer.write(message.get("body", b""))
                if not message.get("more_body", False):
                    self._whole = True
                    await self._answer.end()
        except HungUp:
            self._gone.set()

    async def held(self, work: Any, within_s: float) -> None:
        """Until the app is done, the caller has left, or the invocation's time is nearly over."""
        running, leaving = asyncio.ensure_future(work), asyncio.ensure_future(self._gone.wait())
        ended, _ = await asyncio.wait(
            {running, leaving}, timeout=max(0.1, within_s), return_when=asyncio.FIRST_COMPLETED
        )
        leaving.cancel()
        if not running.done() and self._whole:  # what it does after its answer belongs to it
            await asyncio.wait({running}, timeout=max(0.1, within_s))
        if not running.done():
            self.kind = "Ingress.Left" if ended else "Ingress.Timeout"
            self._gone.set()
            await asyncio.wait({running}, timeout=_LEAVE_S)
        await self._settle(running)

    async def _settle(self, running: asyncio.Future[Any]) -> None:
        """What became of it is logged, and told to a caller who has only a part."""
        if not running.done():
            running.cancel()
            await asyncio.wait({running}, timeout=_LEAVE_S)
        if running.done() and not running.cancelled():
            try:
                running.result()
            except Exception:  # noqa: BLE001 - a request must not end the process
                failure("ingress.failed")
        if self._whole:
            return
        log("ingress.cut", kind=self.kind, request=self._invocation.id)
        if self._answer is not None:
            await self._answer.fail(self.kind, "the answer is not whole")


def main() -> int:
    """Serves for as long as Lambda lets it."""
    place = settings.lambda_runtime()
    if place is None:
        sys.stderr.write("AWS_LAMBDA_RUNTIME_API is not set: this runs in a Lambda alone\n")
        return 2
    api = RuntimeApi(place)
    try:
        from handlers.app import create_app  # noqa: PLC0415 - what they lack is for Lambda to know
        from handlers.lambda_house import services  # noqa: PLC0415

        house = services()
        serve = Streaming(create_app(house), house.clock.now)
    except Exception as error:  # noqa: BLE001 - whatever it was, Lambda shows it to the operator
        failure("ingress.not_started")
        api.never_began(f"{type(error).__name__}: {error}")
        return 1
    while True:
        serve(api, api.next())


if __name__ == "__main__":
    sys.exit(main())
