"""What a browser and a program find at ``/``."""

from __future__ import annotations

import sys

import pytest

from handlers.welcome import page
from pilotlight import catalogue

BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
WORKER = '''
from typing import ClassVar

from pydantic import BaseModel, Field

from pilotlight import Context, Endpoint, Worker, WorkerSpec


class Input(BaseModel):
    prompt: str = Field(description="<b>what</b> to draw", max_length=50)
    steps: int | None = Field(default=4, ge=1)
    size: list[int] = []


class Output(BaseModel):
    text: str


class Draw(Worker[Input, Output]):
    """<script>alert(1)</script>"""

    spec: ClassVar = WorkerSpec(
        name="draw",
        endpoints=(
            Endpoint(
                id="acme/draw", task="acme/draw", input=Input, output=Output,
                description="<script>alert(1)</script>",
            ),
        ),
        gpu_memory_gib=0,
        timeout_s=60,
    )

    def run(self, job_input: Input, context: Context) -> Output:
        return Output(text="")


WORKER = Draw
'''


@pytest.fixture
def drawn(tmp_path, monkeypatch):
    """The page of a house with that one worker."""
    package = tmp_path / "drawings"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "draw.py").write_text(WORKER)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    yield page(catalogue.discover(("drawings",), ()), "http://gpu.example.org")
    for name in [name for name in sys.modules if name.partition(".")[0] == "drawings"]:
        del sys.modules[name]


def test_a_program_gets_json_and_a_browser_a_page(stage):
    with stage.client(None) as anybody:
        told, shown = anybody.get("/"), anybody.get("/", headers=BROWSER)

    assert told.json()["service"] == "pilotlight"
    assert shown.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in shown.headers["content-security-policy"]
    assert told.headers["vary"] == shown.headers["vary"] == "accept"
    assert "<summary><code>" in shown.text


def test_every_field_is_told_with_its_kind_and_its_limits(drawn):
    assert "<code>steps</code><td>integer or null<td>default 4; at least 1" in drawn
    assert "<code>size</code><td>list of integer" in drawn
    assert "required; at most 50 characters" in drawn


def test_commands_to_paste_name_this_ingress(drawn):
    """``pilotlight submit`` would look into the folder that it is pasted in."""
    assert "export PILOTLIGHT_URL=http://gpu.example.org PILOTLIGHT_KEY=" in drawn
    assert "pilotlight submit acme/draw" in drawn
    assert "http://gpu.example.org/api/jobs" in drawn


def test_an_authors_words_are_no_markup(drawn):
    assert "<script" not in drawn
    assert "&lt;script&gt;alert(1)" in drawn
    assert "&lt;b&gt;what&lt;/b&gt; to draw" in drawn


ASKED = [("/", BROWSER), ("/openapi.json", {}), ("/openapi.json?endpoint_id=acme/app", {})]


@pytest.mark.parametrize(("path", "headers"), ASKED)
def test_what_nobody_needs_a_key_for_is_made_once_and_names_each_readers_site(
    client, path, headers, monkeypatch
):
    first = client.get(path, headers=headers)
    for made_by in ("handlers.welcome.page", "handlers.openapi._document"):
        monkeypatch.setattr(made_by, lambda *_args: pytest.fail("made again"))
    again = client.get(path, headers={**headers, "host": "gpu.example:9"})

    assert (first.status_code, again.status_code) == (200, 200)
    here = str(client.base_url).rstrip("/")
    assert here in first.text
    assert again.text == first.text.replace(here, "http://gpu.example:9")


@pytest.mark.parametrize("path", ["/", "/openapi.json"])
def test_a_readers_site_is_written_as_text(client, path):
    host = 'a"><script>'
    told = client.get(path, headers={**BROWSER, "host": host})

    assert host not in told.text
    if path != "/":
        assert any(host in one["url"] for one in told.json()["servers"])


def test_an_endpoint_without_a_name_has_no_document(client):
    assert client.get("/openapi.json").status_code == 200
    assert client.get("/openapi.json?endpoint_id=").status_code == 404
