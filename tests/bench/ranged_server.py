"""Serves one file in ranges from memory, on a free port that it prints: no slower than a socket."""

from __future__ import annotations

import os
import socketserver
import sys
from pathlib import Path


class Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        with Path(sys.argv[1]).open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            while self.rfile.readline().strip():
                begin, last, status = 0, size - 1, "200 OK"
                while line := self.rfile.readline().strip():
                    name, _, value = line.decode("ascii").partition(":")
                    if name.lower() == "range":
                        begin, last = map(int, value.strip().removeprefix("bytes=").split("-"))
                        status = "206 Partial Content"
                head = f"HTTP/1.1 {status}\r\nContent-Length: {last - begin + 1}\r\n"
                head += f"Content-Range: bytes {begin}-{last}/{size}\r\n\r\n"
                self.wfile.write(head.encode("ascii"))
                while begin <= last:
                    length = min(last + 1 - begin, 1 << 24)
                    begin += os.sendfile(self.connection.fileno(), file.fileno(), begin, length)


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


if __name__ == "__main__":
    with Server(("127.0.0.1", 0), Handler) as server:
        sys.stdout.write(f"{server.server_address[1]}\n")
        sys.stdout.flush()
        server.serve_forever()
