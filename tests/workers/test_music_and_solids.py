"""The models worth a GPU that make music and solids: importable anywhere, in words that diffusers
knows."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

from pilotlight.adapters.aws.machines import gpu_class
from pilotlight.catalogue import discover
from tests.live import ROOT
from workers.engines.music import composing
from workers.engines.solids import modelling
from workers.production import ace_step_v15_xl_turbo as ace_step
from workers.production import shap_e_img2img as shap_e

pytest.importorskip("diffusers")

MODULES = (ace_step, shap_e)
WORDS = {ace_step.NAME: composing.WORDS, shap_e.NAME: modelling.WORDS}


def test_they_are_imported_without_any_heavy_library():
    program = (
        "import importlib, sys; [importlib.import_module(one) for one in sys.argv[1].split()];"
        "heavy = {'torch', 'diffusers', 'transformers', 'numpy', 'PIL', 'av'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    names = " ".join(module.__name__ for module in MODULES)
    told = subprocess.run(
        [sys.executable, "-c", program, names], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert told.stdout.strip() == "[]"


@pytest.mark.parametrize("module", MODULES, ids=lambda one: one.NAME)
def test_every_class_and_argument_is_one_that_the_installed_diffusers_has(module):
    import diffusers

    takes = inspect.signature(getattr(diffusers, module.MODEL.pipeline).__call__).parameters

    assert set(takes) >= WORDS[module.NAME]
    assert module.NAME in discover(["workers.production"]).workers


@pytest.mark.parametrize("module", MODULES, ids=lambda one: one.NAME)
def test_the_page_about_them_says_what_is_declared(module):
    model, spec = module.MODEL, module.WORKER.spec
    rows = (ROOT / "docs" / "production.md").read_text().splitlines()
    (row,) = [one for one in rows if one.startswith(f"| `{spec.endpoints[0].id}` |")]

    precision = {"bfloat16": "bf16", "float32": "fp32"}[model.dtype]
    told = [cell.strip() for cell in row.strip("|").split("|")][1:6]
    assert told == [model.repo, model.licence, f"{model.gpu_memory_gib:g}", gpu_class(spec).name,
                    precision]  # fmt: skip
    assert spec.gpu_memory_gib == model.gpu_memory_gib
    assert model.licence == "MIT"
