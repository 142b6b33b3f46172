"""A pipeline made of the SDK's own objects, for comparison with ours."""

from __future__ import annotations

import importlib
import json
import re
from typing import Any

import boto3

from headrace.aws.request import RequestView
from headrace.flow.flow import Flow, FlowJob
from headrace.flow.pipeline import Pipeline

_OUTPUT = re.compile(r"Steps\.([\w-]+)\.ProcessingOutputConfig\.Outputs\['([\w-]+)'\].*")
CONDITIONS = {
    "Equals": "ConditionEquals",
    "GreaterThan": "ConditionGreaterThan",
    "GreaterThanOrEqualTo": "ConditionGreaterThanOrEqualTo",
    "LessThan": "ConditionLessThan",
    "LessThanOrEqualTo": "ConditionLessThanOrEqualTo",
}


def definition(flow: Flow, pipeline: Pipeline) -> dict[str, Any]:
    """Return the definition that the SDK makes of the same jobs."""
    return _Sdk(flow, pipeline).definition()


class _Sdk:
    def __init__(self, flow: Flow, pipeline: Pipeline) -> None:
        self._flow = flow
        self._ours = pipeline
        self._processing = importlib.import_module("sagemaker.core.processing")
        self._shapes = importlib.import_module("sagemaker.core.shapes")
        self._session = self._part("pipeline_context").PipelineSession(
            boto_session=boto3.Session(region_name="us-east-1"), default_bucket="bucket"
        )
        kinds = self._part("parameters")
        self._parameters = {
            each["Name"]: getattr(kinds, f"Parameter{each['Type']}")(
                each["Name"], default_value=each["DefaultValue"]
            )
            for each in pipeline.definition["Parameters"]
        }
        self._steps: dict[str, Any] = {}
        self._files: dict[str, Any] = {}

    def definition(self) -> dict[str, Any]:
        steps = self._ours.definition["Steps"]
        named = {each["Name"]: self._step(each) for each in sorted(steps, key=_is_condition)}
        made = _mlops("pipeline").Pipeline(
            name=self._ours.name,
            parameters=list(self._parameters.values()),
            steps=[named[each["Name"]] for each in steps],
            sagemaker_session=self._session,
        )
        found = dict(json.loads(made.definition()))
        return {key: value for key, value in found.items() if value is not None}

    def _part(self, name: str) -> Any:
        return importlib.import_module(f"sagemaker.core.workflow.{name}")

    def _step(self, ours: dict[str, Any]) -> Any:
        name = ours["Name"]
        if ours["Type"] == "Condition":
            return self._condition(name, ours["Arguments"])
        if ours["Type"] == "Fail":
            message = self._value(ours["Arguments"]["ErrorMessage"])
            return _mlops("fail_step").FailStep(name=name, error_message=message)
        job = self._flow.jobs[name]
        if job.plan is None:
            self._steps[name] = self._raw(ours)
            return self._steps[name]
        steps = _mlops("steps")
        file = self._part("properties").PropertyFile
        files = [
            file(each["PropertyFileName"], each["OutputName"], each["FilePath"])
            for each in ours.get("PropertyFiles", ())
        ]
        self._files |= {f"{name}.{each.name}": each for each in files}
        cache = steps.CacheConfig(enable_caching=True, expire_after=job.cache.expire_after)
        self._steps[name] = steps.ProcessingStep(
            name,
            step_args=self._arguments(job, RequestView(ours["Arguments"])),
            property_files=files or None,
            cache_config=cache if job.cache.enabled else None,
            depends_on=list(job.settings.after) or None,
            retry_policies=[self._retry(each) for each in job.retry] or None,
        )
        return self._steps[name]

    def _arguments(self, job: FlowJob, view: RequestView) -> Any:
        """Return what the SDK's processor makes of a job's inputs, outputs and resources."""
        cluster = view.cluster_fields
        is_script = not job.configured.config.program.is_chain
        code = next(each.uri for each in view.inputs if each.name == "code")
        command = {"command": ["python3"]} if is_script else {"entrypoint": list(view.entrypoint)}
        kind = "ScriptProcessor" if is_script else "Processor"
        processor = getattr(self._processing, kind)(
            role=view.role,
            image_uri=view.image,
            instance_type=self._value(cluster["InstanceType"]),
            instance_count=self._value(cluster["InstanceCount"]),
            volume_size_in_gb=cluster["VolumeSizeInGB"],
            max_runtime_in_seconds=view.raw["StoppingCondition"]["MaxRuntimeInSeconds"],
            env={name: self._value(each) for name, each in view.environment.items()} or None,
            sagemaker_session=self._session,
            **command,
        )
        return processor.run(
            inputs=[
                self._input(each) for each in view.inputs if not (is_script and each.uri == code)
            ],
            outputs=[self._output(each) for each in view.outputs],
            arguments=[self._value(each) for each in view.arguments] or None,
            **({"code": code} if is_script else {}),
        )

    def _input(self, channel: Any) -> Any:
        source = self._shapes.ProcessingS3Input(
            s3_uri=self._value(channel.uri),
            local_path=channel.container_path,
            s3_data_type="S3Prefix",
            s3_input_mode="File",
            s3_data_distribution_type="FullyReplicated",
            s3_compression_type="None",
        )
        return self._shapes.ProcessingInput(input_name=channel.name, s3_input=source)

    def _output(self, channel: Any) -> Any:
        place = self._shapes.ProcessingS3Output(
            s3_uri=self._value(channel.uri),
            local_path=channel.container_path,
            s3_upload_mode="EndOfJob",
        )
        return self._shapes.ProcessingOutput(output_name=channel.name, s3_output=place)

    def _retry(self, policy: Any) -> Any:
        retry = _mlops("retry")
        kinds = {each.value: each for each in retry.StepExceptionTypeEnum}
        return retry.StepRetryPolicy(
            exception_types=[kinds[each] for each in policy.exceptions],
            interval_seconds=policy.interval_seconds,
            backoff_rate=policy.backoff_rate,
            max_attempts=policy.max_attempts,
            expire_after_mins=policy.expire_after_minutes,
        )

    def _condition(self, name: str, arguments: dict[str, Any]) -> Any:
        conditions = self._part("conditions")
        made = []
        for each in arguments["Conditions"]:
            figure = each.get("LeftValue", each.get("QueryValue"))["Std:JsonGet"]
            _, label, _, file = figure["PropertyFile"]["Get"].split(".")
            left = self._part("functions").JsonGet(
                step_name=label,
                property_file=self._files[f"{label}.{file}"],
                json_path=figure["Path"],
            )
            if each["Type"] == "In":
                values = [self._value(value) for value in each["Values"]]
                made.append(conditions.ConditionIn(value=left, in_values=values))
            else:
                kind = getattr(conditions, CONDITIONS[each["Type"]])
                made.append(kind(left=left, right=self._value(each["RightValue"])))
        return _mlops("condition_step").ConditionStep(
            name=name,
            conditions=made,
            if_steps=[self._step(each) for each in arguments["IfSteps"]],
            else_steps=[self._step(each) for each in arguments["ElseSteps"]],
        )

    def _raw(self, ours: dict[str, Any]) -> Any:
        """Return a step that is passed through, with the properties that the SDK knows of it."""
        steps = _mlops("steps")

        class Raw(steps.Step):  # type: ignore[misc, name-defined]
            arguments = self._values(ours["Arguments"])
            properties = self._part("properties").Properties(
                step_name=ours["Name"], shape_name="DescribeTrainingJobResponse"
            )

        kind = steps.StepTypeEnum(ours["Type"])
        return Raw(ours["Name"], step_type=kind, depends_on=ours.get("DependsOn"))

    def _values(self, ours: Any) -> Any:
        if isinstance(ours, list):
            return [self._values(each) for each in ours]
        if isinstance(ours, dict) and not {"Get", "Std:Join"} & set(ours):
            return {key: self._values(each) for key, each in ours.items()}
        return self._value(ours)

    def _value(self, ours: Any) -> Any:
        """Return the SDK's object of an expression."""
        if not isinstance(ours, dict):
            return ours
        if "Std:Join" in ours:
            join = ours["Std:Join"]
            values = [self._value(each) for each in join["Values"]]
            return self._part("functions").Join(on=join["On"], values=values)
        what = ours["Get"]
        if what.startswith("Parameters."):
            return self._parameters[what.removeprefix("Parameters.")]
        if what == "Execution.PipelineExecutionId":
            return self._part("execution_variables").ExecutionVariables.PIPELINE_EXECUTION_ID
        if found := _OUTPUT.fullmatch(what):
            label, name = found.groups()
            outputs = self._steps[label].properties.ProcessingOutputConfig.Outputs
            return outputs[name].S3Output.S3Uri
        _, label, *path = what.split(".")
        value = self._steps[label].properties
        for each in path:
            value = getattr(value, each)
        return value


def _is_condition(ours: dict[str, Any]) -> bool:
    return bool(ours["Type"] == "Condition")


def _mlops(name: str) -> Any:
    return importlib.import_module(f"sagemaker.mlops.workflow.{name}")
