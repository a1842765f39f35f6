"""What the pages tell an operator to type is there, with these arguments."""

from __future__ import annotations

import re
import shlex

import botocore.session
import pytest
from botocore import xform_name
from typer.testing import CliRunner

from pilotlight.cli import app
from tests.live import ROOT

PAGES = [*sorted((ROOT / "infra").glob("*.md")), ROOT / "docs" / "aws.md"]
TEXT = "\n".join(page.read_text() for page in PAGES)
PLACEHOLDERS = re.compile(r"^[A-Z][A-Z_-]*$")


def commands(program):
    """Every ``program ...`` in a code span or a console block, as words."""
    spans = re.findall(rf"`({program} [^`\n]+)`", TEXT)
    whole = TEXT.replace("\\\n", "")
    lines = re.findall(rf"^\$ (?:[A-Z_]+=\S+ )*(?:\S*/)?({program} [^#|\n]+)", whole, re.MULTILINE)
    return sorted({*spans, *(line.strip() for line in lines)})


def help_of(words):
    done = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "200"})
    assert done.exit_code == 0, f"{words}: {done.output}"
    return done.output


@pytest.mark.parametrize("command", commands("pilotlight"))
def test_a_command_has_the_options_that_a_page_gives_it(command):
    words = shlex.split(command.partition("&&")[0])[1:]
    names = [word for word in words if not word.startswith("-")]
    depth = 2 if names[0] in ("keys", "webhooks", "agents") and len(names) > 1 else 1
    said = help_of(names[:depth])
    for option in (word for word in words if word.startswith("--")):
        assert f" {option} " in said, command
    given = [word for word in names[depth:] if PLACEHOLDERS.match(word)]
    takes = re.search(r"Usage: (.*)", said)[1]
    assert len(given) <= len(re.findall(r"\{|\[ID\]", takes)), f"{command} against {takes}"


@pytest.mark.parametrize("command", [c for c in commands("python -m") if "infra" in c])
def test_a_module_has_the_arguments_that_a_page_gives_it(command):
    words = shlex.split(command)[2:]
    if words[0] == "infra.template":
        words[0] = "infra.template.__main__"
    source = (ROOT / f"{words[0].replace('.', '/')}.py").read_text()
    for option in (word for word in words if word.startswith("--")):
        assert f'"{option}"' in source, command


BY_THE_CLI_ITSELF = {("s3", "rb"), ("ecr", "get-login-password"), ("dynamodb", "wait")}
"""What the AWS CLI adds to the requests of a service."""


@pytest.mark.parametrize("command", [one for one in commands("aws") if " " in one[4:]])
def test_a_request_to_aws_is_one_that_it_has_with_all_that_it_requires(command):
    service, action, *words = shlex.split(re.sub(r"\$\(.*?\)(?=$| )", "X", command))[1:]
    if (service, action) in BY_THE_CLI_ITSELF:
        return
    model = botocore.session.get_session().get_service_model(service)
    operations = {xform_name(name, "-"): name for name in model.operation_names}
    asked = model.operation_model(operations[action]).input_shape
    taken = {xform_name(name, "-") for name in asked.members}
    options = {word.removeprefix("--").removeprefix("no-") for word in words if word[:2] == "--"}
    assert options - {"query", "output"} <= taken, command
    if "..." not in command:
        assert {xform_name(name, "-") for name in asked.required_members} <= options, command


def test_every_target_of_make_and_every_parameter_is_there():
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"[`$ ]make ([a-z][\w-]+)", TEXT))
    assert targets >= {"package", "deploy-emulated"}
    assert [one for one in targets if not re.search(rf"^{one}:", makefile, re.MULTILINE)] == []
    stages = (ROOT / "infra" / "stages.yml").read_text()
    for given in re.findall(r'PARAM="?([^"`\n]+?)["` ]', TEXT):
        for name in re.findall(r"(\w+)=(?!value)", given):
            assert re.search(rf"^  {name}: ", stages, re.MULTILINE), name


def test_every_parameter_of_a_stage_is_told_of():
    stages = (ROOT / "infra" / "stages.yml").read_text()
    readme = (ROOT / "infra" / "README.md").read_text()
    for name in re.findall(r"^  (\w+): ", stages, re.MULTILINE):
        assert f"| `{name}` |" in readme, name
