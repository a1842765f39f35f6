"""PyPI ``fal-client``, unmodified, over plain HTTP by the helper."""

from __future__ import annotations

import asyncio
import gc
import io
import json

import fal_client
import httpx
import pytest
from fal_client.client import RealtimeError
from PIL import Image

from pilotlight.clients import connect_fal
from tests.live import KEY
from tests.receiver import receiver

ECHO = "pilotlight/echo"
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
"""The client leaves sockets to the garbage collector."""


@pytest.fixture(autouse=True)
def connected(live, monkeypatch):
    import fal_client.client as module

    for name in (
        "RUN_URL_FORMAT",
        "QUEUE_URL_FORMAT",
        "REALTIME_URL_FORMAT",
        "REST_URL",
        "CDN_URL",
    ):
        monkeypatch.setattr(module, name, getattr(module, name))
    monkeypatch.setenv("FAL_KEY", KEY)
    connect_fal(live.url)


@pytest.fixture
def client():
    made = fal_client.SyncClient(key=KEY)
    yield made
    made._client.close()
    gc.collect()


def anyhow(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 60))


def test_run_answers_with_the_output(client):
    assert client.run(ECHO, {"text": "hi"}) == {"text": "hi"}


def test_submit_then_status_then_result(client):
    handle = client.submit(ECHO, {"text": "hi", "sleep_s": 0.3})

    first = handle.status(with_logs=True)
    assert isinstance(first, fal_client.Queued | fal_client.InProgress | fal_client.Completed)
    assert handle.get() == {"text": "hi"}
    assert isinstance(handle.status(), fal_client.Completed)
    assert client.result(ECHO, handle.request_id) == {"text": "hi"}


def test_subscribe_reports_its_updates_and_logs(client):
    seen, ids = [], []
    result = client.subscribe(
        ECHO,
        {"text": "hi", "sleep_s": 0.5},
        with_logs=True,
        on_enqueue=ids.append,
        on_queue_update=seen.append,
    )

    assert result == {"text": "hi"}
    assert len(ids) == 1
    assert isinstance(seen[-1], fal_client.Completed)


def test_iter_events_ends_with_completed(client):
    handle = client.submit(ECHO, {"text": "hi", "sleep_s": 0.3})

    *_, last = handle.iter_events(with_logs=True)

    assert isinstance(last, fal_client.Completed)


def test_cancel_is_final(client):
    handle = client.submit(ECHO, {"text": "hi", "sleep_s": 600})
    handle.cancel()

    status = handle.status()
    assert isinstance(status, fal_client.Completed)
    assert status.error
    with pytest.raises(fal_client.FalClientHTTPError) as caught:
        handle.get()
    assert caught.value.status_code == 499
    with pytest.raises(fal_client.FalClientHTTPError) as again:
        handle.cancel()
    assert again.value.status_code == 400


def test_bad_input_names_the_field(client):
    with pytest.raises(fal_client.FalClientHTTPError) as caught:
        client.submit(ECHO, {"text": 5})

    assert caught.value.status_code == 422
    assert caught.value.response.json()["detail"][0]["loc"] == ["body", "text"]


def test_an_unknown_endpoint_is_a_404(client):
    with pytest.raises(fal_client.FalClientHTTPError) as caught:
        client.submit("nobody/nothing", {})

    assert caught.value.status_code == 404


def test_a_start_timeout_comes_back_as_fals_own(client, live):
    """Slots are taken by long naps, so that the last job cannot start in time."""
    naps = [client.submit(ECHO, {"text": "nap", "sleep_s": 600}) for _ in range(4)]
    handle = client.submit(ECHO, {"text": "late"}, start_timeout=1.5, priority="low")
    with pytest.raises(fal_client.FalClientHTTPError) as caught:
        handle.get()
    for nap in naps:
        nap.cancel()

    assert caught.value.status_code == 504
    assert caught.value.response_headers["x-fal-request-timeout-type"] == "user"


def test_stream_gives_partial_pictures_and_then_the_last(client):
    *partial, last = client.stream("pilotlight/shapes", {"prompt": "a red circle on blue"})

    assert len(partial) >= 2
    assert all(event["images"][0]["url"].startswith("data:image/") for event in partial)
    picture = httpx.get(last["images"][0]["url"]).content
    assert Image.open(io.BytesIO(picture)).size == (96, 96)


@pytest.mark.parametrize("options", [{}, {"use_jwt": False}, {"max_buffering": 2}], ids=repr)
def test_realtime_answers_each_input_and_survives_a_wrong_one(client, options):
    with client.realtime(ECHO, **options) as socket:
        socket.send({"text": "one"})
        assert socket.recv() == {"text": "one"}
        socket.send({"text": 5})
        with pytest.raises(RealtimeError) as wrong:
            socket.recv()
        socket.send({"text": "two"})
        assert socket.recv() == {"text": "two"}

    assert wrong.value.error == "STRING_TYPE"
    assert "body.text" in wrong.value.reason


