"""A proxy in front of an ingress that falters as it is told to, request by request."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import threading
from typing import NamedTuple
from urllib.parse import urlsplit


class Fault(NamedTuple):
    """What becomes of one request."""

    status: int = 0
    """Answer this and pass nothing on."""
    retry_after: str = ""
    lost: bool = False
    """It is passed on, and the answer never comes back."""
    cut_after: bytes = b""
    """Its answer breaks off behind these bytes."""


class Faltering:
    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}"
        self.faults: list[Fault] = []
        """Of the next requests; those after are passed on."""
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        """Method, path and headers of every request."""


class Proxy(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    made: Faltering
    target = ("", 0)

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)

    def answer(self):
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.made.seen.append((self.command, self.path, headers))
        body = self.rfile.read(int(headers.get("content-length", 0)))
        fault = self.made.faults.pop(0) if self.made.faults else Fault()
        self.close_connection = True
        if not fault.status:
            return self.pass_on(body, fault)
        self.send_response(fault.status)
        if fault.retry_after:
            self.send_header("retry-after", fault.retry_after)
        return self.end_headers()

    def pass_on(self, body, fault):
        server = http.client.HTTPConnection(*self.target, timeout=60)
        with contextlib.closing(server):
            headers = {**self.headers, "connection": "close"}
            server.request(self.command, self.path, body=body or None, headers=headers)
            reply = server.getresponse()
            if fault.lost:
                reply.read()
                return
            self.send_response(reply.status)
            for name, value in reply.getheaders():
                if name.lower() not in {"transfer-encoding", "connection", "content-length"}:
                    self.send_header(name, value)
            # So that a body which is cut off is an error to whoever reads it.
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            if self.copied(reply, fault.cut_after):
                self.wfile.write(b"0\r\n\r\n")

    def copied(self, reply, cut_after):
        sent = b""
        while chunk := reply.read1(65536):
            sent += chunk
            self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            self.wfile.flush()
            if cut_after and cut_after in sent:
                return False
        return True

    def log_message(self, *_args):
        pass


@contextlib.contextmanager
def faltering(behind):
    """A proxy in front of the ingress at this URL."""
    parts = urlsplit(behind)
    own = type("Own", (Proxy,), {"target": (parts.hostname, parts.port)})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), own) as server:
        own.made = Faltering(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield own.made
        finally:
            server.shutdown()
            thread.join()
