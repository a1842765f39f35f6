"""``python -m sglang.launch_server`` as SGLang 0.5.23 answers it; it thinks, then repeats what it is told.

From that version's ``serving_chat.py``, ``serving_base.py``, ``utils/auth.py`` and ``protocol.py``:
health is 503 until it is ready and wants no key; an error has no ``error`` around it before a stream
has begun, and has one in a stream; reasoning comes in a field of its own; the reason of the end comes
in a chunk of its own, then the usage in one without choices.
"""

from __future__ import annotations

import argparse
import itertools
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

OPTIONS = (
    "model-path", "host", "port", "api-key", "context-length", "max-running-requests", "revision",
    "quantization", "reasoning-parser", "tool-call-parser",
)  # fmt: skip
"""Those of its options that a worker here may use."""
LOOKS = itertools.count()


def parsed():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for option in OPTIONS:
        parser.add_argument(f"--{option}")
    return parser.parse_args()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    given = None

    def log_message(self, *_):
        pass

    def do_GET(self):
        ready = self.path == "/health" and next(LOOKS) > 1
        self.tell(200 if ready else 503, {})

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.headers.get("Authorization") != f"Bearer {self.given.api_key}":
            self.tell(401, {"error": "Unauthorized"})
        elif self.path != "/v1/chat/completions":
            self.tell(404, {"detail": "Not Found"})
        elif asked["model"] != self.given.model_path:
            self.tell(404, refusal("no such model", 404))
        elif "too long" in asked["messages"][-1]["content"]:
            self.tell(400, refusal("The input is longer than the model's context length", 400))
        elif asked.get("stream"):
            self.stream(asked)
        else:
            self.tell(200, whole(asked))

    def tell(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def stream(self, asked):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        try:
            for chunk in chunks(asked):
                self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
                self.wfile.flush()
            self.wfile.write(b"data: [DONE]\n\n")
        except OSError:  # for SGLang too, that is how a caller cancels
            Path(asked["messages"][-1]["content"].split()[1]).touch()
        self.close_connection = True


def refusal(message, code):
    return {"object": "error", "message": message, "type": "BadRequestError", "param": None,
            "code": code}  # fmt: skip


def usage(words):
    return {"prompt_tokens": 7, "completion_tokens": len(words), "total_tokens": 7 + len(words),
            "prompt_tokens_details": None, "reasoning_tokens": 1}  # fmt: skip


def whole(asked):
    words = asked["messages"][-1]["content"].split()
    message = {"role": "assistant", "content": " ".join(words), "reasoning_content": "Hm."}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop",
              "matched_stop": 151645}  # fmt: skip
    return {"id": "1", "object": "chat.completion", "model": asked["model"], "choices": [choice],
            "usage": usage(words), "metadata": {}}  # fmt: skip


def chunks(asked):
    def chunk(delta, end=None):
        said = {"role": None, "content": None, "reasoning_content": None, **delta}
        choice = {"index": 0, "delta": said, "logprobs": None, "finish_reason": end,
                  "matched_stop": None}  # fmt: skip
        return {"id": "1", "object": "chat.completion.chunk", "created": 1, "usage": None,
                "model": asked["model"], "choices": [choice]}  # fmt: skip

    words = asked["messages"][-1]["content"].split()
    yield chunk({"role": "assistant", "content": ""})
    yield chunk({"reasoning_content": "Hm."})
    if words[0] == "breaks":
        yield {"error": refusal("out of memory", 503)}
        return
    if words[0] == "aborts":
        yield chunk({}, "abort")
        return
    if words[0] == "forever":
        yield from itertools.repeat(chunk({"content": "on and "}))
    for number, word in enumerate(words):
        yield chunk({"content": f" {word}" if number else word})
    for tool in asked.get("tools") or ():
        call = {"id": "call_1", "index": 0, "type": "function"}
        name = tool["function"]["name"]
        yield chunk({"tool_calls": [{**call, "function": {"name": name, "arguments": ""}}]})
        rest = {**call, "id": None, "function": {"name": None, "arguments": "{}"}}
        yield chunk({"tool_calls": [rest]})
    yield chunk({}, "tool_calls" if asked.get("tools") else "stop")
    if (asked.get("stream_options") or {}).get("include_usage"):
        yield chunk({}) | {"choices": [], "usage": usage(words)}


if __name__ == "__main__":
    Handler.given = parsed()
    ThreadingHTTPServer((Handler.given.host, int(Handler.given.port)), Handler).serve_forever()
