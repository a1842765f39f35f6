"""What a Lambda loads before it can do anything."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.live import ROOT

WEB = ("fastapi", "starlette", "uvicorn", "handlers.app")
GPU = ("torch", "diffusers", "transformers")


def loaded_by(statement):
    script = f"import sys\n{statement}\nprint(*sys.modules)"
    made = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(made.stdout.split())


def test_naming_an_entry_point_loads_nothing_of_ours():
    before = loaded_by("")
    new = loaded_by("import handlers.aws_lambda") - before
    assert {one for one in new if one.startswith(("pilotlight", "handlers."))} == {
        "handlers.aws_lambda"
    }
    assert not new & {"boto3", "botocore", "celery", "pydantic", *WEB}


@pytest.mark.parametrize("module", ["lambda_upkeep", "lambda_letters", "lambda_house"])
def test_a_kick_and_dead_letters_load_no_web_framework_and_no_celery(module):
    loaded = loaded_by(f"import handlers.{module}; import pilotlight.bootstrap.aws")
    assert not loaded & {*WEB, *GPU, "celery", "kombu"}
