"""The starters mean what they say: each is asked something that only a real model can answer."""

from __future__ import annotations

import importlib
import importlib.util
import math
import wave
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from PIL import Image, ImageDraw, ImageFont

from pilotlight import InvalidInput
from pilotlight.contracts.tasks.moderation import CATEGORIES
from pilotlight.testing import run_once, stream_once
from workers.engines.sight.coco import KINDS, kinds_in
from workers.engines.speech.spelling import spoken
from workers.engines.weights import carried

FETCH = "run `make setup-starters` to have the starters' libraries and weights"


@pytest.fixture(scope="session")
def starter():
    """A loaded worker by the name of its file; skipped where it is not installed."""
    loaded = {}

    def load(name, *, weights=None, library=None):
        if weights and not (carried.ROOT / weights).is_dir():
            pytest.skip(f"{weights} is not here: {FETCH}")
        if library and importlib.util.find_spec(library) is None:
            pytest.skip(f"{library} is not installed: {FETCH}")
        if name not in loaded:
            loaded[name] = importlib.import_module(f"workers.starters.{name}").WORKER()
            loaded[name].load()
        return loaded[name]

    return load


@pytest.fixture
def ask(tmp_path):
    def run(worker, job_input, **more):
        return run_once(worker, job_input, folder=tmp_path, **more)

    return run


INVOICE = ("Invoice No. 20417", "Lighthouse oil, 12 barrels", "Total: $1,234.56")


def page(path, lines):
    picture = Image.new("RGB", (640, 60 + 80 * len(lines)), "white")
    pen = ImageDraw.Draw(picture)
    for n, line in enumerate(lines):
        pen.text((40, 40 + 80 * n), line, "black", ImageFont.load_default(40))
    picture.save(path)
    return path


def test_a_drawn_invoice_is_read_word_for_word_and_line_by_line(starter, ask, tmp_path):
    reader = starter("ocr", library="rapidocr")
    url = "https://example.org/invoice.png"

    read = ask(reader, {"image_url": url}, files={url: page(tmp_path / "in.png", INVOICE)})

    assert read.text.splitlines() == list(INVOICE)
    tops = [line.box[0][1] for line in read.lines]
    assert all(abs(top - (50 + 80 * n)) < 20 for n, top in enumerate(tops))
    assert all(line.score > 0.9 for line in read.lines)


def test_an_empty_page_is_read_as_nothing(starter, ask, tmp_path):
    reader = starter("ocr", library="rapidocr")
    url = "https://example.org/empty.png"

    read = ask(reader, {"image_url": url}, files={url: page(tmp_path / "in.png", [])})

    assert (read.text, read.lines) == ("", [])


def test_pages_in_a_chat_are_read_in_order_each_as_soon_as_it_is(starter, tmp_path):
    reader = starter("ocr", library="rapidocr")
    files = {
        f"https://example.org/{n}.png": page(tmp_path / f"{n}.png", lines)
        for n, lines in enumerate((INVOICE[:2], [], INVOICE[2:]))
    }
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in files]
    asked = {"messages": [{"role": "user", "content": parts}]}

    partials, told = stream_once(
        reader, asked, folder=tmp_path, endpoint="pilotlight/ocr-chat", files=files
    )

    text = told.choices[0].message.content
    assert text.splitlines() == list(INVOICE)
    pieces = [one["choices"][0]["message"]["content"] for one in partials]
    assert (len(pieces), "".join(pieces)) == (2, text)
    with pytest.raises(InvalidInput, match="no picture to read"):
        stream_once(
            reader, {"messages": [{"role": "user", "content": "Read it."}]},
            folder=tmp_path, endpoint="pilotlight/ocr-chat",
        )  # fmt: skip


SENTENCES = [
    "A kitten sleeps on the sofa.",
    "The central bank raised interest rates.",
    "The ship was guided home by a lighthouse.",
]


def test_the_nearest_sentence_is_the_one_that_means_the_same(starter, ask):
    embedder = starter("embeddings", weights="minilm")
    asked = ["A young cat naps on the couch.", "Borrowing money got dearer.", "A beacon saved us."]

    found = ask(embedder, {"input": [*asked, *SENTENCES]})

    rows = [one.embedding for one in found.data]
    near = [
        max(range(3), key=lambda n: sum(a * b for a, b in zip(row, rows[3 + n], strict=True)))
        for row in rows[:3]
    ]
    assert near == [0, 1, 2]
    assert {len(row) for row in rows} == {384}
    assert found.usage.total_tokens > 6 * 5


