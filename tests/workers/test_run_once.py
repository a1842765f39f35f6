"""Trying a model in this process, as its author would."""

from __future__ import annotations

import math
import threading

import pytest
from pydantic import BaseModel

from pilotlight import Endpoint, Worker, WorkerSpec
from pilotlight.contracts.events import Log, Progress
from pilotlight.errors import InvalidInput, WeightsMissing, WorkerError
from pilotlight.testing import run_once, stream_once
from tests.workers.misbehaving.async_run import AsyncRun
from tests.workers.misbehaving.async_streams import AsyncStreams
from tests.workers.misbehaving.out_of_memory import OutOfMemory
from tests.workers.misbehaving.raises_in_load import RaisesInLoad
from tests.workers.misbehaving.reads_input import ReadsInput
from tests.workers.misbehaving.saves_files import SavesFiles
from tests.workers.misbehaving.streams import Streams
from tests.workers.misbehaving.waits import Waits
from tests.workers.misbehaving.wrong_output import WrongOutput


def test_the_output_is_the_endpoints_own_type_and_the_files_stay(tmp_path):
    output = run_once(SavesFiles, {"text": "x"}, folder=tmp_path)
    assert output.images[0].width == 4
    assert (tmp_path / "picture.png").read_bytes() == b"png 1"


def test_a_wrong_input_names_the_field(tmp_path):
    with pytest.raises(InvalidInput) as caught:
        run_once(Waits, {"text": 5}, folder=tmp_path)
    assert caught.value.problems[0].loc == ("body", "text")


def test_a_wrong_output_names_the_field(tmp_path):
    with pytest.raises(WorkerError, match="text: Input should be a valid string"):
        run_once(WrongOutput, {"text": "field"}, folder=tmp_path)


class Nothing(BaseModel):
    pass


class Measures(BaseModel):
    length: float
    width: float | None = None


class Measuring(Worker):
    spec = WorkerSpec(
        name="measuring",
        endpoints=(
            Endpoint(id="acme/measure", task="acme/measure", input=Nothing, output=Measures),
        ),
        gpu_memory_gib=0,
    )
    made = math.nan, None

    def run(self, job_input, context):
        length, width = self.made
        return Measures(length=length, width=width)


@pytest.mark.parametrize("length", [math.nan, math.inf])
def test_no_number_where_the_contract_has_one_is_told_and_not_sent_as_null(
    tmp_path, monkeypatch, length
):
    monkeypatch.setattr(Measuring, "made", (length, None))
    with pytest.raises(WorkerError, match="length: Input should be a valid number; NaN and infin"):
        run_once(Measuring, {}, folder=tmp_path)


def test_what_cannot_be_written_as_json_is_told_with_the_way_out(tmp_path):
    class Any(BaseModel):
        found: object

    endpoint = Endpoint(id="acme/any", task="acme/any", input=Nothing, output=Any)

    class Finding(Worker):
        spec = WorkerSpec(name="finding", endpoints=(endpoint,), gpu_memory_gib=0)

        def run(self, job_input, context):
            return Any(found=threading.Lock())

    with pytest.raises(WorkerError, match=r"cannot be written as JSON: .*lock.*\.tolist\(\)"):
        run_once(Finding, {}, folder=tmp_path)


def test_no_number_where_the_contract_may_have_none_is_none(tmp_path, monkeypatch):
    monkeypatch.setattr(Measuring, "made", (1.5, math.nan))

    assert run_once(Measuring, {}, folder=tmp_path).width is None


def test_input_files_are_given_by_url(tmp_path):
    (tmp_path / "in.png").write_text("pixels")
    url = "https://example.org/in.png"
    output = run_once(
        ReadsInput, {"image_url": url}, folder=tmp_path, files={url: tmp_path / "in.png"}
    )
    assert output.text == "pixels"


def test_an_instance_is_not_loaded_again(tmp_path):
    class Counts(Waits):
        loads = 0

        def load(self):
            self.loads += 1

    worker = Counts()
    worker.load()
    for text in ("one", "two"):
        assert run_once(worker, {"text": text}, folder=tmp_path).text == text
    assert worker.loads == 1


def test_a_load_that_raises_raises_here(tmp_path):
    with pytest.raises(WeightsMissing):
        run_once(RaisesInLoad, {}, folder=tmp_path)


def test_low_memory_can_be_tried(tmp_path):
    assert "small" in run_once(OutOfMemory, {}, folder=tmp_path, low_memory=True).text


def test_coroutines_are_awaited(tmp_path):
    assert run_once(AsyncRun, {"text": "second"}, folder=tmp_path).text == "second"


def test_progress_can_be_heard(tmp_path):
    heard = []

    class Steps(Waits):
        def run(self, job_input, context):
            context.progress(1.0, "done")
            return super().run(job_input, context)

    run_once(Steps, {}, folder=tmp_path, hear=heard.append)
    assert heard == [Progress("once", 1.0, "done")]


@pytest.mark.parametrize("fraction", ["half", None, float("nan")])
def test_a_progress_that_is_no_number_is_refused_in_words(tmp_path, fraction):
    class Half(Waits):
        def run(self, job_input, context):
            context.progress(fraction)
            return super().run(job_input, context)

    with pytest.raises(ValueError, match=f"a number from 0 to 1, .* not {fraction!r}"):
        run_once(Half, {}, folder=tmp_path)


def test_a_log_takes_what_print_would(tmp_path):
    heard = []

    class Counts(Waits):
        def run(self, job_input, context):
            context.log(42)
            return super().run(job_input, context)

    run_once(Counts, {}, folder=tmp_path, hear=heard.append)
    assert heard == [Log("once", "log", "42")]


def test_a_run_without_a_return_is_told_so(tmp_path):
    class Forgets(Waits):
        def run(self, job_input, context):
            super().run(job_input, context)

    with pytest.raises(WorkerError, match=r"returned nothing: its run must `return \w+\(...\)`"):
        run_once(Forgets, {}, folder=tmp_path)


@pytest.mark.parametrize("worker", [Streams, AsyncStreams])
def test_partial_outputs_come_before_the_output(worker, tmp_path):
    partials, output = stream_once(worker, {"text": "a b"}, folder=tmp_path)
    assert len(partials) == 2
    assert partials[-1] == output.model_dump()
