"""The steps of a pipeline: Processing steps, conditions around them, and raw steps.

Source: `sagemaker.mlops.workflow.steps` and `condition_step` of SDK 3.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from headrace.config.flow import GROUP, When
from headrace.errors import ConfigError, Problem
from headrace.flow.arguments import Expression, joined, output_of, parameter
from headrace.flow.conditions import json_path
from headrace.flow.flow import Flow, FlowJob
from headrace.flow.graph import operand
from headrace.flow.references import PARAM, Reference, pieces, references, whole, with_texts

CONDITIONS = {
    "equals": "Equals",
    "at_least": "GreaterThanOrEqualTo",
    "at_most": "LessThanOrEqualTo",
    "above": "GreaterThan",
    "below": "LessThan",
}
Step = dict[str, Any]


class Steps:
    """The steps of a pipeline; what a condition decides on lies inside its step."""

    def __init__(self, flow: Flow, arguments: Mapping[str, dict[str, Any]]) -> None:
        self._flow = flow
        self._arguments = arguments
        self._places = {
            uri: output_of(job.label, name)
            for job in flow.jobs.values()
            for name, uri in job.outputs.items()
        }

    def all(self) -> list[Step]:
        """Return the steps."""
        return self._inside(())

    def _inside(self, conditions: tuple[str, ...]) -> list[Step]:
        """Return the steps of the jobs that just these conditions decide on."""
        steps: list[Step] = []
        for job in self._flow.jobs.values():
            deciding = decided_by(self._flow, job.label)
            if deciding == conditions:
                steps.append(self._step(job))
            elif deciding == (*conditions, job.label):
                steps.append(self._condition(job, deciding))
        return steps

    def _step(self, job: FlowJob) -> Step:
        if job.settings.raw is not None:
            return self._raw(job)
        step: Step = {"Name": job.label, "Type": "Processing"}
        step["Arguments"] = self._arguments[job.label]
        if job.settings.after:
            step["DependsOn"] = list(job.settings.after)
        if job.cache.enabled:
            expiry = job.cache.expire_after
            step["CacheConfig"] = {"Enabled": True, **({"ExpireAfter": expiry} if expiry else {})}
        if read := list(self._property_files(job.label)):
            step["PropertyFiles"] = read
        if policies := [_retry(each.model_dump()) for each in job.retry]:
            step["RetryPolicies"] = policies
        return step

    def _raw(self, job: FlowJob) -> Step:
        step = {"Name": job.label, **with_texts(job.settings.raw, self._expressed)}
        if job.settings.after and "DependsOn" not in step:
            step["DependsOn"] = list(job.settings.after)
        return step

    def _expressed(self, text: str) -> Any:
        """Return a text with expressions in the place of references."""
        if not any(references(text)):
            return text
        made = [
            self._expression(each) if isinstance(each, Reference) else each for each in pieces(text)
        ]
        return joined(made, is_text=False)

    def _expression(self, reference: Reference) -> Expression:
        if reference.kind == PARAM:
            return parameter(reference.name)
        return output_of(reference.job, reference.channel)

    def _condition(self, job: FlowJob, deciding: tuple[str, ...]) -> Step:
        fails = any(each.otherwise == "fail" for each in job.conditions)
        said = "; ".join(_said(each) for each in job.conditions)
        failure = {
            "Name": _step_name(job.label, "not-met"),
            "Type": "Fail",
            "Arguments": {"ErrorMessage": f"{job.label} does not run: {said}"},
        }
        return {
            "Name": _step_name(job.label, "condition"),
            "Type": "Condition",
            "Arguments": {
                "Conditions": [self._compared(each) for each in job.conditions],
                "IfSteps": self._inside(deciding),
                "ElseSteps": [failure] if fails else [],
            },
        }

    def _compared(self, condition: When) -> dict[str, Any]:
        file = {"Get": f"Steps.{condition.job}.PropertyFiles.{_property_file(condition)}"}
        figure = {"Std:JsonGet": {"PropertyFile": file, "Path": json_path(condition.path)}}
        key, value = operand(condition)
        values = value if isinstance(value, tuple) else (value,)
        given = [parameter(found.name) if (found := whole(each)) else each for each in values]
        if key == "one_of":
            return {"Type": "In", "QueryValue": figure, "Values": given}
        return {"Type": CONDITIONS[key], "LeftValue": figure, "RightValue": given[0]}

    def _property_files(self, label: str) -> Iterator[dict[str, str]]:
        seen = set[str]()
        for job in self._flow.jobs.values():
            for each in job.conditions:
                name = _property_file(each)
                if each.job == label and name not in seen:
                    seen.add(name)
                    yield {
                        "PropertyFileName": name,
                        "OutputName": each.channel,
                        "FilePath": each.file,
                    }


def decided_by(flow: Flow, label: str) -> tuple[str, ...]:
    """Return the jobs whose conditions decide whether a job runs, the outermost first.

    Raises:
        ConfigError: Two of them do not depend on each other.
    """
    job = flow.jobs[label]
    above = [decided_by(flow, each) for each in job.needs]
    longest = max(above, key=len, default=())
    for each in above:
        if longest[: len(each)] != each:
            what = (
                f"needs {each[-1]!r} and {longest[-1]!r}, each with a condition of its own; "
                "a step of a pipeline lies inside one condition"
            )
            raise ConfigError([Problem(f"{GROUP}.jobs.{label}", what)])
    return (*longest, label) if job.conditions else longest


def _property_file(condition: When) -> str:
    return re.sub(r"[^a-zA-Z0-9]+", "-", f"{condition.channel}-{condition.file}").strip("-")


def _said(condition: When) -> str:
    key, value = operand(condition)
    file = f"{condition.output}/{condition.file}"
    return f"{condition.path} of {file} is not {key.replace('_', ' ')} {value}"


def _step_name(label: str, ending: str) -> str:
    return f"{label[: 63 - len(ending)]}-{ending}"


def _retry(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return a retry policy.

    Source: https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-retry-policy.html
    """
    policy = {
        "ExceptionType": list(settings["exceptions"]),
        "IntervalSeconds": settings["interval_seconds"],
        "BackoffRate": settings["backoff_rate"],
        "MaxAttempts": settings["max_attempts"],
        "ExpireAfterMin": settings["expire_after_minutes"],
    }
    if policy["ExpireAfterMin"] is not None:  # the service takes one of the two
        policy["MaxAttempts"] = None
    return {key: value for key, value in policy.items() if value is not None}
