"""What ``up`` prints: it must fit, and it must work when pasted."""

from __future__ import annotations

import re
from pathlib import Path

from pilotlight.cli.banner import Facts, Ink, banner

FACTS = Facts(
    url="http://127.0.0.1:8000",
    tls_url="https://127.0.0.1:8443",
    authority=Path("/data here/ca.pem"),
    key="s3cret key",
    endpoints=[("acme/a", "Does a."), ("acme/longer", "")],
    example='{"text": "it\'s"}',
)
BARE = Facts(
    url="http://127.0.0.1:8000", tls_url=None, authority=None, key="k", endpoints=[], example="{}"
)


def test_it_fits_a_terminal_of_eighty_columns():
    told = banner(FACTS, Ink(on=False))

    assert [line for line in told.splitlines() if len(line) > 80] == []


def test_every_setting_is_ready_to_paste():
    told = banner(FACTS, Ink(on=False)).splitlines()

    assert "  export FAL_KEY='s3cret key'" in told
    assert "  export FAL_RUN_HOST=127.0.0.1:8443/run" in told
    assert "  export FAL_QUEUE_RUN_HOST=127.0.0.1:8443/queue" in told
    assert "  export SSL_CERT_FILE='/data here/ca.pem'" in told
    assert '  connect_fal("http://127.0.0.1:8000")' in told
    assert any('"http://127.0.0.1:8000/api/fal/proxy"' in line for line in told)
    assert any("`http://127.0.0.1:8000/${ours[host]}" in line for line in told)
    assert "  export OPENAI_BASE_URL=http://127.0.0.1:8000/v1" in told
    assert "  export OPENAI_API_KEY='s3cret key'" in told
    assert "  curl http://127.0.0.1:8000/run/acme/a \\" in told
    assert "  acme/a       Does a." in told
    assert "  acme/longer" in told


def test_without_tls_it_says_how_to_have_it():
    told = banner(BARE, Ink(on=False))

    assert "--tls-port 8443" in told
    assert "FAL_RUN_HOST" not in told


def test_without_endpoints_it_says_how_to_add_one():
    told = banner(BARE, Ink(on=False))

    assert "copy workers/echo.py" in told
    assert "curl http://127.0.0.1:8000/readyz" in told


def test_colour_adds_nothing_but_colour():
    plain, coloured = banner(FACTS, Ink(on=False)), banner(FACTS, Ink(on=True))

    assert coloured != plain
    assert re.sub(r"\033\[[0-9;]*m", "", coloured) == plain
