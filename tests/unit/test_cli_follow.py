"""A watched job, over a server that tells its story in pieces."""

from __future__ import annotations

import contextlib
import http.server
import io
import json
import threading

import pytest
from rich.console import Console

from pilotlight.cli import screen
from pilotlight.cli.client import Api
from pilotlight.cli.exits import JobDidNotSucceed, Unreachable
from pilotlight.cli.follow import Look, follow, look, sentence, settled
from pilotlight.errors import NotFinished, NotFound


def waits(position=0, **more):
    return {"status": "IN_QUEUE", "queue_position": position, "logs": [], **more}


def cold(stage, eta_s=None, **more):
    return waits(cold_start={"stage": stage, "eta_s": eta_s, **more})


def runs(progress=0.0, *lines):
    logs = [{"message": line} for line in lines]
    return {"status": "IN_PROGRESS", "progress": progress, "logs": logs}


def over(error=None, *lines, error_type="runner_server_error"):
    logs = [{"message": line} for line in lines]
    failed = {} if error is None else {"error": error, "error_type": error_type}
    return {"status": "COMPLETED", "logs": logs, **failed}


@pytest.fixture
def serve():
    """``serve(connections)`` is an Api; each connection is a list of statuses, then it breaks."""
    with contextlib.ExitStack() as stack:

        def start(*connections):
            left = list(connections)

            class Story(http.server.BaseHTTPRequestHandler):
                def do_GET(self):
                    if not self.path.endswith("/status/stream?logs=1"):
                        body = json.dumps(left[0][0]).encode()
                        self.send_response(202)
                        self.send_header("Content-Length", str(len(body)))
                        self.end_headers()
                        self.wfile.write(body)
                        return
                    if not left:
                        self.send_error(404)
                        return
                    self.send_response(200)
                    self.end_headers()
                    for status in left.pop(0):
                        self.wfile.write(b": still here\n\n")
                        self.wfile.write(b"data: " + json.dumps(status).encode() + b"\n\n")

                def log_message(self, *_args):
                    pass

            server = stack.enter_context(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Story))
            threading.Thread(target=server.serve_forever, daemon=True).start()
            stack.callback(server.shutdown)
            return Api(f"http://127.0.0.1:{server.server_address[1]}")

        yield start


SAID = {
    "it is the next": (waits(), "waiting, the next"),
    "others come first": (waits(3), "waiting, 3 before it"),
    "a replica starts": (cold("starting"), "starting a replica"),
    "with a time": (cold("starting", 7.4), "starting a replica, about 7 s left"),
    "nearly there": (cold("loading", 0.2), "loading the model, any moment now"),
    "it cannot load": (
        cold("failed", error="no CUDA"), "the last replica did not start: no CUDA",
    ),
    "it runs": (runs(), "running"),
    "half of it": (runs(0.5), "running, 50%"),
    "done": (over(), "done"),
    "not done": (over("the model broke"), "failed: the model broke"),
    "ended by its caller": (over("by you", error_type="client_cancelled"), "cancelled"),
}  # fmt: skip


@pytest.mark.parametrize(("status", "words"), SAID.values(), ids=SAID)
def test_a_status_in_words(status, words):
    assert sentence(look(status)) == words


def test_a_watched_job_shows_every_change_and_each_line_once(serve, clock):
    api = serve([cold("loading", 3), runs(0.5, "one"), runs(0.9, "two", "three"), over()])

    seen = list(follow(api, "job", clock=clock))

    assert [one.words for one in seen] == ["loading the model", "running", "running", "done"]
    assert [one.lines for one in seen] == [(), ("one",), ("two", "three"), ()]
    assert [one.over for one in seen] == [False, False, False, True]


def test_a_broken_connection_is_taken_up_where_it_was_left(serve, clock):
    api = serve([runs(0.1, "one"), runs(0.2, "two")], [runs(0.3, "one", "two", "three"), over()])

    seen = list(follow(api, "job", clock=clock))

    assert [line for one in seen for line in one.lines] == ["one", "two", "three"]
    assert seen[-1].over


def test_a_server_that_stays_away_is_given_up_on(clock):
    began = clock.monotonic()
    looks = follow(Api("http://127.0.0.1:9"), "job", clock=clock, patience_s=10)

    assert next(looks) == Look("no connection, trying again")
    with pytest.raises(Unreachable, match=r"nothing answers at http://127\.0\.0\.1:9"):
        list(looks)
    assert clock.monotonic() - began == pytest.approx(10, abs=1)


def test_a_job_that_is_not_there_ends_the_watching_at_once(serve, clock):
    with pytest.raises(NotFound):
        list(follow(serve(), "job", clock=clock))


def test_a_failed_job_is_shown_before_it_is_an_error(serve, clock):
    looks = settled(follow(serve([over("the model broke")]), "job", clock=clock))

    assert next(looks).words == "failed: the model broke"
    with pytest.raises(JobDidNotSucceed, match="the model broke"):
        next(looks)


def test_a_result_is_not_asked_for_before_its_time(serve):
    with pytest.raises(NotFinished):
        serve([runs(0.5)]).result("job")


def drawn(looks, **more):
    paper = io.StringIO()
    screen.watch(iter(looks), console=Console(file=paper, width=80, highlight=False, **more))
    return paper.getvalue()


LOOKS = [
    look(cold("loading", 4)),
    look(runs(0.25), ("step 1",)),
    look(runs(0.75), ("step 2",)),
    look(over()),
]


def test_where_nobody_looks_changes_are_lines_and_progress_is_silent():
    told = drawn(LOOKS, force_terminal=False).splitlines()

    assert told == ["loading the model, about 4 s left", "step 1", "running, 25%", "step 2"]


def test_on_a_terminal_log_lines_stay_and_the_bar_goes():
    told = drawn(LOOKS, force_terminal=True)

    assert "step 1" in told
    assert "step 2" in told
    assert told.endswith("\x1b[2K")  # the bar's line is wiped


def test_a_log_line_is_never_taken_for_markup():
    assert "[red]" in drawn([Look("running", lines=("[red]",))], force_terminal=False)


def test_a_models_words_are_neither_markup_nor_obeyed_by_the_terminal():
    told = drawn(
        [Look("at [/red] \x1b]0;mine\x07", lines=("\x1b]52;c;bWluZQ==\x07",))], force_terminal=True
    )

    assert r"at [/red] \x1b]0;mine\x07" in told
    assert r"\x1b]52;c;bWluZQ==\x07" in told
    assert "\x1b]" not in told
