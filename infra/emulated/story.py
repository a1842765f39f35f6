"""What a deployed stack has to do, one step after another. A step that fails says what it found."""

from __future__ import annotations

import contextlib
import json
import queue
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote_plus

from infra.emulated.journey import KEY, PATIENCE_S
from infra.emulated.operating import operate
from infra.emulated.streaming import STREAMING_LOG, streaming
from pilotlight.adapters.aws.wire import decode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from infra.emulated.journey import Deployed

ECHO: Final = "pilotlight/echo"
SHAPES: Final = "pilotlight/shapes"
_RIGHT, _WRONG, _MANY = (f"pilotlight/echo/{name}" for name in ("a b.json", "c.json", "d.jsonl"))
_LINES: Final = 3
_QUEUES: Final = ("drop", "drop-dead")
_DROPPED: Final = {
    _RIGHT: b'{"text": "dropped"}',
    _WRONG: b'{"text": 5}',
    _MANY: b'{"text": "a line"}\n' * _LINES,
}


class Broken(Exception):
    """A promise that the deployed stack did not keep."""


def story(there: Deployed) -> Iterator[str]:
    """Runs each step and says in a line what it found. Raises Broken."""
    yield from _a_lost_message(there)
    yield from _a_picture(there)
    yield from _a_dropped_object(there)
    yield from _a_stream(there)
    yield from _an_operator(there)
    yield from _the_end(there)


def _a_lost_message(there: Deployed) -> Iterator[str]:
    """What SQS does to a message that was received six times is done to this one by hand."""
    sqs, name = there.emulator.client("sqs"), there.stack.name
    lost = sqs.get_queue_url(QueueName=f"{name}-jobs-echo")["QueueUrl"]
    dead = sqs.get_queue_url(QueueName=f"{name}-jobs-echo-dead")["QueueUrl"]
    there.host.has_machines.clear()
    call = there.submit(ECHO, {"text": "hello"})
    message = _soon(lambda: _received(sqs, lost), "the message in the worker's queue")
    job_id = decode(message["Body"]).job_id
    yield f"submitted over HTTPS to the ingress function; {job_id} waits in the stack's queue"
    _soon(lambda: _desired(there, "echo") == 1, "the submit to raise the service")
    yield "the kick asked ECS for one task of echo"

    sqs.send_message(QueueUrl=dead, MessageBody=message["Body"])
    sqs.delete_message(QueueUrl=lost, ReceiptHandle=message["ReceiptHandle"])
    _soon(lambda: not _waiting(sqs, dead), "the dead-letter function to take the message")
    yield "its message died; the dead-letter function took it and put the job back"
    there.host.has_machines.set()
    output = call.result()["output"]
    if output != {"text": "hello"}:
        raise Broken(f"echo answered {output}")
    yield f"a replica was started as ECS starts it; the client has {output}"
    if there.host.protected[:1] != [True]:
        raise Broken(f"the replica asked the agent for {there.host.protected}")


def _a_picture(there: Deployed) -> Iterator[str]:
    with _receiver() as (url, posted):
        found = there.submit(SHAPES, {"prompt": "a red circle on blue"}, url).result()
        told = posted.get(timeout=PATIENCE_S)
    bucket, job_id = there.stack.resources["FilesBucket"], found["request_id"]
    listed = there.emulator.client("s3").list_objects_v2(
        Bucket=bucket, Prefix=f"files/results/{job_id}/"
    )
    names = [one["Key"] for one in listed.get("Contents", ())]
    if len(names) != 1:
        raise Broken(f"the results of {job_id} in {bucket} are {names}")
    yield f"s3://{bucket}/{names[0]} is the picture of {job_id}"
    (picture,) = found["output"]["images"]
    if not picture["url"].startswith(there.function_url):
        raise Broken(f"the picture's URL is {picture['url']}")
    if (told["request_id"], told["status"]) != (job_id, "OK"):
        raise Broken(f"the webhook said {told}")
    yield "the dispatch function posted the webhook"


def _a_dropped_object(there: Deployed) -> Iterator[str]:
    """S3 tells the stack's queue, that the function; the same is told twice."""
    sqs, name = there.emulator.client("sqs"), there.stack.name
    told, dead = (sqs.get_queue_url(QueueName=f"{name}-{one}")["QueueUrl"] for one in _QUEUES)
    for key, content in _DROPPED.items():
        bucket = there.stack.resources["DropBucket"]
        there.emulator.client("s3").put_object(Bucket=bucket, Key=f"drop/{key}", Body=content)
    _soon(lambda: _dropped_jobs(there), "the drop function to make a job")
    record = {"eventSource": "aws:s3", "s3": {"object": {"key": f"drop/{quote_plus(_RIGHT)}"}}}
    sqs.send_message(QueueUrl=told, MessageBody=json.dumps({"Records": [record]}))

    said = _soon(lambda: _told_later(there, f"{_RIGHT}.result.json"), "the result to be written")
    _soon(lambda: not _waiting(sqs, told), "the second event to be read")
    if (said["status"], said["output"]) != ("succeeded", {"text": "dropped"}):
        raise Broken(f"what was dropped became {said}")
    if len(_dropped_jobs(there)) != 1 or _waiting(sqs, dead):
        raise Broken(f"one object became {_dropped_jobs(there)}; {_waiting(sqs, dead)} are dead")
    yield "S3 told the drop queue of an object, twice: one job, and its result lies beside it"

    wrong = _soon(lambda: _told(there, f"{_WRONG}.error.json"), "a file to be refused")
    if (wrong["status"], wrong["error"]["problems"][0]["loc"]) != ("refused", ["body", "text"]):
        raise Broken(f"a file with a wrong field was told {wrong}")
    many = _soon(lambda: _told_later(there, f"{_MANY}.results/_summary.json"), "the summary")
    if many["counts"]["succeeded"] != _LINES:
        raise Broken(f"a manifest of {_LINES} lines became {many}")
    yield f"a dropped file with a wrong field was refused, a manifest of {_LINES} lines was run"


