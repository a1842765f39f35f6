"""The picture and film models worth a GPU: importable anywhere, and in words that diffusers knows."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import tomllib

import pytest

from handlers.dialects.task_types.naming import endpoint_for
from pilotlight.adapters.aws.machines import gpu_class
from pilotlight.catalogue import discover
from pilotlight.contracts import endpoints as public
from pilotlight.contracts.example import example_of
from pilotlight.contracts.tasks import TASKS, shapes
from pilotlight.settings import RouteSettings
from tests.live import ROOT
from workers.engines.diffusers.films import Filming
from workers.engines.diffusers.loading import pipeline_class
from workers.engines.diffusers.pictures import Painting

PACKAGE = "workers.production"
DRAWN = {
    name: worker
    for name, worker in discover([PACKAGE]).workers.items()
    if issubclass(worker, Painting | Filming)
}
HEAVY = {"torch", "diffusers", "transformers", "numpy", "PIL", "av", "onnxruntime", "peft"}
PERMISSIVE = {"Apache-2.0", "MIT"}
OTHERS = {
    "flux-krea-lora": "FLUX.1 [dev] Non-Commercial",
    "flux-kontext-lora": "FLUX.1 [dev] Non-Commercial",
    "hidream-i1-full": "MIT; Llama 3.1 Community for the reader",
    "ltx2-distilled": "LTX-2 Community",
    "dreamomni2": "FLUX.1 [dev] Non-Commercial; Apache-2.0 for what DreamOmni2 adds",
}
"""Said in so many words, since they bind whoever runs them."""


def ways():
    return [
        pytest.param(worker, way, id=f"{name}-{way.pipeline}-{number}")
        for name, worker in sorted(DRAWN.items())
        for number, way in enumerate(way for one in worker.serves for way in one.all_ways)
    ]


def test_the_models_are_those_that_callers_name():
    endpoints = {one.id: one.task for worker in DRAWN.values() for one in worker.spec.endpoints}

    assert endpoints == {
        "nunchaku-flux1-schnell": "fal/text-to-image",
        "nunchaku-flux1-schnell-edit": "fal/image-edit",
        "sglang-diffusion-flux2-klein-4b": "fal/text-to-image",
        "sglang-diffusion-flux2-klein-4b-edit": "fal/image-edit",
        "qwen-image-2512": "fal/text-to-image",
        "qwen-image-2512-openai": "openai/image-generation",
        "sglang-diffusion-qwen-image-2512-fp8": "fal/text-to-image",
        "sglang-diffusion-qwen-image-2512-fp8-openai": "openai/image-generation",
        "qwen-image-edit-2511": "fal/image-edit",
        "sglang-diffusion-qwen-image-edit-2511-fp8": "fal/image-edit",
        "wan22-ti2v": "fal/text-to-video",
        "wan22-ti2v-image": "fal/image-to-video",
        "sglang-diffusion-wan22-t2v-a14b-fp8": "fal/text-to-video",
        "ltx2-distilled": "fal/text-to-video",
        "ltx2-distilled-image": "fal/image-to-video",
        "fal-ai/flux-krea-lora/stream": "fal/text-to-image",
        "fal-ai/flux-kontext-lora": "fal/image-edit",
        "fal-ai/flux-kontext-lora/inpaint": "fal/image-edit",
        "fal-ai/flux-kontext-lora/text-to-image": "fal/text-to-image",
        "fal-ai/dreamomni2/edit": "fal/image-edit",
        "fal-ai/hidream-i1-full": "fal/text-to-image",
        "fal-ai/kandinsky5/text-to-video": "fal/text-to-video",
        "fal-ai/kandinsky5/text-to-video/distill": "fal/text-to-video",
    }


NAMED = {
    "openai/image-generation": ["qwen-image-2512"],
    "fal/text-to-image": [
        "nunchaku-flux1-schnell",
        "sglang-diffusion-flux2-klein-4b",
        "qwen-image-2512",
        "sglang-diffusion-qwen-image-2512-fp8",
    ],
    "fal/image-edit": [
        "nunchaku-flux1-schnell",
        "sglang-diffusion-flux2-klein-4b",
        "qwen-image-edit-2511",
        "sglang-diffusion-qwen-image-edit-2511-fp8",
    ],
    "fal/text-to-video": ["wan22-ti2v", "sglang-diffusion-wan22-t2v-a14b-fp8", "ltx2-distilled"],
    "fal/image-to-video": ["wan22-ti2v", "ltx2-distilled"],
}
"""Models by task type, as callers name them."""


@pytest.mark.parametrize("kind", NAMED)
def test_a_task_type_and_a_models_name_lead_to_an_endpoint_of_that_type(kind):
    catalogue = discover([PACKAGE])

    for model in NAMED[kind]:
        found = endpoint_for(catalogue, kind, model)
        assert catalogue.contract(found).task == kind
        assert found.startswith(model)


def test_they_are_imported_without_any_heavy_library():
    program = (
        "import sys; from pilotlight.catalogue import discover; discover([sys.argv[1]]);"
        "print(sorted(set(sys.argv[2].split()) & set(sys.modules)))"
    )
    told = subprocess.run(
        [sys.executable, "-c", program, PACKAGE, " ".join(HEAVY)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert told.stdout.strip() == "[]"


@pytest.mark.parametrize("name", sorted(DRAWN))
def test_an_owner_learns_what_it_takes(name):
    worker = DRAWN[name]
    model, spec = worker.model, worker.spec

    assert model.licence == OTHERS.get(name) or model.licence in PERMISSIVE
    assert spec.gpu_memory_gib == model.gpu_memory_gib > 0
    assert gpu_class(spec) is not None
    assert spec.jobs_per_replica == model.jobs
    assert spec.timeout_s >= (3600 if model.quantisation == "fp8" else 900)
    assert [one.endpoint for one in worker.serves] == list(spec.endpoints)


@pytest.mark.parametrize("name", sorted(DRAWN))
def test_what_callers_send_and_get_is_the_contract_to_the_letter(name):
    for one in DRAWN[name].spec.endpoints:
        if one.id in public.KNOWN:
            contract = public.contract(one.id)
            assert (one.input, one.output, one.task) == (
                contract.input, contract.output, contract.task
            )  # fmt: skip
        else:
            assert one.task in TASKS
            takes, gives = shapes(one.task)
            assert issubclass(one.input, takes)
            assert issubclass(one.output, gives)


@pytest.mark.parametrize(("worker", "way"), ways())
def test_every_class_and_argument_is_one_that_the_installed_diffusers_has(worker, way):
    kind, loads = pipeline_class(way.pipeline), pipeline_class(worker.model.pipeline)
    takes = {name for one in kind.__mro__ for name in inspect.signature(one.__call__).parameters}

    assert way.words <= takes
    if way.is_film:
        assert "output_type" in takes
    loaded = inspect.signature(loads.__init__).parameters
    assert set(worker.model.parts) <= set(loaded)
    # Another class over the same weights: all it needs is there.
    needs = {name for name, one in inspect.signature(kind.__init__).parameters.items()
             if one.default is one.empty and name != "self"}  # fmt: skip
    assert needs <= set(loaded)
    if worker.model.loras or worker.model.adaptation:
        assert hasattr(loads, "load_lora_weights")


@pytest.mark.parametrize("name", sorted(DRAWN))
def test_every_part_of_a_repository_of_its_own_is_a_class_that_is_installed(name):
    import diffusers
    import transformers

    model = DRAWN[name].model
    beside = [model.reader] if model.reader else []
    for part in [*model.parts.values(), *model.variants.values(), *beside]:
        assert hasattr(transformers, part.kind) or hasattr(diffusers, part.kind)


def page(name):
    return (ROOT / "docs" / name).read_text()


def routes():
    """Those that the page offers for what cannot be had."""
    (block,) = re.findall(r"```toml\n(\[\[route\]\]\nendpoint = \"decart.*?)```", page("production.md"),
                          re.DOTALL)  # fmt: skip
    return [RouteSettings(**one) for one in tomllib.loads(block)["route"]]


@pytest.mark.parametrize("route", routes(), ids=lambda one: one.endpoint)
def test_an_open_model_can_stand_behind_the_id_of_one_that_cannot_be_had(route):
    served = discover([PACKAGE], [route]).endpoint(route.endpoint)
    contract = public.contract(route.endpoint)
    said = contract.input.model_validate(example_of(contract.input)).model_dump(mode="json")

    heard = served.own.input.model_validate(served.route.translate(said))

    assert served.endpoint.input is contract.input
    assert served.own.task == contract.task
    assert heard.prompt == said["prompt"]


@pytest.mark.parametrize("name", sorted(DRAWN))
def test_the_page_about_them_says_what_is_declared(name):
    model, spec = DRAWN[name].model, DRAWN[name].spec
    rows = page("production.md").splitlines()
    (row,) = [one for one in rows if f"`{spec.endpoints[0].id}`" in one and one.startswith("| `")]

    assert all(f"`{one.id}`" in row for one in spec.endpoints)
    told = [cell.strip() for cell in row.strip("|").split("|")][1:]
    machine = gpu_class(spec).name
    assert told == [model.repo, model.licence, f"{model.gpu_memory_gib:g}", machine,
                    model.quantisation, str(model.jobs)]  # fmt: skip
