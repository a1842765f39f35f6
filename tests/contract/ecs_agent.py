"""The endpoints that ECS gives a task's containers, as its developer guide describes them."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class EcsAgent:
    """``asked`` are the bodies of every protection request so far."""

    def __init__(self, arn, *, family="family", revision="1", cluster="cluster"):
        self.arn, self.asked, self.refuses = arn, [], None
        self._task = {
            "TaskARN": arn,
            "Family": family,
            "Revision": revision,
            "Cluster": cluster,
        }
        agent = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self._answer(200 if self.path == "/meta/task" else 404, agent._task)

            def do_PUT(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                agent.asked.append(body)
                if agent.refuses is not None:
                    self._answer(*agent.refuses)
                    return
                protection = {"TaskArn": arn, "ProtectionEnabled": body["ProtectionEnabled"]}
                self._answer(200, {"protection": protection})

            def _answer(self, status, said):
                body = json.dumps(said).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        port = self._server.server_address[1]
        self.uri, self.metadata_uri = (
            f"http://127.0.0.1:{port}/api",
            f"http://127.0.0.1:{port}/meta",
        )

    @property
    def protected(self):
        return bool(self.asked) and self.asked[-1]["ProtectionEnabled"]

    def close(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
