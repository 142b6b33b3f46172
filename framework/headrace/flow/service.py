"""The pipelines of an account: made, started, followed, listed, stopped.

Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreatePipeline.html
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from headrace.aws.clients import AwsError, client, code_of, explained, problem_at, reason
from headrace.aws.s3 import with_prefix
from headrace.aws.upload import upload
from headrace.config.defaults import command
from headrace.config.flow import GROUP
from headrace.errors import ConfigError, JobFailed, Problem
from headrace.flow.pipeline import Pipeline
from headrace.flow.states import JobState, State
from headrace.targets.sagemaker.logs import LogTail
from headrace.targets.shutdown.interrupts import Interrupts
from headrace.terminal.tables import aligned
from headrace.terminal.units import duration

DIGEST = "headrace:pipeline"
"""Tag of a pipeline of ours: the digest of its definition and role."""
POLL_SECONDS = 5.0
SHOWN = 20
"""Executions that are listed."""
HEADER = ("execution", "status", "started (UTC)", "took")
ENDED = frozenset({"Succeeded", "Failed", "Stopped"})
SERVICE = "SageMaker"
STATES: Mapping[str, State] = {
    "Starting": "running",
    "Executing": "running",
    "Stopping": "running",
    "Succeeded": "done",
    "Failed": "failed",
    "Stopped": "blocked",
}
_ABSENT = frozenset({"ResourceNotFound", "ResourceNotFoundException", "ValidationException"})


class PipelineService:
    """One pipeline of an account and region.

    Every method raises `ConfigError` if the service cannot be asked.

    Args:
        name: Of the pipeline.
        region: AWS region.
    """

    def __init__(self, name: str, region: str) -> None:
        self.name = name
        self.region = region
        with explained(problem_at(SERVICE)):
            self._client = client("sagemaker", region)

    def put(self, pipeline: Pipeline, role: str, kms_key: str | None = None) -> str:
        """Create the pipeline, or update one of ours that is not the same.

        Returns:
            What was done: ``created``, ``updated`` or ``unchanged``.

        Raises:
            ConfigError: Somebody else's pipeline has the name.
            JobFailed: Its code cannot be brought to S3.
        """
        text = json.dumps(pipeline.definition, separators=(",", ":"), ensure_ascii=False)
        sha256 = hashlib.sha256(f"{text}\n{role}".encode()).hexdigest()
        with explained(problem_at(SERVICE)):
            there = self._described()
            known = None if there is None else self._tags(there["PipelineArn"]).get(DIGEST)
            if there is not None and known is None:
                what = f"a pipeline is called {self.name!r} already, and headrace has not made it"
                raise ConfigError([Problem(f"{GROUP}.name", f"{what}; choose another name")])
            bring_files(pipeline, kms_key)
            if there is None:
                self._client.create_pipeline(
                    PipelineName=self.name,
                    PipelineDefinition=text,
                    RoleArn=role,
                    Tags=[{"Key": DIGEST, "Value": sha256}],
                )
                return "created"
            if known == sha256:
                return "unchanged"
            self._client.update_pipeline(
                PipelineName=self.name, PipelineDefinition=text, RoleArn=role
            )
            arn, tag = there["PipelineArn"], {"Key": DIGEST, "Value": sha256}
            self._client.add_tags(ResourceArn=arn, Tags=[tag])
            return "updated"

    def start(self, parameters: Mapping[str, str]) -> str:
        """Start an execution and return its ARN."""
        given = [{"Name": name, "Value": value} for name, value in parameters.items()]
        with explained(problem_at(SERVICE)):
            answer = self._client.start_pipeline_execution(
                PipelineName=self.name, **({"PipelineParameters": given} if given else {})
            )
        return str(answer["PipelineExecutionArn"])

    def executions(self) -> Iterator[str]:
        """Yield a table of the newest executions."""
        rows = [_row(each) for each in self._executions(SHOWN)]
        if not rows:
            yield f"the pipeline {self.name!r} has no executions in {self.region}"
            return
        yield from aligned([HEADER, *rows], right=(3,))

    def newest(self, part: str | None = None) -> str:
        """Return the ARN of the newest execution.

        Args:
            part: A part of its ID, for another one.

        Raises:
            ConfigError: There is none.
        """
        for each in self._executions(SHOWN):
            if part is None or part in each["PipelineExecutionArn"].rpartition("/")[2]:
                return str(each["PipelineExecutionArn"])
        which = "no executions" if part is None else f"no execution {part!r} among the newest"
        what = f"the pipeline {self.name!r} has {which}; action=jobs lists them"
        raise ConfigError([Problem("job.name" if part else GROUP, what)])

    def stop(self, arn: str) -> str:
        """End an execution, unless it has ended; return what was done."""
        with explained(problem_at(SERVICE)):
            status = self._execution(arn)["PipelineExecutionStatus"]
            if status in ENDED:
                return f"{_id(arn)}: nothing to stop, it ended: {status}"
            self._client.stop_pipeline_execution(PipelineExecutionArn=arn)
        return f"{_id(arn)}: is being stopped"

    def steps(self, arn: str) -> list[dict[str, Any]]:
        """Return the steps of an execution that have begun, as the service says it."""
        with explained(problem_at(SERVICE)):
            pages = self._client.get_paginator("list_pipeline_execution_steps").paginate(
                PipelineExecutionArn=arn, SortOrder="Ascending"
            )
            return [step for page in pages for step in page["PipelineExecutionSteps"]]

    def follow(self, arn: str, listener: Callable[[JobState], None]) -> list[dict[str, Any]]:
        """Wait for the end of an execution and print the log lines of its steps.

        Args:
            arn: Of the execution, which goes on if the waiting is interrupted.
            listener: Called whenever the state of a step changes.

        Returns:
            The steps.

        Raises:
            JobFailed: It has failed, or was stopped.
        """
        try:
            return self._followed(arn, listener)
        except KeyboardInterrupt:
            again = f"{command()} action=logs flow.name={self.name} backend.region={self.region}"
            print(f"\n{_id(arn)} goes on\n{again}", file=sys.stderr, flush=True)
            raise

    def _followed(self, arn: str, listener: Callable[[JobState], None]) -> list[dict[str, Any]]:
        tails: dict[str, LogTail] = {}
        states: dict[str, JobState] = {}
        while True:
            with explained():
                answer = self._execution(arn)
            steps = self.steps(arn)
            for step in steps:
                state = state_of(step)
                if states.get(state.label) != state:
                    states[state.label] = state
                    listener(state)
                self._show_lines(step, tails)
            if answer["PipelineExecutionStatus"] in ENDED:
                break
            time.sleep(POLL_SECONDS)
        if answer["PipelineExecutionStatus"] != "Succeeded":
            failed = [f"{each.label}: {each.why}" for each in states.values() if each.why]
            why = "; ".join(failed) or answer.get("FailureReason", "")
            status = str(answer["PipelineExecutionStatus"]).lower()
            raise JobFailed(f"the execution {_id(arn)} {status}{f': {why}' if why else ''}")
        return steps

    def _show_lines(self, step: Mapping[str, Any], tails: dict[str, LogTail]) -> None:
        arn = step.get("Metadata", {}).get("ProcessingJob", {}).get("Arn")
        if arn is None or step.get("CacheHitResult"):
            return
        try:
            tail = tails.setdefault(arn, LogTail(arn.rpartition("/")[2], self.region))
            for line in tail.new_lines():
                print(f"{step['StepName']}: {line.text}", flush=True)
        except AwsError as error:
            if arn in tails:
                what = f"note: log lines of {step['StepName']} cannot be shown: {reason(error)}"
                print(what, file=sys.stderr, flush=True)

    def _described(self) -> dict[str, Any] | None:
        try:
            return dict(self._client.describe_pipeline(PipelineName=self.name))
        except AwsError as error:
            if code_of(error) in _ABSENT:
                return None
            raise

    def _tags(self, arn: str) -> dict[str, str]:
        pages = self._client.get_paginator("list_tags").paginate(ResourceArn=arn)
        return {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}

    def _execution(self, arn: str) -> dict[str, Any]:
        return dict(self._client.describe_pipeline_execution(PipelineExecutionArn=arn))

    def _executions(self, count: int) -> list[dict[str, Any]]:
        with explained(problem_at(SERVICE)):
            try:
                answer = self._client.list_pipeline_executions(
                    PipelineName=self.name, SortBy="CreationTime", SortOrder="Descending",
                    MaxResults=count,
                )  # fmt: skip
            except AwsError as error:
                if code_of(error) not in _ABSENT:
                    raise
                what = f"there is no pipeline {self.name!r} in {self.region}; action=pipeline "
                raise ConfigError([Problem(GROUP, f"{what}target=aws makes it")]) from error
        return list(answer["PipelineExecutionSummaries"])


def bring_files(pipeline: Pipeline, kms_key: str | None = None) -> None:
    """Bring the files of a pipeline to S3, as far as they are not there.

    Raises:
        JobFailed: S3 does not take one.
    """
    with explained(), Interrupts().caught() as interrupts:
        new = {uri: each for uri, each in pipeline.files.items() if not _is_there(uri)}
        if new:
            upload(new, kms_key, interrupts.check)


def state_of(step: Mapping[str, Any]) -> JobState:
    """Return the state of a step as the table and the page show it."""
    status = str(step.get("StepStatus", ""))
    state, why = STATES.get(status, "running"), str(step.get("FailureReason", ""))
    seconds = None
    if "EndTime" in step and "StartTime" in step:
        seconds = (step["EndTime"] - step["StartTime"]).total_seconds()
    if step.get("CacheHitResult"):
        state = "unchanged"
    kind = next(iter(step.get("Metadata", {})), "")
    return JobState(str(step["StepName"]), state, why, seconds=seconds, kind=kind)


def _row(summary: Mapping[str, Any]) -> tuple[str, ...]:
    began: datetime = summary["StartTime"]
    changed = summary.get("LastModifiedTime")
    status = str(summary.get("PipelineExecutionStatus", ""))
    took = duration((changed - began).total_seconds()) if changed and status in ENDED else "-"
    return (_id(summary["PipelineExecutionArn"]), status, f"{began:%Y-%m-%d %H:%M:%S}", took)


def _id(arn: str) -> str:
    return arn.rpartition("/")[2]


def _is_there(uri: str) -> bool:
    """Return whether an object is there; its name says what it holds."""
    found = next(with_prefix(uri), None)
    return found is not None and found.uri == uri