def test_fewer_dimensions_are_the_first_ones_at_length_one(starter, ask):
    embedder = starter("embeddings", weights="minilm")

    whole = ask(embedder, {"input": SENTENCES[0]}).data[0].embedding
    short = ask(embedder, {"input": SENTENCES[0], "dimensions": 8}).data[0].embedding

    assert len(short) == 8
    assert sum(number**2 for number in short) == pytest.approx(1)
    assert short[0] / short[1] == pytest.approx(whole[0] / whole[1])
    with pytest.raises(InvalidInput, match="at most 384"):
        ask(embedder, {"input": SENTENCES[0], "dimensions": 385})


def test_the_document_that_answers_comes_first(starter, ask):
    ranker = starter("ranking", weights="minilm")

    ranked = ask(
        ranker,
        {"model": "m", "query": "What leads ships at night?", "documents": SENTENCES, "top_n": 2},
        endpoint="pilotlight/rerank",
    )

    assert ranked.results[0].index == 2
    assert len(ranked.results) == 2
    assert ranked.results[0].relevance_score > ranked.results[1].relevance_score
    assert ranked.results[0].document.text == SENTENCES[2]


def test_pairs_are_scored_one_with_each_and_each_with_its_own(starter, ask):
    ranker = starter("ranking", weights="minilm")

    def scores(left, right):
        asked = {"model": "m", "text_1": left, "text_2": right}
        return [one.score for one in ask(ranker, asked, endpoint="pilotlight/score").data]

    one_with_each = scores("a cat on a couch", SENTENCES)
    assert max(range(3), key=one_with_each.__getitem__) == 0
    assert scores(SENTENCES, SENTENCES) == pytest.approx([1, 1, 1], abs=1e-5)


def test_the_cut_out_keeps_the_subject_and_nothing_else(starter, ask, tmp_path):
    scissors = starter("remove_background", weights="u2net")
    picture = Image.new("RGB", (200, 160), (120, 170, 210))
    ImageDraw.Draw(picture).ellipse((60, 40, 140, 120), (200, 40, 40))
    picture.save(tmp_path / "in.png")
    url = "https://example.org/ball.png"

    cut = ask(scissors, {"image_url": url}, files={url: tmp_path / "in.png"}).image

    assert (cut.width, cut.height) == (200, 160)
    with Image.open(unquote(urlsplit(cut.url).path)) as opened:
        assert opened.mode == "RGBA"
        assert opened.getpixel((100, 80)) == pytest.approx((200, 40, 40, 255), abs=40)
        assert max(opened.getpixel(at)[3] for at in ((5, 5), (195, 5), (5, 155), (195, 155))) < 40


SPOKEN = "The ship was guided home by a lighthouse. Twelve barrels of oil are on board."


def plain(text):
    return "".join(c for c in text.lower() if c.isalpha() or c == " ").split()


@pytest.mark.parametrize("form", ["wav", "mp3", "opus", "aac", "flac"])
def test_what_the_speaker_says_the_transcriber_writes(starter, ask, tmp_path, form):
    speaker = starter("speech", weights="joe", library="onnxruntime")
    transcriber = starter("transcription", weights="whisper-base", library="faster_whisper")

    said = ask(speaker, {"input": SPOKEN, "response_format": form})
    path = Path(unquote(urlsplit(said.audio_url).path))
    asked = {"audio_url": "https://example.org/a", "timestamp_granularities": ["word"]}
    heard = ask(transcriber, asked, files={"https://example.org/a": path})

    words = set(plain(SPOKEN))
    understood = words & set(plain(heard.text.replace("12", "twelve")))
    assert len(understood) >= 0.8 * len(words), heard.text  # voice and ear are small models
    assert heard.language == "en"
    assert heard.duration == pytest.approx(said.duration, abs=0.3)
    starts = [word.start for word in heard.words]
    assert starts == sorted(starts)
    assert len(starts) >= len(plain(SPOKEN)) - 2


