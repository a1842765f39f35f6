"""The functions' zip: whole, within Lambda's limits, and without what no function needs."""

from __future__ import annotations

import stat
import subprocess
import sys
import zipfile

import pytest

from infra.template import bundle
from tests.live import ROOT

UNPACKED_LIMIT = 250 * 1024**2
"""Of a function's code with its layers, of which there are none."""


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    path = tmp_path_factory.mktemp("bundle") / "functions.zip"
    bundle.write(path)
    with zipfile.ZipFile(path) as found:
        yield found


def test_it_fits_into_a_function(packed):
    assert sum(one.file_size for one in packed.infolist()) < UNPACKED_LIMIT


def test_it_has_our_code_and_what_that_needs(packed):
    names = set(packed.namelist())
    for path in (*(ROOT / "handlers").rglob("*.py"), *(ROOT / "pilotlight").rglob("*.py")):
        assert path.relative_to(ROOT).as_posix() in names
    for name in ("boto3/__init__.py", "celery/__init__.py", "pydantic_core/__init__.py"):
        assert name in names
    assert "botocore/data/sqs/2012-11-05/service-2.json.gz" in names


def test_it_has_no_tests_no_weights_and_no_service_that_is_never_asked(packed):
    names = packed.namelist()
    assert not [one for one in names if one.startswith(("tests/", "torch/", "workers/starters/"))]
    assert not [one for one in names if one.startswith("botocore/data/ec2/")]
    assert not [one for one in names if one.startswith(("/", ".."))]


def test_lambda_may_start_the_ingress(packed):
    mode = packed.getinfo("infra/ingress.sh").external_attr >> 16
    assert mode & stat.S_IXUSR


@pytest.mark.slow
def test_it_runs_with_nothing_else_beside_it(packed, tmp_path):
    """As Lambda has it: this Python, the unpacked zip, no other library; compiled files count."""
    packed.extractall(tmp_path)
    script = (
        f"import sys; sys.path[:] = [p for p in sys.path if 'site-packages' not in p]; "
        f"sys.path.insert(0, {str(tmp_path)!r}); "
        "import handlers.aws_lambda, handlers.app, handlers.lambda_upkeep, pilotlight.bootstrap.aws; "
        "from importlib.util import cache_from_source; import boto3; "
        f"assert boto3.__file__.startswith({str(tmp_path)!r}); "
        "assert boto3.__spec__.cached and boto3.__cached__ == cache_from_source(boto3.__file__)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
