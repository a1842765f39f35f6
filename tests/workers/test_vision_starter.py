"""The small model that looks at drawn shapes: what it is taught, what it says, what it refuses."""

from __future__ import annotations

import math
from random import Random

import pytest
from PIL import Image, ImageDraw

from pilotlight import InvalidInput
from pilotlight.testing import run_once, stream_once
from workers.engines.sight.question_words import sentence, words_of

torch = pytest.importorskip("torch")

URL = "https://example.org/a.png"


@pytest.fixture(scope="module")
def vision():
    from workers.starters.vision import WORKER

    worker = WORKER()
    worker.load()
    return worker


def asked(*turns, **more):
    """Texts and pictures of the user's turns, in order."""
    messages = []
    for turn in turns:
        parts = [{"type": "text", "text": one} if one != URL else
                 {"type": "image_url", "image_url": {"url": URL}} for one in turn]  # fmt: skip
        messages.append({"role": "user", "content": parts})
    return {"messages": messages, **more}


@pytest.fixture
def ask(vision, tmp_path):
    def run(picture, *turns, worker=vision, **more):
        picture.save(tmp_path / "a.png")
        given = asked(*(turns or [(URL,)]), **more)
        return run_once(worker, given, folder=tmp_path, files={URL: tmp_path / "a.png"})

    return run


def text_of(completion):
    return completion.choices[0].message.content


def star(x, y, r):
    points = []
    for n in range(10):
        turn, reach = math.pi * n / 5, r * (0.45 if n % 2 else 1)
        points.append((x + reach * math.sin(turn), y - reach * math.cos(turn)))
    return points


@pytest.fixture(scope="module")
def sky():
    """Larger than the model looks at, wider than high: a yellow star on the right of black, and
    three white circles."""
    picture = Image.new("RGB", (480, 360), "black")
    pen = ImageDraw.Draw(picture)
    pen.polygon(star(400, 180, 60), "yellow")
    for x, y in ((60, 60), (240, 60), (70, 300)):
        pen.ellipse((x - 35, y - 35, x + 35, y + 35), "white")
    return picture


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("What color is the star?", "The star is yellow."),
        ("Which shape is yellow? What shape is the yellow object?", "The yellow shape is a star."),
        ("Where's the star?", "The yellow star is on the right."),
        ("How many circles do you see?", "There are three circles."),
        ("how many shapes are there", "There are four shapes."),
        ("Is there a red square?", "No, there are no red squares."),
        ("On what colour is it drawn?", "The background is black."),
        ("Who is the president of France?",
         "I can only tell colours, shapes, places and numbers."),
    ],
)  # fmt: skip
def test_it_answers_what_is_true_of_the_picture(ask, sky, question, answer):
    assert text_of(ask(sky, (question, URL))) == answer


def test_a_picture_without_words_is_described(ask):
    picture = Image.new("RGB", (96, 96), "white")
    ImageDraw.Draw(picture).rectangle((30, 30, 66, 66), "blue")

    assert text_of(ask(picture)) == "A blue square on a white background."


def test_nine_of_ten_answers_are_right_to_the_letter_even_for_pairs_it_never_saw():
    from training.vision import score
    from training.vision.wordings import EXAM, USUAL
    from workers.engines.sight.picture_answers import PictureAnswers
    from workers.starters.vision import WEIGHTS

    model = PictureAnswers(WEIGHTS)
    for wording, unseen in ((USUAL, True), (EXAM, False)):
        told = score.accuracy(model, wording=wording, unseen=unseen, seed=5, pictures=25)
        right, many = (sum(one[n] for one in told.values()) for n in (0, 1))
        assert many == 100
        assert right >= 90, told


class Says:
    """Stands where the model would: always the same words, and which picture it saw."""

    def __init__(self, *words):
        self.words, self.seen = words, []

    def read(self, question):
        return words_of(question)

    def answer(self, picture, question):
        self.seen.append((picture.size, question))
        yield from self.words


@pytest.fixture
def scripted():
    from workers.starters.vision import WORKER

    worker = WORKER()
    worker.load = lambda: None
    worker.model = Says("the", "circle", "is", "red", ".")
    return worker


