"""``python -m demo.gallery``: exit code 0 when every exhibit answered, 1 when one did not."""

from __future__ import annotations

import json
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console

from demo import ROOT
from demo.failure import StepFailed
from demo.gallery.exhibits import EXHIBITS, Made
from demo.gallery.page import Entry, Shown, page
from demo.house import house
from pilotlight.adapters.local.clock import SystemClock
from pilotlight.client import Client, ClientError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from demo.gallery.exhibits import Exhibit
    from pilotlight.client import Artifact

FOLDER: Final = ROOT / "build" / "gallery"
_PATIENCE_S: Final = 900
_LONGEST: Final = 400
"""Characters of a text that the page shows."""


class Visit:
    """One walk past all exhibits; the files land in the folder."""

    def __init__(self, client: Client, folder: Path) -> None:
        self._client, self._folder = client, folder
        self._made: dict[str, Artifact] = {}
        self._clock = SystemClock()

    def look(self, exhibit: Exhibit, number: int) -> Entry:
        """What it answered, or why it did not."""
        given: list[Shown] = []
        asked = self._filled(exhibit.asked, number, given)
        began = self._clock.monotonic()
        answer: Mapping[str, Any] = {}
        made: list[Shown] = []
        error = ""
        try:
            done = self._client.run(exhibit.endpoint, asked, wait_s=_PATIENCE_S)
            answer, made = (
                done.output or {},
                [self._kept(one, f"{number:02}-{n}") for n, one in enumerate(done.artifacts)],
            )
            if done.artifacts:
                self._made[exhibit.title] = done.artifacts[0]
        except ClientError as problem:
            error = str(problem)
        took_s = self._clock.monotonic() - began
        shown = _short(exhibit.asked), _short(answer)
        return Entry(
            exhibit.title, exhibit.endpoint, shown[0], given, shown[1], made, took_s, error
        )

    def _filled(self, value: Any, number: int, given: list[Shown]) -> Any:
        """The input with uploads and earlier files in their places."""
        if isinstance(value, bytes):
            name, kind = _named(value, number, len(given))
            (self._folder / name).write_bytes(value)
            given.append(Shown(name, kind))
            return self._client.upload(value, name=name, content_type=kind).url
        if isinstance(value, Made):
            if value.title not in self._made:
                raise ClientError(f"{value.title!r} made nothing to go on with")
            return self._made[value.title].url
        if isinstance(value, dict):
            return {name: self._filled(one, number, given) for name, one in value.items()}
        if isinstance(value, list):
            return [self._filled(one, number, given) for one in value]
        return value

    def _kept(self, artifact: Artifact, stem: str) -> Shown:
        name = f"{stem}{Path(artifact.file_name).suffix}"
        self._client.download(artifact, self._folder / name)
        return Shown(name, artifact.content_type)


def _named(body: bytes, number: int, order: int) -> tuple[str, str]:
    kind, suffix = ("application/zip", "zip") if body[:2] == b"PK" else ("image/png", "png")
    return f"{number:02}-in-{order}.{suffix}", kind


def _short(value: Any) -> Any:
    """As the page shows it: no bytes, no URLs that end soon, no endless texts."""
    if isinstance(value, dict):
        said = {name: one for name, one in value.items() if one is not None and not _is_link(one)}
        return {name: _short(one) for name, one in said.items()}
    if isinstance(value, list | tuple):
        return [_short(one) for one in value if not _is_link(one)]
    if isinstance(value, str) and len(value) > _LONGEST:
        return value[:_LONGEST] + " ..."
    return value


def _is_link(value: Any) -> bool:
    """What is shown as a file, and needs no words."""
    if isinstance(value, dict):
        return any(_is_link(one) for one in value.values() if not isinstance(one, dict | list))
    if isinstance(value, list):
        return bool(value) and all(map(_is_link, value))
    link = isinstance(value, str) and value.startswith(("http://", "https://"))
    return link or isinstance(value, bytes | Made)


def _write(entries: Sequence[Entry], took_s: float) -> None:
    """What was seen so far: whoever stops half-way has the half."""
    told = (
        f"{len(entries)} of {len(EXHIBITS)} questions to pilotlight up --starters, {took_s:.0f} s "
        "in all. Whoever is asked first starts cold."
    )
    (FOLDER / "index.html").write_text(page(entries, told))
    (FOLDER / "answers.json").write_text(
        json.dumps([{"title": one.title, "answer": one.answer} for one in entries], indent=1)
    )


def main() -> int:
    """Start the product with its starters, ask them all, write the page."""
    console, clock = Console(highlight=False), SystemClock()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    began, entries = clock.monotonic(), []
    console.print("\n[bold]Every starter is asked for something;[/] some minutes on two cores\n")
    with tempfile.TemporaryDirectory(prefix="pilotlight-gallery-") as data:
        try:
            with house(Path(data), "--starters") as running:
                running.wait_until_ready()
                with Client(running.url, running.key) as client:
                    visit = Visit(client, FOLDER)
                    for number, exhibit in enumerate(EXHIBITS, 1):
                        entry = visit.look(exhibit, number)
                        entries.append(entry)
                        _write(entries, clock.monotonic() - began)
                        mark = "[red]✗[/]" if entry.error else "[green]✓[/]"
                        told = entry.error or f"{entry.took_s:.1f} s"
                        console.print(f"  {mark} {entry.title}: {told}", soft_wrap=True)
        except StepFailed as problem:
            console.print(f"  [red]✗[/] {problem}")
            return 1
    console.print(f"\n  {FOLDER / 'index.html'}")
    return 1 if any(one.error for one in entries) else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        Console().print("\n  Stopped; nothing is left running.")
        sys.exit(130)
