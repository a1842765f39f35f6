"""Real HTTP receivers on loopback, polite and hostile, and a record of every connect()."""

import contextlib
import ipaddress
import socket
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DEADLINE_S = 20.0
"""For waits that end by an event; only a failing test gets here."""


@dataclass(frozen=True)
class Received:
    method: str
    path: str
    headers: dict[str, str]
    """Lower-case names."""
    body: bytes


@dataclass
class Receiver:
    """What a running server has seen, and where it is."""

    host: str = "127.0.0.1"
    port: int = 0
    scheme: str = "http"
    received: list[Received] = field(default_factory=list)
    leaving: threading.Event = field(default_factory=threading.Event)
    """Set when the test is over: hostile handlers stop then."""
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def url(self, path: str = "/hook") -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{path}"

    def note(self, request: Received) -> None:
        with self._changed:
            self.received.append(request)
            self._changed.notify_all()

    def wait_for(self, count: int) -> list[Received]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.received) >= count, DEADLINE_S), (
                f"{len(self.received)} of {count} requests came"
            )
            return list(self.received)


def reply(status: int = 200, body: bytes = b"", **headers: str):
    """A handler that always answers this."""

    def answer(handler: BaseHTTPRequestHandler, _receiver: Receiver) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def drip(head: bytes, forever: bytes, every_s: float = 0.02):
    """A slow loris: the head, then one piece after the other until the client leaves."""

    def answer(handler: BaseHTTPRequestHandler, receiver: Receiver) -> None:
        with contextlib.suppress(OSError):
            handler.wfile.write(head)
            while not receiver.leaving.wait(every_s):
                handler.wfile.write(forever)

    return answer


def hold(handler: BaseHTTPRequestHandler, receiver: Receiver) -> None:
    """Never answer."""
    receiver.leaving.wait(DEADLINE_S)


@contextlib.contextmanager
def serving(answer, *, host: str = "127.0.0.1", port: int = 0, tls=None):
    """A server whose every request goes to ``answer(handler, receiver)``; yields its Receiver."""
    receiver = Receiver(host=host, scheme="https" if tls else "http")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self) -> None:
            self.close_connection = True
            length = int(self.headers.get("content-length") or 0)
            body = self.rfile.read(length)
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.note(Received(self.command, self.path, headers, body))
            with contextlib.suppress(OSError):
                answer(self, receiver)

        do_GET = do_POST = _any  # noqa: N815 - the names http.server looks for

        def log_message(self, *_args) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = True
        request_queue_size = 128
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

        def get_request(self):
            connected, address = super().get_request()
            return (tls.wrap_socket(connected, server_side=True) if tls else connected), address

        def handle_error(self, request, client_address) -> None:
            """A client that leaves early is what many of these tests are about."""

    server = Server((host, port), Handler)
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.leaving.set()
        server.shutdown()
        server.server_close()
        thread.join(DEADLINE_S)


_recorders: list[list[str]] = []
_hooked = False


def _audit(event: str, args: tuple) -> None:
    if event == "socket.connect" and _recorders:
        for recorder in _recorders:
            recorder.append(str(args[1][0]))


@contextlib.contextmanager
def recorded_connects():
    """Every address that this process connects to meanwhile, from the interpreter's audit."""
    global _hooked  # noqa: PLW0603 - an audit hook can be added once and never removed
    if not _hooked:
        sys.addaudithook(_audit)
        _hooked = True
    seen: list[str] = []
    _recorders.append(seen)
    try:
        yield seen
    finally:
        _recorders.remove(seen)


def only_loopback(addresses: list[str]) -> bool:
    return all(ipaddress.ip_address(address).is_loopback for address in addresses)