def test_the_partials_join_to_the_answer(scripted, tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    given = asked(("What colour is it?", URL), n=2)

    partials, answer = stream_once(
        scripted, given, folder=tmp_path, files={URL: tmp_path / "a.png"}
    )

    assert [one["choices"][1]["message"]["content"] for one in partials] == [
        "The", " circle", " is", " red", ".",
    ]  # fmt: skip
    assert [one.message.content for one in answer.choices] == ["The circle is red."] * 2
    assert answer.usage.completion_tokens == 10
    assert answer.usage.prompt_tokens == 4 + 12 * 12


@pytest.mark.parametrize(
    ("more", "text", "reason"),
    [
        ({"max_tokens": 2}, "The circle", "length"),
        ({"max_completion_tokens": 5}, "The circle is red.", "length"),
        ({"stop": [" is"]}, "The circle", "stop"),
        ({"stop": "redder"}, "The circle is red.", "stop"),
    ],
)
def test_it_stops_where_it_is_told_to(ask, scripted, more, text, reason):
    told = ask(Image.new("RGB", (8, 8)), ("What?", URL), worker=scripted, **more)

    assert (text_of(told), told.choices[0].finish_reason) == (text, reason)


def test_the_last_turn_asks_about_the_last_picture(ask, scripted):
    ask(Image.new("RGB", (8, 4)), ("What is it?", URL), ("And its colour?",), worker=scripted)

    assert scripted.model.seen == [((8, 4), "And its colour?")]


@pytest.mark.parametrize(
    ("turns", "more", "field"),
    [
        ([("What colour is it?",)], {}, "messages"),
        ([("What?", URL)], {"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
        ([("What?", URL)], {"logprobs": True}, "logprobs"),
        ([("What?", URL)], {"response_format": {"type": "json_object"}}, "response_format"),
        ([("What?", URL)], {"stop": [""]}, "stop"),
    ],
)
def test_what_it_cannot_do_is_refused_by_the_name_of_the_field(ask, scripted, turns, more, field):
    with pytest.raises(InvalidInput, match=f"^{field}: ") as refused:
        ask(Image.new("RGB", (8, 8)), *turns, worker=scripted, **more)

    assert refused.value.problems[0].loc == ("body", field)


def test_see_through_is_white():
    from workers.engines.sight.picture_answers import on_white

    clear = Image.new("RGBA", (4, 2), (255, 0, 0, 0))
    assert on_white(clear).getpixel((0, 0)) == (255, 255, 255)
    assert on_white(Image.new("RGB", (4, 2), "red")).getpixel((0, 0)) == (255, 0, 0)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("What's the COLOR of it?", "what is the colour of it"),
        ("Is the gray box in the center?", "is the grey box in the centre"),
        ("  red,blue… ", "red , blue"),
    ],
)
def test_spellings_are_read_as_one(written, read):
    assert words_of(written) == read.split()


def test_words_become_a_sentence():
    assert sentence(["no", ",", "i", "see", "none", "."]) == "No, I see none."


def test_what_is_taught_is_true():
    from training.vision.drawing import COLOURS, HELD_OUT, SHAPES, Scene, Thing, scene
    from training.vision.questions import About, count, described, place

    red, blue = COLOURS.index("red"), COLOURS.index("blue")
    circle, cross = SHAPES.index("circle"), SHAPES.index("cross")
    shown = Scene(
        COLOURS.index("orange"),
        (Thing(blue, cross, 0.8, 0.5, 0.1), Thing(red, circle, 0.2, 0.2, 0.1)),
    )
    assert described(shown) == "a red circle and a blue cross on an orange background."
    assert [place(thing) for thing in shown.things] == ["on the right", "at the top left"]
    assert count(shown, About(None, cross)) == "there is one cross."
    assert count(shown, About(red, cross)) == "there are no red crosses."
    assert count(shown, About(None, None)) == "there are two shapes."
    rng = Random(3)
    drawn = [thing for _ in range(300) for thing in scene(rng).things]
    assert not {(thing.colour, thing.shape) for thing in drawn} & HELD_OUT
    assert all(
        (one.things[0].colour, one.things[0].shape) in HELD_OUT
        for one in (scene(rng, unseen=True) for _ in range(50))
    )


def test_training_gives_the_same_weights_again():
    from training.vision.__main__ import Lesson, learn, put_in_order, untaught
    from training.vision.batches import vocabulary
    from training.vision.questions import EVENLY

    words = vocabulary()

    def taught():
        torch.manual_seed(7)
        net = untaught(words)
        put_in_order(net)
        learn(net, words, Lesson(2, 1e-3, 0, EVENLY), seed=0, pictures=4)
        return net.state_dict()

    one, other = taught(), taught()

    assert all(torch.equal(one[name], other[name]) for name in one)
    assert words == vocabulary()


def test_neighbouring_places_are_marked_alike():
    from training.vision.__main__ import put_in_order, untaught

    net = untaught(["a"])
    put_in_order(net)

    marks = torch.nn.functional.normalize(net["places"].weight.detach(), dim=1)
    likeness = marks @ marks.T
    assert likeness[0, 1] > 0.8
    assert likeness[0, 12] > 0.8
    assert likeness[0, 143] < 0.2
