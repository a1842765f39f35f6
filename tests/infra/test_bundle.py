"""The functions' zip: whole, within Lambda's limits, and without what no function needs."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
import zipfile

import pytest

from infra.template import bundle, wheels
from pilotlight.errors import SettingsError
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


def test_lambda_can_load_everything_that_is_compiled(packed):
    """By the symbols themselves: whatever a wheel says of itself."""
    glibc = wheels.glibc_of(sys.version_info[:2])
    if [
        one for one in wheels.unfit(bundle.distributions(), glibc) if one not in wheels.stand_ins()
    ]:
        in_ci = os.environ.get("CI")  # noqa: TID251 - of the run, not of the product
        missing = pytest.fail if in_ci else pytest.skip
        missing("no builds for Lambda in .venv/.functions: make setup fetches them")
    compiled = [name for name in packed.namelist() if re.search(r"\.so(\.|$)", name)]
    assert len(compiled) > 5
    for name in compiled:
        asked = [int(minor) for minor in re.findall(rb"GLIBC_2\.(\d+)", packed.read(name))]
        assert max(asked, default=0) <= glibc, name


@pytest.mark.parametrize(
    ("tags", "glibc"),
    [
        (["py3-none-any"], 0),
        (["cp311-cp311-manylinux_2_28_x86_64"], 28),
        (["cp311-cp311-manylinux_2_28_x86_64", "cp311-cp311-manylinux2014_x86_64"], 17),
        (["cp311-cp311-manylinux1_x86_64"], 5),
    ],
)
def test_a_wheel_says_which_glibc_it_needs(tags, glibc):
    assert wheels.needs("".join(f"Tag: {one}\n" for one in tags)) == glibc


@pytest.mark.parametrize(
    "tag",
    [
        "cp311-cp311-macosx_11_0_arm64",
        "cp311-cp311-manylinux_2_17_aarch64",
        "cp311-cp311-linux_x86_64",
        "cp311-cp311-musllinux_1_2_x86_64",
    ],
)
def test_what_was_built_for_or_on_another_machine_is_never_packed(tag):
    """The third was compiled here, against whatever glibc is here."""
    assert wheels.needs(f"Tag: {tag}\n") > max(wheels.GLIBC.values())


def test_what_fits_nowhere_is_said_before_anything_is_packed(monkeypatch, tmp_path):
    with pytest.raises(SettingsError, match=r"no runtime for Python 3\.10.* one of 3\.11, 3\.12"):
        wheels.glibc_of((3, 10))
    monkeypatch.setattr(bundle, "stand_ins", dict)
    with pytest.raises(SettingsError, match=r"has glibc 2\.4, and .*pydantic-core==.* want more"):
        bundle.must_load(4)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(SettingsError, match=r"no-such==1; fetching others failed: .*no-such"):
        wheels.fetch(["no-such==1"], 26, tmp_path)


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
