"""The steps of a pipeline: Processing steps, conditions around them, and raw steps.

Source: `sagemaker.mlops.workflow.steps` and `condition_step` of SDK 3.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import chain, count
from typing import Any

from headrace.config.flow import GROUP, When
from headrace.errors import ConfigError, Problem
from headrace.flow.arguments import Expression, joined, parameter, property_of
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
File = tuple[str, str, str]
"""A JSON file that a condition reads: its job, its channel, its path there."""
LONGEST_NAME = 64


class Steps:
    """The steps of a pipeline; what a condition decides on lies inside its step."""

    def __init__(self, flow: Flow, arguments: Mapping[str, dict[str, Any]]) -> None:
        self._flow = flow
        self._arguments = arguments
        self._taken = set(flow.jobs)
        self._files = _named(
            _file_of(each) for job in flow.jobs.values() for each in job.conditions
        )

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
        return self._flow.jobs[reference.job].expression(reference.channel)

    def _condition(self, job: FlowJob, deciding: tuple[str, ...]) -> Step:
        fails = any(each.otherwise == "fail" for each in job.conditions)
        return {
            "Name": self._new_name(job.label, "condition"),
            "Type": "Condition",
            "Arguments": {
                "Conditions": [self._compared(each) for each in job.conditions],
                "IfSteps": self._inside(deciding),
                "ElseSteps": [self._failure(job)] if fails else [],
            },
        }

    def _failure(self, job: FlowJob) -> Step:
        said = "; ".join(_said(each) for each in job.conditions)
        return {
            "Name": self._new_name(job.label, "not-met"),
            "Type": "Fail",
            "Arguments": {"ErrorMessage": self._expressed(f"{job.label} does not run: {said}")},
        }

    def _new_name(self, label: str, ending: str) -> str:
        """Return a name for a step that is no job; no other step has it."""
        name = free_name(label, f"-{ending}", self._taken)
        self._taken.add(name)
        return name

    def _compared(self, condition: When) -> dict[str, Any]:
        name = self._files[_file_of(condition)]
        file = property_of(condition.job, f"PropertyFiles.{name}")
        figure = {"Std:JsonGet": {"PropertyFile": file, "Path": json_path(condition.path)}}
        key, value = operand(condition)
        values = value if isinstance(value, tuple) else (value,)
        given = [parameter(found.name) if (found := whole(each)) else each for each in values]
        if key == "one_of":
            return {"Type": "In", "QueryValue": figure, "Values": given}
        return {"Type": CONDITIONS[key], "LeftValue": figure, "RightValue": given[0]}

    def _property_files(self, label: str) -> Iterator[dict[str, str]]:
        for (job, channel, file), name in self._files.items():
            if job == label:
                yield {"PropertyFileName": name, "OutputName": channel, "FilePath": file}


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


def _file_of(condition: When) -> File:
    return condition.job, condition.channel, condition.file


def _named(files: Iterable[File]) -> dict[File, str]:
    """Return a name for each file of the conditions, which is its own among those of its job."""
    names: dict[File, str] = {}
    for job, channel, file in dict.fromkeys(files):
        name = re.sub(r"[^a-zA-Z0-9]+", "-", f"{channel}-{file}").strip("-")
        taken = {known for other, known in names.items() if other[0] == job}
        names[job, channel, file] = free_name(name, "", taken)
    return names


def free_name(name: str, ending: str, taken: Collection[str], longest: int = LONGEST_NAME) -> str:
    """Return a name that is not taken, cut to so many characters; no cut ends with a hyphen."""
    endings = chain([ending], (f"{ending}-{number}" for number in count(2)))
    names = (f"{name[: longest - len(each)].rstrip('-')}{each}" for each in endings)
    return next(each for each in names if each not in taken)


def _said(condition: When) -> str:
    key, value = operand(condition)
    file = f"{condition.output}/{condition.file}"
    return f"{condition.path} of {file} is not {key.replace('_', ' ')} {value}"


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
