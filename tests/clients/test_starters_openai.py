"""Seeing, speaking and hearing through PyPI's ``openai`` and ``fal-client``, with the small models
of ``pilotlight up --starters``: what they say has to be true of what they were given."""

from __future__ import annotations

import base64
import gc
import importlib.util
import io
import json

import fal_client
import openai
import pytest
from PIL import Image, ImageDraw

from pilotlight.clients import connect_fal
from tests.live import KEY, up
from workers.engines.weights import carried

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

MODEL = "pilotlight/vision"


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    with up(tmp_path_factory.mktemp("starters"), options=("--starters",)) as running:
        yield running


@pytest.fixture(scope="module")
def client(live):
    url = live.url + "/v1"
    with openai.OpenAI(base_url=url, api_key=KEY, max_retries=0, timeout=200) as made:
        yield made


def as_data(picture):
    held = io.BytesIO()
    picture.save(held, "PNG")
    return "data:image/png;base64," + base64.b64encode(held.getvalue()).decode()


@pytest.fixture(scope="module")
def harbour():
    """A red circle at the top left, two blue squares below it and on the right, on white."""
    picture = Image.new("RGB", (400, 400), "white")
    pen = ImageDraw.Draw(picture)
    pen.ellipse((30, 30, 110, 110), "red")
    pen.rectangle((40, 290, 110, 360), "blue")
    pen.rectangle((290, 150, 370, 230), "blue")
    return as_data(picture)


def content(question, url):
    return [
        {"type": "text", "text": question},
        {"type": "image_url", "image_url": {"url": url}},
    ]


def ask(client, question, url, **more):
    messages = [{"role": "user", "content": content(question, url)}]
    return client.chat.completions.create(model=MODEL, messages=messages, **more)


def said(client, question, url):
    return ask(client, question, url).choices[0].message.content


def test_a_drawn_picture_is_answered_for_what_it_shows(client, harbour):
    assert said(client, "What color is the circle?", harbour) == "The circle is red."
    assert said(client, "What shape is the red thing?", harbour) == "The red shape is a circle."
    assert said(client, "Where is the circle?", harbour) == ("The red circle is at the top left.")
    assert said(client, "How many squares are there?", harbour) == "There are two squares."
    assert said(client, "Is there a green star?", harbour).startswith("No, there are no green")
    assert said(client, "What colour is the background?", harbour) == "The background is white."


def test_what_one_model_draws_the_other_recognises_by_its_url(live, client):
    drawn = live.ask(
        "POST", "/run/pilotlight/shapes",
        {"prompt": "a green star on a black background", "seed": 3},
    ).json["images"][0]["url"]  # fmt: skip

    assert said(client, "What is in this picture?", drawn) == "A green star on a black background."


def test_an_answer_in_pieces_is_the_same_answer(client, harbour):
    question = "Describe the picture."
    whole = ask(client, question, harbour)

    pieces = list(
        ask(client, question, harbour, stream=True, stream_options={"include_usage": True})
    )

    deltas = [one.choices[0].delta.content or "" for one in pieces if one.choices]
    assert "".join(deltas) == whole.choices[0].message.content
    assert sum(map(bool, deltas)) == whole.usage.completion_tokens > 8
    assert pieces[-1].usage == whole.usage


def test_the_task_type_and_the_models_name_find_it_too(live, harbour):
    payload = {"messages": [{"role": "user", "content": content("How many shapes?", harbour)}]}

    told = live.ask(
        "POST", "/v1/tasks",
        {"task": "openai/chat-completion/vision", "model": "vision", "payload": payload},
    )  # fmt: skip

    assert told.status == 200, told
    assert "There are three shapes." in told.body.decode()


def test_a_conversation_goes_on_about_its_last_picture(client, harbour):
    told = client.chat.completions.create(
        model=MODEL,
        messages=[
            {"role": "user", "content": content("How many squares are there?", harbour)},
            {"role": "assistant", "content": "There are two squares."},
            {"role": "user", "content": "What colour is the circle?"},
        ],
        max_tokens=3,
    )

    assert told.choices[0].message.content == "The circle is"
    assert told.choices[0].finish_reason == "length"


def test_a_question_without_a_picture_is_the_callers_mistake(client):
    with pytest.raises(openai.BadRequestError, match="add an image_url part") as refused:
        client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "What colour is it?"}]
        )

    assert refused.value.param == "messages"


SPOKEN = "The ship was guided home by a lighthouse. Twelve barrels of oil are on board."


def test_speech_comes_as_bytes_and_as_events_and_is_understood(client):
    for name in ("joe", "whisper-base", "pronunciations"):
        if not (carried.ROOT / name).is_dir():
            pytest.skip("run `make setup-starters` first")
    if importlib.util.find_spec("faster_whisper") is None:
        pytest.skip("run `make setup-starters` first")
    asked = {"model": "pilotlight/speech", "voice": "joe", "input": SPOKEN}
    speak = client.audio.speech.with_streaming_response

    with speak.create(**asked, response_format="mp3") as reply:
        sound = b"".join(reply.iter_bytes())
    with speak.create(**asked, response_format="wav", stream_format="sse") as reply:
        events = [json.loads(line[6:]) for line in reply.iter_lines() if line.startswith("data: {")]

    wav = b"".join(base64.b64decode(one["audio"]) for one in events[:-1])
    assert {one["type"] for one in events[:-1]} == {"speech.audio.delta"}
    assert events[-1]["type"] == "speech.audio.done"
    assert len(events) > 2
    for name, heard in (("speech.mp3", sound), ("speech.wav", wav)):
        written = client.audio.transcriptions.create(
            model="pilotlight/transcription", file=(name, heard), language="en"
        ).text.lower()
        assert "ship" in written
        assert "barrel" in written


@pytest.fixture
def fal(live, monkeypatch):
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
    made = fal_client.SyncClient(key=KEY)
    yield made
    made._client.close()
    gc.collect()  # it leaves sockets to the garbage collector


def test_fals_client_uploads_asks_and_hears_the_answer_in_pieces(fal, harbour):
    uploaded = fal.upload(base64.b64decode(harbour.partition(",")[2]), "image/png")
    asked = {
        "messages": [{"role": "user", "content": content("What is in this picture?", uploaded)}]
    }

    whole = fal.subscribe(MODEL, asked)
    *partial, last = fal.stream(MODEL, asked)

    said = whole["choices"][0]["message"]["content"]
    assert said == "A red circle, a blue square and a blue square on a white background."
    assert last["choices"][0]["message"]["content"] == said
    assert "".join(one["choices"][0]["message"]["content"] for one in partial) == said
    assert len(partial) > 8
