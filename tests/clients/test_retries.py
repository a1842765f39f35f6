"""The real clients over a line that falters: what they repeat by themselves comes to an end here."""

from __future__ import annotations

import fal_client
import openai
import pytest

from pilotlight.clients import connect_fal
from tests.clients.faltering import Fault, faltering
from tests.clients.openai_python import LEAVES_SOCKETS, PARROT, turns
from tests.live import KEY

ECHO = "pilotlight/echo"
pytestmark = LEAVES_SOCKETS


@pytest.fixture
def proxy(live):
    with faltering(live.url) as made:
        yield made


@pytest.fixture
def fal(proxy, monkeypatch):
    import fal_client.client as module

    for name in ("RUN_URL_FORMAT", "QUEUE_URL_FORMAT", "REST_URL", "CDN_URL"):
        monkeypatch.setattr(module, name, getattr(module, name))
    monkeypatch.setattr(module, "REALTIME_URL_FORMAT", module.REALTIME_URL_FORMAT)
    connect_fal(proxy.url)
    made = fal_client.SyncClient(key=KEY)
    yield made
    made._client.close()


def asked(proxy):
    """Methods and last words of the paths, in order."""
    return [(method, path.partition("?")[0].rpartition("/")[2]) for method, path, _ in proxy.seen]


def test_a_fal_client_outlasts_busy_answers_and_lost_ones(fal, proxy):
    proxy.faults = [Fault(429), Fault(408)]
    handle = fal.submit(ECHO, {"text": "hi"})
    assert asked(proxy) == [("POST", "echo")] * 3
    proxy.faults = [Fault(lost=True)]
    assert isinstance(handle.status(), fal_client.Status)
    assert handle.get() == {"text": "hi"}


def test_a_cancel_whose_answer_was_lost_is_told_that_it_is_done(fal, proxy):
    """The client repeats it by itself; the second answer is an error to it, and the job is over."""
    handle = fal.submit(ECHO, {"text": "hi", "sleep_s": 600})
    proxy.faults = [Fault(lost=True)]
    with pytest.raises(fal_client.FalClientHTTPError) as again:
        handle.cancel()

    assert again.value.status_code == 400
    assert again.value.response.json()["status"] == "ALREADY_COMPLETED"
    assert isinstance(handle.status(), fal_client.Completed)


def test_a_wrong_input_is_never_repeated(fal, proxy):
    with pytest.raises(fal_client.FalClientHTTPError):
        fal.submit(ECHO, {"text": 5})

    assert asked(proxy) == [("POST", "echo")]


def test_an_openai_client_repeats_what_was_refused_or_lost(proxy):
    proxy.faults = [Fault(503), Fault(lost=True)]
    with openai.OpenAI(base_url=proxy.url + "/v1", api_key=KEY, max_retries=3) as client:
        answer = client.chat.completions.create(model=PARROT, messages=turns("again"))

    assert answer.choices[0].message.content == "again"
    assert [path for _, path, _ in proxy.seen] == ["/v1/chat/completions"] * 3
    assert [headers["x-stainless-retry-count"] for *_, headers in proxy.seen] == ["0", "1", "2"]


def test_with_a_key_of_its_own_a_repeated_call_is_one_job(proxy, live):
    proxy.faults = [Fault(lost=True)]
    with openai.OpenAI(base_url=proxy.url + "/v1", api_key=KEY, max_retries=2) as client:
        client.chat.completions.create(
            model=PARROT,
            messages=turns("once"),
            metadata={"who": "once"},
            extra_headers={"Idempotency-Key": "once-and-for-all"},
        )

    listed = live.ask("GET", "/api/jobs?tag=who%3Donce").json["jobs"]
    assert [job["status"] for job in listed] == ["succeeded"]


def test_a_models_own_refusal_is_not_asked_for_again(proxy):
    with (
        openai.OpenAI(base_url=proxy.url + "/v1", api_key=KEY, max_retries=3) as client,
        pytest.raises(openai.BadRequestError),
    ):
        client.chat.completions.create(
            model=PARROT, messages=turns("x"), extra_body={"refuse": "not this"}
        )

    assert len(proxy.seen) == 1