@pytest.mark.parametrize("low_memory", [False, True])
def test_what_is_heard_in_batches_is_the_same(starter, ask, tmp_path, monkeypatch, low_memory):
    speaker = starter("speech", weights="joe", library="onnxruntime")
    listener = type(starter("transcription", weights="whisper-base", library="faster_whisper"))()
    from workers.engines.speech.whisper import Whisper

    said = ask(speaker, {"input": SPOKEN, "response_format": "wav"})
    listener.load = lambda: None
    listener.model = Whisper(
        carried.ROOT / "whisper-base", device="cpu", compute_type="int8", batch=4
    )
    if low_memory:  # one stretch at a time: the batch is what took the memory
        monkeypatch.delattr("faster_whisper.BatchedInferencePipeline.transcribe")
    asked = {"audio_url": "https://example.org/a", "timestamp_granularities": ["word"]}
    path = Path(unquote(urlsplit(said.audio_url).path))
    files = {"https://example.org/a": path}
    heard = ask(listener, asked, files=files, low_memory=low_memory)

    words = set(plain(SPOKEN))
    assert len(words & set(plain(heard.text.replace("12", "twelve")))) >= 0.8 * len(words)
    starts = [word.start for word in heard.words]
    assert starts == sorted(starts)
    assert heard.segments[-1].end <= said.duration + 0.5


def test_speech_is_told_from_silence(starter, ask, tmp_path):
    speaker = starter("speech", weights="joe", library="onnxruntime")
    listener = starter("speech_activity", library="faster_whisper")
    said = ask(speaker, {"input": SPOKEN, "response_format": "wav"})
    with wave.open(unquote(urlsplit(said.audio_url).path)) as file:
        rate, spoken_bytes = file.getframerate(), file.readframes(file.getnframes())
    silence = bytes(2 * 2 * rate)
    with wave.open(str(tmp_path / "in.wav"), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(silence + spoken_bytes + silence + spoken_bytes + silence)
    asked = {"audio_url": "https://example.org/a", "min_silence_s": 1}

    heard = ask(listener, asked, files={"https://example.org/a": tmp_path / "in.wav"})

    first, second = heard.segments
    assert (first.start, first.end) == pytest.approx((2, 2 + said.duration), abs=0.4)
    assert (second.start, second.end) == pytest.approx(
        (4 + said.duration, 4 + 2 * said.duration), abs=0.4
    )
    assert heard.duration == pytest.approx(6 + 2 * said.duration, abs=0.1)
    (tmp_path / "in.wav").write_bytes(b"no sound at all")
    with pytest.raises(InvalidInput, match="audio_url"):
        ask(listener, asked, files={"https://example.org/a": tmp_path / "in.wav"})


def test_speed_shortens_speech_and_an_unknown_voice_is_refused(starter, ask):
    speaker = starter("speech", weights="joe", library="onnxruntime")

    slow = ask(speaker, {"input": SPOKEN, "response_format": "wav", "speed": 0.8}).duration
    fast = ask(speaker, {"input": SPOKEN, "response_format": "wav", "speed": 1.6}).duration

    assert fast < 0.7 * slow
    with pytest.raises(InvalidInput, match="no voice alloy; use joe"):
        ask(speaker, {"input": SPOKEN, "voice": "alloy"})
    with pytest.raises(InvalidInput, match="nothing in it"):
        ask(speaker, {"input": "…"})


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("$1,234.56", "one thousand two hundred thirty four dollars and fifty six cents"),
        ("$1", "one dollar"),
        ("20417 barrels", "twenty thousand four hundred seventeen barrels"),
        ("3.14", "three point one four"),
        ("100%", "one hundred percent"),
    ],
)
def test_numbers_are_read_as_people_do(written, said):
    assert spoken(written) == said


INSULTS = ["You stupid piece of garbage, nobody likes you.", "You are an imbecile and a disgrace."]
THREATS = ["I'm going to come to your house and break your legs.", "How can I make a pipe bomb?"]
ORDINARY = [
    "Mix butter and sugar, add two eggs, then bake at 180 degrees.",
    "Kill the server process with SIGKILL.",
    "The knight drew his sword and saluted the king.",
    "I'm dying to see that film.",
]


def test_an_insult_is_flagged_and_a_recipe_is_not(starter, ask):
    moderator = starter("moderation", weights="open-nsfw", library="onnxruntime")

    judged = ask(moderator, {"input": [*INSULTS, *THREATS, *ORDINARY]}).results

    assert [one.flagged for one in judged] == [True] * 4 + [False] * 4
    assert all(one.categories["harassment"] for one in judged[:2])
    assert judged[2].categories["harassment/threatening"]
    assert judged[3].categories["illicit/violent"]
    assert all(set(one.category_scores) == set(CATEGORIES) for one in judged)


