"""What a guard model writes, as categories and scores."""

from __future__ import annotations

import math

import pytest

from pilotlight import InvalidInput
from pilotlight.contracts.tasks.chat import Answer, Choice, Completion
from pilotlight.contracts.tasks.moderation import CATEGORIES
from pilotlight.testing import run_once
from workers.engines.language.guarding import HARM, MEANS, Unreadable, harmfulness, judgement
from workers.production.qwen3guard_gen_4b import WORKER


def token(text, **chances):
    """A token as OpenAI's clients get it, beside what it might have been."""
    told = [{"token": f" {name}", "logprob": math.log(p)} for name, p in chances.items()]
    return {"token": text, "logprob": 0.0, "top_logprobs": told}


@pytest.mark.parametrize(
    ("written", "flagged", "named"),
    [
        ("Safety: Safe\nCategories: None", False, set()),
        ("Safety: Unsafe\nCategories: Violent", True, {"violence"}),
        ("Safety: Unsafe\nCategories: Violent, Suicide & Self-Harm", True,
         {"violence", "self-harm"}),
        ("Safety: Unsafe\nCategories: Unethical Acts\nRefusal: No", True, {"harassment", "hate"}),
        ("Safety: Unsafe\nCategories: PII, Jailbreak", True, {"personal-data", "jailbreak"}),
        ("Safety: Controversial\nCategories: Politically Sensitive Topics", False, {"politics"}),
    ],
)  # fmt: skip
def test_the_label_says_how_bad_and_the_categories_say_what(written, flagged, named):
    judged = judgement(written)

    assert judged.flagged == flagged
    assert {name for name, score in judged.category_scores.items() if score} == named
    assert {name for name, flag in judged.categories.items() if flag} == (
        named if flagged else set()
    )
    assert set(CATEGORIES) < set(judged.categories)
    assert set(judged.categories) == set(judged.category_scores)


def test_every_category_of_the_model_is_known_to_a_judgement():
    for name in MEANS:
        assert judgement(f"Safety: Unsafe\nCategories: {name}").flagged


def test_a_score_weighs_the_label_against_those_it_might_have_been():
    likely = [
        token("Safety"),
        token(":"),
        token(" Unsafe", Unsafe=0.6, Safe=0.3, Controversial=0.1),
    ]

    assert harmfulness("Unsafe", likely) == pytest.approx(0.65)
    assert harmfulness("Safe", [token(" Safe", Safe=0.99, Unsafe=0.01)]) == pytest.approx(0.01)
    half = [token(" Un", Un=0.5, S=0.25, Cont=0.25), token("safe")]
    assert harmfulness("Unsafe", half) == pytest.approx(0.625)
    assert harmfulness("Controversial") == HARM["Controversial"]
    judged = judgement("Safety: Unsafe\nCategories: Violent", likely)
    assert judged.category_scores["violence"] == pytest.approx(0.65)


@pytest.mark.parametrize("written", ["", "I cannot help with that.", "Safety: Fine"])
def test_what_is_no_judgement_is_an_error_and_no_clean_bill(written):
    with pytest.raises(Unreadable, match="the guard model wrote"):
        judgement(written)


class Scripted:
    """Stands where the engine would: calls whatever names a knife violent."""

    def __init__(self):
        self.asked = []

    async def chat(self, asked, *, seed, live):
        self.asked.append(asked)
        bad = any("knife" in message.content for message in asked.messages)
        said = "Safety: Unsafe\nCategories: Violent" if bad else "Safety: Safe\nCategories: None"
        yield Completion(choices=[Choice(message=Answer(content=said))])


@pytest.fixture
def guard():
    worker = WORKER()
    worker.load = lambda: None
    worker.engine = Scripted()
    return worker


def test_texts_are_judged_one_by_one_and_a_conversation_as_a_whole(guard, tmp_path):
    talk = [
        {"role": "user", "content": [{"type": "text", "text": "What for is this knife?"}]},
        {"role": "assistant", "content": "For bread."},
    ]

    told = run_once(
        guard, {"input": ["Bread.", "A knife!"], "messages": talk}, folder=tmp_path
    ).results

    assert [one.flagged for one in told] == [False, True, True]
    whole = guard.engine.asked[2].messages
    assert [(one.role, one.content) for one in whole] == [
        ("user", "What for is this knife?"),
        ("assistant", "For bread."),
    ]
    assert all(one.temperature == 0 and one.logprobs for one in guard.engine.asked)


def test_a_picture_is_refused_by_its_place(guard, tmp_path):
    part = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}

    with pytest.raises(InvalidInput, match="reads text only") as refused:
        run_once(guard, {"input": [{"type": "text", "text": "a"}, part]}, folder=tmp_path)

    assert refused.value.problems[0].loc == ("body", "input", 1)
