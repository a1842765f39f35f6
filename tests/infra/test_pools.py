"""Workers that share hosts are refused in words: a service of their pool would never start."""

from __future__ import annotations

import pytest

from infra.template.facts import all_facts
from pilotlight.errors import SettingsError
from pilotlight.settings import Settings


def test_a_pooled_worker_is_refused_and_told_what_to_do():
    settings = Settings(workers=("tests.journeys.studio",))

    with pytest.raises(SettingsError, match=r"clerk is in the pool studio.*workers studio"):
        all_facts(settings, "us-east-1")
