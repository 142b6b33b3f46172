"""docs/orchestrators.md: its snippets are read by what they are for, as far as that is here."""

from __future__ import annotations

import ast
import json
import re
import shlex

import boto3
import botocore.session
import pytest
from botocore.validate import ParamValidator
from hydra.core.override_parser.overrides_parser import OverridesParser

from headrace.config.defaults import PROJECT

PAGE = (PROJECT / "docs" / "orchestrators.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def commands() -> list[list[str]]:
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    return [shlex.split(line) for line in lines]


@pytest.mark.parametrize("code", blocks("python"))
def test_python_is_python(code: str) -> None:
    tree = ast.parse(code)
    operators = {"SageMakerProcessingOperator", "SageMakerStartPipelineOperator"}
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    for call in calls:
        if ast.unparse(call.func) in operators:
            assert "task_id" in {keyword.arg for keyword in call.keywords}


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_a_command_is_one_that_the_program_takes(words: list[str]) -> None:
    if words[0] == "headrace":
        OverridesParser.create().parse_overrides(words[1:])
        return
    assert words[0] == "aws"
    service, operation = words[1], words[2].title().replace("-", "")
    model = botocore.session.get_session().get_service_model(service)
    shape = model.operation_model(operation).input_shape
    given = [word[2:].replace("-", "").lower() for word in words[3:] if word.startswith("--")]
    assert set(given) <= {name.lower() for name in shape.members}


def test_the_line_of_cron_has_five_times_and_a_command() -> None:
    (block,) = blocks("crontab")
    *times, command = block.strip().split(" ", 5)
    assert times == ["30", "4", "*", "*", "*"]
    assert "%" not in command.replace("\\%", ""), "cron takes a % for the end of the line"
    words = shlex.split(
        command.replace("\\%", "%").replace("$(date -d yesterday +%F)", "2014-10-21")
    )
    overrides = words[words.index("headrace") + 1 :]
    assert "flow=ctr" in overrides
    OverridesParser.create().parse_overrides(overrides)


def test_the_targets_are_what_eventbridge_takes() -> None:
    (block,) = blocks("json")
    model = boto3.Session(region_name="us-east-1").client("events").meta.service_model
    shape = model.operation_model("PutTargets").input_shape
    report = ParamValidator().validate({"Rule": "x", "Targets": json.loads(block)}, shape)
    assert not report.has_errors(), report.generate_report()
