"""A cold start as a caller reads it: in fal's status, and on the terminal of `submit --watch`."""

from __future__ import annotations

import pytest

from handlers.dialects.fal import words
from pilotlight.cli import follow
from pilotlight.intake.cold_start import ColdStage
from pilotlight.intake.control import View


def status(make_job, cold):
    return words.status(View(make_job(), 0, cold), queue_url="http://here/queue")


def test_the_status_has_the_stage_how_far_it_is_and_how_long_it_takes(make_job):
    cold = ColdStage("loading", 4.1, step="weights", fraction=0.62)

    told = status(make_job, cold)["cold_start"]
    assert told == {"stage": "loading", "eta_s": 4.1, "step": "weights", "fraction": 0.62}


def test_without_a_step_the_status_is_as_it_was(make_job):
    told = status(make_job, ColdStage("starting", None))["cold_start"]

    assert told == {"stage": "starting", "eta_s": None}


@pytest.mark.parametrize(
    ("cold", "said"),
    [
        (ColdStage("loading", 4.1, step="weights", fraction=0.62), "reading its weights, 62%, about 4 s left"),
        (ColdStage("loading", None, step="imports"), "importing its libraries"),
        (ColdStage("loading", 3.0), "loading the model, about 3 s left"),
        (ColdStage("starting", None), "starting a replica"),
    ],
)  # fmt: skip
def test_who_watches_reads_it_in_words(make_job, cold, said):
    assert follow.sentence(follow.look(status(make_job, cold))) == said