def _told(there: Deployed, name: str) -> Any:
    """What lies beside a dropped file; None for nothing yet."""
    s3, bucket = there.emulator.client("s3"), there.stack.resources["DropBucket"]
    with contextlib.suppress(s3.exceptions.NoSuchKey):
        return json.load(s3.get_object(Bucket=bucket, Key=f"drop-results/{name}")["Body"])


def _told_later(there: Deployed, name: str) -> Any:
    """Written by upkeep, which is called as its timer would."""
    functions = there.emulator.client("lambda")
    functions.invoke(FunctionName=f"{there.stack.name}-upkeep", Payload=b"{}")
    return _told(there, name)


def _a_stream(there: Deployed) -> Iterator[str]:
    """The ingress function's own runtime, from the stack's zip and with its role: the emulator
    itself only knows handlers, which answer as a whole."""
    name, services = f"{there.stack.name}-ingress", there.services
    way = streaming(
        there.emulator, name, there.host, there.stack.zip_path, there.folder,
        key=KEY, clock=services.clock,
    )  # fmt: skip
    with way as url:
        submitted = url.ask("POST", f"/queue/{ECHO}", {"text": "slowly", "sleep_s": 3})
        submitted.prelude()
        job_id = json.loads(submitted.rest())["request_id"]
        events = url.ask("GET", f"/queue/{ECHO}/requests/{job_id}/status/stream")
        if events.prelude()["statusCode"] != 200:
            raise Broken(f"the stream answered {events.rest()!r}")
        first = events.read(until=b"\n\n")
        job = services.store.get(job_id)
        if job is None or job.status.is_terminal:
            raise Broken(f"the stream's first event came when the job was over: {first!r}")
        events.read(until=b"COMPLETED")
        if error := events.ended():
            raise Broken(f"the stream ended with {error}")
        held = url.ask("POST", f"/run/{ECHO}", {"text": "at once"})
        if held.prelude()["statusCode"] != 200 or json.loads(held.rest()) != {"text": "at once"}:
            raise Broken(f"a synchronous call was answered {held.rest()!r}")
    yield "the ingress as its own runtime: events one by one while the job ran, a call that was held"


def _an_operator(there: Deployed) -> Iterator[str]:
    (announced, *_) = there.services.store.list_jobs(limit=1, webhooks_only=True)
    count = operate(there, announced.id)
    yield f"{count} commands of the runbook did what it says, led by the stack's own parameter"


def _dropped_jobs(there: Deployed) -> list[str]:
    jobs = there.services.store.list_jobs(limit=100)
    return [one.id for one in jobs if "dropped" in one.input]


def _the_end(there: Deployed) -> Iterator[str]:
    codes = there.host.stop()
    left = [one.stage for one in there.services.fleet.replicas() if one.stage != "gone"]
    if set(codes) != {0} or left or there.host.protected[-1]:
        raise Broken(f"replicas ended with {codes}, left {left}")
    refused = sorted({*_refusals(there)})
    if refused:
        raise Broken("roles do not allow what was asked: " + "; ".join(refused))
    yield "no request of any process was refused by its role"
    yield f"{len(codes)} replicas drained on SIGTERM, gave their protection back and ended with 0"


def _refusals(there: Deployed) -> Iterator[str]:
    """What functions and replicas logged of it."""
    logs = there.emulator.client("logs")
    groups = logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/")["logGroups"]
    texts = [one.read_text() for one in (*there.host.logs(), there.folder / STREAMING_LOG)]
    for group in groups:
        name = group["logGroupName"]
        for stream in logs.describe_log_streams(logGroupName=name)["logStreams"]:
            found = logs.get_log_events(logGroupName=name, logStreamName=stream["logStreamName"])
            texts += [one["message"] for one in found["events"]]
    for text in texts:
        yield from re.findall(r"not authorized to perform: \S+", text)


def _desired(there: Deployed, worker: str) -> int:
    answer = there.emulator.client("ecs").describe_services(
        cluster=there.stack.resources["Cluster"], services=[f"{there.stack.name}-{worker}"]
    )
    count: int = answer["services"][0]["desiredCount"]
    return count


def _received(sqs: Any, url: str) -> Any:
    found = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages")
    return found[0] if found else None


def _waiting(sqs: Any, url: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(answer[name]) for name in names)


def _soon(look: Callable[[], Any], what: str) -> Any:
    waited = threading.Event()
    for _ in range(int(PATIENCE_S / 0.1)):
        found = look()
        if found:
            return found
        waited.wait(0.1)
    raise Broken(f"waited {PATIENCE_S} s for {what}")


@contextlib.contextmanager
def _receiver() -> Iterator[tuple[str, queue.Queue[dict[str, Any]]]]:
    """A webhook's receiver on this machine: its URL, and what it is told."""
    told: queue.Queue[dict[str, Any]] = queue.Queue()

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(204)
            self.end_headers()
            told.put(json.loads(body))

        def log_message(self, *_args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Hook) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/hook", told
        finally:
            server.shutdown()
