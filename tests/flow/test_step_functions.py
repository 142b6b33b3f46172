"""A flow as a state machine: every state is reached, every path of it ends."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from headrace.errors import ConfigError
from headrace.flow.flow import Flow
from headrace.flow.pipeline import Pipeline
from headrace.flow.step_functions import state_machine

EACH_TIME = "States.UUID()"
"""Evaluated anew whenever a task is tried again, and whenever an execution is redriven."""


@pytest.fixture(scope="module")
def states(compiled: tuple[Flow, Pipeline]) -> dict[str, Any]:
    flow, pipeline = compiled
    machine = state_machine(pipeline, flow)
    assert machine["StartAt"] in machine["States"]
    return dict(json.loads(json.dumps(machine))["States"])


def test_a_validator_of_the_language_finds_nothing_wrong(compiled: tuple[Flow, Pipeline]) -> None:
    linter = pytest.importorskip("statelint.linter", reason="statelint is not installed").Linter
    flow, pipeline = compiled
    machine = state_machine(pipeline, flow)
    assert linter.validate(machine) == []
    machine["States"]["fit"]["Next"] = "fitt"
    assert linter.validate(machine)[0] == (
        'No state found named "fitt", referenced at State Machine.States.fit.Next'
    )


def following(state: dict[str, Any]) -> Iterator[str]:
    yield from (each["Next"] for each in (state, *state.get("Choices", ())) if "Next" in each)
    yield from [state["Default"]] if "Default" in state else []


def texts(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, each in value.items():
            if isinstance(each, str):
                yield key, each
            yield from texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)


def test_every_state_is_reached_and_ends(states: dict[str, Any]) -> None:
    reached, new = set[str](), {next(iter(states))}
    while new:
        reached |= new
        new = {each for name in new for each in following(states[name])} - reached
    assert reached == set(states)
    for name, state in states.items():
        ends = state.get("End") or state["Type"] in ("Succeed", "Fail")
        assert ends != bool(list(following(state))), name


def test_the_order_is_that_of_the_flow(states: dict[str, Any]) -> None:
    assert list(states) == [
        "defaults of parameters", "values of parameters", "prepare", "fit", "train",
        "judge-condition", "judge-condition choice", "judge", "last", "judge-not-met",
    ]  # fmt: skip
    assert states["judge-condition choice"]["Choices"] == [
        {
            "Variable": "$.figures.content.scores[0].auc",
            "NumericGreaterThanEqualsPath": "$.parameters['floor']",
            "Next": "judge",
        }
    ]
    assert states["judge-condition"]["Parameters"] == {
        "Bucket": "results",
        "Key.$": "States.Format('ctr/{}/fit/report/metrics.json', $$.Execution.Name)",
    }


def test_expressions_are_those_of_the_language(states: dict[str, Any]) -> None:
    for key, text in texts(states):
        assert key.endswith(".$") == text.startswith(("$", "States.")) or key in (
            "Variable", "ResultPath", "NumericGreaterThanEqualsPath", "CausePath",
        ), (key, text)  # fmt: skip
    fit = states["fit"]["Parameters"]
    assert fit["ProcessingJobName.$"] == f"States.Format('fit-{{}}', {EACH_TIME})"
    application = fit["AppSpecification"]
    assert application["ContainerArguments.$"] == (
        "States.Array('--depth', States.Format('{}', $.parameters['depth']))"
    )
    assert fit["ProcessingResources"]["ClusterConfig"]["InstanceCount.$"] == "$.parameters['depth']"
    assert states["train"]["ResultPath"] == "$.results['train']"
    source = states["last"]["Parameters"]["ProcessingInputs"][1]["S3Input"]
    assert source["S3Uri.$"] == "$.results['train'].ModelArtifacts.S3ModelArtifacts"
    assert states["judge-not-met"]["CausePath"] == (
        "States.Format('judge does not run: scores.0.auc of fit.report/metrics.json is not at "
        "least {}', $.parameters['floor'])"
    )


@pytest.mark.parametrize(
    ("labels", "beginnings"),
    [
        (("a_b", "a-b"), ("a-b", "a-b-2")),
        (("hash_the_clicks_of_all_sites_too", "hash_the_clicks_of_all_days_again"),
         ("hash-the-clicks-of-all-sit", "hash-the-clicks-of-all-day")),
        (("hash_the_clicks_of_all_sites_1_0", "hash_the_clicks_of_all_sites_1_1"),
         ("hash-the-clicks-of-all-sit", "hash-the-clicks-of-all-s-2")),
        (("_", "__"), ("job", "job-2")),
    ],
    ids=["marks", "long", "long and alike", "nothing else"],
)  # fmt: skip
def test_labels_that_look_alike_make_jobs_of_two_names(
    compiled: tuple[Flow, Pipeline], labels: tuple[str, ...], beginnings: tuple[str, ...]
) -> None:
    """Whatever the execution is called, all are valid."""
    flow, pipeline = compiled
    steps: list[dict[str, Any]] = [
        {"Name": name, "Type": "Processing", "Arguments": {}} for name in labels
    ]
    made = state_machine(
        replace(pipeline, definition={**pipeline.definition, "Steps": steps}), flow
    )
    names = [made["States"][each]["Parameters"]["ProcessingJobName.$"] for each in labels]
    assert names == [f"States.Format('{each}-{{}}', {EACH_TIME})" for each in beginnings]
    for each in beginnings:
        assert re.fullmatch("[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", f"{each}-{uuid.uuid4()}")


def test_a_step_that_nobody_waits_for_is_refused(compiled: tuple[Flow, Pipeline]) -> None:
    flow, pipeline = compiled
    step = {"Name": "x", "Type": "Lambda", "Arguments": {}}
    other = replace(pipeline, definition={**pipeline.definition, "Steps": [step]})
    with pytest.raises(ConfigError) as caught:
        state_machine(other, flow)
    assert [str(each) for each in caught.value.problems] == [
        "flow.jobs.x.raw.Type: Step Functions waits for steps of the types Processing, Training, "
        "Transform (got 'Lambda')"
    ]
