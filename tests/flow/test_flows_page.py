"""docs/flows.md is true: its flow is that of the example, its commands and keys are there."""

from __future__ import annotations

import ast
import re
import shlex

import pytest
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser

from headrace.cli.actions.flow import ACTIONS
from headrace.config.defaults import PROJECT
from headrace.config.flow import FlowConfig
from headrace.flow import graph
from headrace.flow.digests import Digests

PAGE = (PROJECT / "docs" / "flows.md").read_text(encoding="utf-8")
EXAMPLES = PROJECT / "examples" / "ctr" / "conf" / "flow"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


COMMANDS = [
    line.partition("  #")[0].strip() for block in blocks("sh") for line in block.splitlines()
]


@pytest.mark.parametrize(("place", "name"), [(0, "ctr"), (1, "next_day")])
def test_a_flow_is_that_of_the_example(place: int, name: str) -> None:
    stated = blocks("yaml")[place]
    assert yaml.safe_load(stated) == yaml.safe_load((EXAMPLES / f"{name}.yaml").read_text())


def test_the_long_form_of_a_job_is_one() -> None:
    *_, long = blocks("yaml")
    flow = FlowConfig.model_validate({"parameters": {"width": 1}, **yaml.safe_load(long)})
    jobs = {**flow.jobs, "prepare": flow.jobs["fit"].model_copy(update={"after": ()})}
    assert graph.order(flow.model_copy(update={"jobs": jobs}))["fit"] == ("prepare",)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_one_that_the_program_takes(command: str) -> None:
    program, *overrides = shlex.split(command)
    assert program == "headrace"
    typed = [each for each in overrides if each != "-m"]
    parsed = OverridesParser.create().parse_overrides(typed)
    actions = [each.value() for each in parsed if each.key_or_group == "action"]
    assert set(actions) <= set(ACTIONS)
    assert any(each.key_or_group in ("flow", "program") for each in parsed)


@pytest.mark.parametrize("code", blocks("python"))
def test_python_is_python(code: str) -> None:
    ast.parse(code)


def test_the_table_names_what_a_job_depends_on() -> None:
    table = PAGE.partition("| digest | a job depends on |")[2].partition("\n\n")[0]
    named = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    source = (PROJECT / "framework/headrace/flow/digests.py").read_text(encoding="utf-8")
    assert named == re.findall(r'^        "(\w+)": ', source, re.MULTILINE)
    assert Digests == dict[str, str]
