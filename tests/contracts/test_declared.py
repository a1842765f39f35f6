"""What the author of a worker file is told when something in it cannot work."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

import pytest

from pilotlight import catalogue
from pilotlight.contracts.declared import declared
from pilotlight.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

FILE: Final = """\
from typing import ClassVar
from pydantic import BaseModel
from pilotlight import Context, Endpoint, Worker, WorkerSpec


class Input(BaseModel):
    text: str


class Shout(Worker[Input, Input]):
    spec: ClassVar = WorkerSpec(
        name="shout",
        endpoints=(Endpoint(id="acme/shout", task="acme/shout", input=Input, output=Input),),
        gpu_memory_gib=0,
        timeout_s=60,
    )

    def run(self, job_input: Input, context: Context) -> Input:
        return job_input


WORKER = Shout
"""


@pytest.fixture
def written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Package:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    return Package(tmp_path, f"authored_{abs(hash(request.node.nodeid))}")


class Package:
    """A package of worker files with a name that no other test has."""

    def __init__(self, root: Path, name: str) -> None:
        self.name, self._folder = name, root / name
        self._folder.mkdir()
        (self._folder / "__init__.py").touch()

    def module(self, name: str, text: str) -> str:
        (self._folder / f"{name}.py").write_text(text)
        importlib.invalidate_caches()
        return f"{self.name}.{name}"


MISTAKES: Final = {
    "a missing colon": ("-> Input:", "-> Input", ", line 18: SyntaxError: expected ':'"),
    "tabs": ("        return", "\treturn", ", line 19: TabError"),
    "a library that is not there": (
        "from pydantic",
        "import cowsay_of_nobody\nfrom pydantic",
        ", line 2: cowsay_of_nobody is not installed (pip install cowsay_of_nobody?). What only",
    ),
    "a name that is not there": ("Worker, WorkerSpec", "Worker, Wörker", "cannot import name"),
    "code that fails": ("class Input", "x = nothing\n\n\nclass Input", ", line 6: NameError"),
    "an exit": ("WORKER = Shout", "raise SystemExit(3)", ", line 22: SystemExit: 3"),
    "no WORKER": ("WORKER = Shout", "", "end it with WORKER = Shout"),
    "brackets": ("WORKER = Shout", "WORKER = Shout()", "set WORKER = Shout, without brackets"),
    "another thing": ("WORKER = Shout", "WORKER = Input", "no subclass of pilotlight.Worker"),
    "no spec": ("    spec: ", "    facts: ", "Shout has no `spec = WorkerSpec("),
    "a misspelt fact": ("timeout_s=60", "timeout=60", "timeout: no such field; there are name,"),
    "a fact out of range": ("timeout_s=60", "timeout_s=-1", "timeout_s: Input should be greater"),
    "a missing fact": ("gpu_memory_gib=0,", "", "gpu_memory_gib is missing"),
    "no run": ("def run(", "def runs(", "Shout defines no run"),
    "a run that takes less": (", context: Context)", ")", "Shout.run takes (self, job_input, cont"),
    "a load that takes more": (
        "    def run(",
        "    def load(self, path): ...\n\n    def run(",
        "Shout.load takes (self): miss",
    ),
    "an id with a space": ('"acme/shout", task', '"acme shout", task', "endpoint 'acme shout': an"),
    "no model": ("output=Input", "output=dict", "output is <class 'dict'>, no pydantic model"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_a_worker_file_is_named_with_its_file_and_the_way_out(
    mistake: str, written: Package
) -> None:
    right, wrong, told = MISTAKES[mistake]
    assert right in FILE
    module = written.module("shout", FILE.replace(right, wrong))
    with pytest.raises(SettingsError) as said:
        declared(module)
    assert str(said.value).startswith(f"{written.name}/shout.py")
    assert told in str(said.value)


def test_a_file_without_mistakes_gives_its_worker(written: Package) -> None:
    assert declared(written.module("shout", FILE)).spec.name == "shout"


def test_two_files_with_one_name_are_both_named(written: Package) -> None:
    first, second = written.module("one", FILE), written.module("two", FILE)
    with pytest.raises(SettingsError, match=f"in {first} and in {second}"):
        catalogue.discover([written.name])


def test_a_worker_is_found_by_its_name_and_its_mistakes_are_told(written: Package) -> None:
    written.module("shout", FILE.replace("def run(", "def runs("))
    with pytest.raises(SettingsError, match=r"shout\.py: Shout defines no run"):
        catalogue.find([written.name], "shout")