def test_realtime_with_an_unknown_endpoint_says_so(client):
    with client.realtime("nobody/nothing") as socket:
        socket.send({})
        with pytest.raises(RealtimeError, match="nobody/nothing"):
            socket.recv()


def test_a_bare_socket_speaks_json(client):
    with client.ws_connect(ECHO) as socket:
        socket.send(json.dumps({"text": "hi"}))
        assert json.loads(socket.recv()) == {"text": "hi"}


def test_a_client_that_waits_no_longer_cancels_its_request(client):
    with pytest.raises(fal_client.FalClientTimeoutError) as over:
        client.subscribe(ECHO, {"text": "hi", "sleep_s": 600}, client_timeout=1.5)

    status = client.status(ECHO, over.value.request_id)
    assert isinstance(status, fal_client.Completed)
    assert status.error_type in {"client_cancelled", "startup_timeout"}


def test_upload_by_every_repository_reads_back(client):
    for options in ({}, {"repository": "fal"}, {"repository": "fal_v3"}):
        url = client.upload(b"some bytes", "application/x-thing", file_name="a.bin", **options)
        reply = httpx.get(url)
        assert (reply.content, reply.headers["content-type"]) == (
            b"some bytes",
            "application/x-thing",
        )


def test_an_uploaded_picture_is_an_input(client):
    url = client.upload_image(Image.new("RGB", (7, 5), "red"))

    result = client.run("tests/measure-picture", {"image_url": url})

    assert (result["width"], result["height"]) == (7, 5)


def test_an_encoded_picture_is_an_input(client):
    url = fal_client.encode_image(Image.new("RGB", (4, 9)))

    assert client.run("tests/measure-picture", {"image_url": url})["height"] == 9


def test_a_broken_picture_fails_the_job_and_names_the_field(client):
    whole = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(whole, "png")
    url = client.upload(whole.getvalue()[:900], "image/png")
    with pytest.raises(fal_client.FalClientHTTPError) as caught:
        client.run("tests/measure-picture", {"image_url": url})

    (detail,) = caught.value.response.json()["detail"]
    assert (caught.value.status_code, detail["type"]) == (422, "image_load_error")
    assert detail["loc"] == ["body", "image_url"]


@pytest.mark.slow
def test_a_file_over_100_mib_goes_up_in_parts(client, tmp_path):
    big = tmp_path / "big.bin"
    with big.open("wb") as file:
        for n in range(130):
            file.write(bytes([n]) * 1024 * 1024)

    url = client.upload_file(big)

    with httpx.stream("GET", url) as reply:
        assert int(reply.headers["content-length"]) == 130 * 1024 * 1024
        start = next(reply.iter_bytes(1024))
    tail = httpx.get(url, headers={"range": "bytes=-1024"})
    assert start == b"\0" * 1024
    assert (tail.status_code, tail.content) == (206, bytes([129]) * 1024)


def test_a_webhook_arrives_and_its_signature_is_ours(client, live):
    from tests.signatures import fal_signature_holds

    with receiver() as hook:
        handle = client.submit(ECHO, {"text": "hi"}, webhook_url=hook.url)
        posted = hook.next()

    assert posted.json["request_id"] == handle.request_id
    assert (posted.json["status"], posted.json["payload"]) == ("OK", {"text": "hi"})
    assert fal_signature_holds(posted, live.ask("GET", "/.well-known/jwks.json").json)


def test_the_async_client_does_the_same(live):
    async def story():
        client = fal_client.AsyncClient(key=KEY)
        assert await client.run(ECHO, {"text": "a"}) == {"text": "a"}
        updates = []
        result = await client.subscribe(
            ECHO, {"text": "b", "sleep_s": 0.2}, with_logs=True, on_queue_update=updates.append
        )
        assert result == {"text": "b"}
        assert isinstance(updates[-1], fal_client.Completed)
        handle = await client.submit(ECHO, {"text": "c", "sleep_s": 600})
        assert isinstance(
            await handle.status(with_logs=True), fal_client.Queued | fal_client.InProgress
        )
        await handle.cancel()
        assert isinstance(await handle.status(), fal_client.Completed)
        url = await client.upload(b"x" * 10, "text/plain")
        async with httpx.AsyncClient() as reader:
            assert (await reader.get(url)).content == b"x" * 10
        async with client.realtime(ECHO) as socket:
            await socket.send({"text": "d"})
            assert await socket.recv() == {"text": "d"}
        events = [event async for event in client.stream("pilotlight/shapes", {"prompt": "a star"})]
        assert "timings" in events[-1]
        await (await client._client).aclose()

    anyhow(story())