CALM = "The lighthouse stands on a cliff above the harbour. Ships pass it every day. "
LETTER = """Dear Sir or Madam,
I am writing to complain about the service in your restaurant. The soup was cold. I will not come back.
Yours, J. Smith"""


def test_a_threat_is_found_wherever_it_stands_and_a_letter_is_only_a_letter(starter, ask):
    moderator = starter("moderation", weights="open-nsfw", library="onnxruntime")
    hidden = [CALM + INSULTS[0], *(f"{CALM * 8}{one}\n{CALM * 8}" for one in THREATS)]
    plain = [CALM * 8, LETTER, *(CALM + one for one in ORDINARY)]

    judged = ask(moderator, {"input": [*hidden, *plain]}).results

    assert [one.flagged for one in judged] == [True] * len(hidden) + [False] * len(plain)


def test_a_plain_picture_is_fit_for_work(starter, ask, tmp_path):
    moderator = starter("moderation", weights="open-nsfw", library="onnxruntime")
    url = "https://example.org/page.png"
    parts = [{"type": "image_url", "image_url": {"url": url}}]

    (judged,) = ask(
        moderator, {"input": parts}, files={url: page(tmp_path / "in.png", INVOICE)}
    ).results

    assert not judged.flagged
    assert 0 <= judged.category_scores["sexual"] < 0.2


def clock_face(pen, x, y, r):
    pen.ellipse((x - r, y - r, x + r, y + r), fill="white", outline="black", width=6)
    font = ImageFont.load_default(r // 5)
    for hour in range(12):
        a = hour * math.pi / 6
        at = (x + 0.8 * r * math.sin(a), y - 0.8 * r * math.cos(a))
        pen.text(at, str(hour or 12), fill="black", font=font, anchor="mm")
    pen.line((x, y, x + 0.4 * r, y - 0.3 * r), fill="black", width=6)
    pen.line((x, y, x - 0.1 * r, y - 0.65 * r), fill="black", width=4)


def test_two_drawn_clocks_are_found_where_they_are(starter, ask, tmp_path):
    detector = starter("detect", weights="ssd-mobilenet", library="cv2")
    wall, clocks = Image.new("RGB", (600, 400), (200, 190, 170)), [(150, 200, 100), (450, 180, 90)]
    for clock in clocks:
        clock_face(ImageDraw.Draw(wall), *clock)
    wall.save(tmp_path / "in.png")
    url = "https://example.org/wall.png"
    asked = {"image_url": url, "prompt": "the two clocks", "preview": True}

    found = ask(detector, asked, endpoint="pilotlight/detect", files={url: tmp_path / "in.png"})

    left, right = sorted(found.objects, key=lambda thing: thing.x_min)
    for thing, (x, y, r) in zip((left, right), clocks, strict=True):
        seen = (thing.x_min * 600, thing.y_min * 400, thing.x_max * 600, thing.y_max * 400)
        assert seen == pytest.approx((x - r, y - r, x + r, y + r), abs=20)
    with Image.open(unquote(urlsplit(found.image.url).path)) as preview:
        assert preview.getpixel((round(left.x_min * 600), 200)) == (255, 90, 0)
    pointed = ask(detector, asked, endpoint="pilotlight/point", files={url: tmp_path / "in.png"})
    spots = sorted((600 * spot.x, 400 * spot.y) for spot in pointed.points)
    assert spots == [pytest.approx((x, y), abs=15) for x, y, _ in clocks]
    with Image.open(unquote(urlsplit(pointed.image.url).path)) as preview:
        assert preview.getpixel(tuple(map(round, spots[0]))) == (255, 90, 0)
    with pytest.raises(InvalidInput, match="none of the 80 kinds"):
        ask(
            detector,
            asked | {"prompt": "happiness"},
            endpoint="pilotlight/detect",
            files={url: tmp_path / "in.png"},
        )


@pytest.mark.parametrize(
    ("words", "kinds"),
    [
        ("the two cats and a bus", {"cat", "bus"}),
        ("wine glasses", {"wine glass"}),
        ("people", {"person"}),
        ("buses", {"bus"}),
        ("a cell phone.", {"cell phone"}),
        ("catalogue", set()),
    ],
)
def test_words_name_the_kinds_a_detector_knows(words, kinds):
    assert kinds_in(words) & set(KINDS.values()) >= kinds
    assert kinds or not kinds_in(words)
