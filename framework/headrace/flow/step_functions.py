"""A flow as a state machine of AWS Step Functions, made of the definition of its pipeline.

The jobs run one after the other. Their places have the name of the execution in them, as those of a
pipeline have its ID; parameters come from the execution's input, and have their defaults without.

Source: https://states-language.net,
https://docs.aws.amazon.com/step-functions/latest/dg/connect-sagemaker.html and
https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from graphlib import TopologicalSorter
from typing import Any

from headrace.aws.request import RequestView
from headrace.config.flow import GROUP
from headrace.errors import ConfigError, Problem
from headrace.flow.flow import Flow
from headrace.flow.pipeline import Pipeline
from headrace.flow.steps import Step, free_name
from headrace.uris import S3

CREATE = "arn:aws:states:::sagemaker:create{kind}Job.sync"
GET_OBJECT = "arn:aws:states:::aws-sdk:s3:getObject"
NAMES = {
    "Processing": "ProcessingJobName",
    "Training": "TrainingJobName",
    "Transform": "TransformJobName",
}
"""Types of steps that Step Functions waits for, and the field that names a job."""
EXECUTION = "$$.Execution.Name"
_UUID = "States.UUID()"
"""The end of the name of a job: SageMaker takes no name twice, and this is another one whenever the
task is tried again (`Retry`) and whenever the execution is redriven. The execution's own name may
have 80 characters, and some that no job's name may have."""
LONGEST_BEGINNING = 63 - len("-") - 36
"""Of the name of a job, which ends with the UUID."""
PARAMETERS = "parameters"
DEFAULTS, MERGED = "defaults of parameters", "values of parameters"
"""Names of states, which are no labels of jobs."""
COMPARISONS = {
    "Equals": "Equals",
    "GreaterThanOrEqualTo": "GreaterThanEquals",
    "LessThanOrEqualTo": "LessThanEquals",
    "GreaterThan": "GreaterThan",
    "LessThan": "LessThan",
}
States = dict[str, dict[str, Any]]
_OUTPUT = re.compile(r"Steps\.([\w-]+)\.ProcessingOutputConfig\.Outputs\['([^']+)'\]\..*")
_PROPERTY_FILE = re.compile(r"Steps\.([\w-]+)\.PropertyFiles\.(.+)")
_PROPERTY = re.compile(r"Steps\.([\w-]+)\.([A-Z].*)")
"""Of a job as the service describes it, which is what the task that waits for it returns."""


def state_machine(pipeline: Pipeline, flow: Flow) -> dict[str, Any]:
    """Return the definition of the state machine.

    Args:
        pipeline: The pipeline of the flow.
        flow: The flow.

    Raises:
        ConfigError: A raw step is of a type that Step Functions does not wait for.
    """
    return _Machine(pipeline, flow).definition()


class _Machine:
    def __init__(self, pipeline: Pipeline, flow: Flow) -> None:
        self._definition = pipeline.definition
        self._flow = flow
        self._steps = {each["Name"]: each for each in _all_steps(pipeline.definition["Steps"])}
        self._jobs = _job_names(self._steps)
        self._described = set(_described(pipeline.definition))
        """Steps whose properties others use."""

    def definition(self) -> dict[str, Any]:
        """Return the whole definition."""
        defaults = {each["Name"]: each["DefaultValue"] for each in self._definition["Parameters"]}
        chain = self._chain(self._ordered(self._definition["Steps"]), None)
        merged = "States.JsonMerge($.defaults, $.given, false)"
        states: States = {
            DEFAULTS: {
                "Type": "Pass",
                "Parameters": {"defaults": defaults, "given.$": "$$.Execution.Input"},
                "Next": MERGED,
            },
            MERGED: {
                "Type": "Pass",
                "Parameters": {f"{PARAMETERS}.$": merged},
                "Next": next(iter(chain)),
            },
            **chain,
        }
        comment = f"The flow {self._flow.name}, made by headrace"
        return {"Comment": comment, "StartAt": DEFAULTS, "States": states}

    def _ordered(self, steps: list[Step]) -> list[Step]:
        """Return steps of one level, a condition behind all that the jobs inside it need."""
        inside = {step["Name"]: {each["Name"] for each in _all_steps([step])} for step in steps}
        home = {name: top for top, names in inside.items() for name in names}
        needs = {
            top: {
                home[need]
                for name in names
                if name in self._flow.jobs
                for need in self._flow.jobs[name].needs
                if need in home and home[need] != top
            }
            for top, names in inside.items()
        }
        by_name = {step["Name"]: step for step in steps}
        return [by_name[name] for name in TopologicalSorter(needs).static_order()]

    def _chain(self, steps: list[Step], following: str | None) -> States:
        """Return the states of steps that follow each other, and lead to another state or end."""
        states: States = {}
        for step in reversed(steps):
            made = self._states(step, following)
            states = {**made, **states}
            following = next(iter(made))
        return states

    def _states(self, step: Step, following: str | None) -> States:
        if step["Type"] == "Condition":
            return self._decided(step, following)
        if step["Type"] == "Fail":
            cause = self._written({"Cause": step["Arguments"]["ErrorMessage"]})
            said = {key.replace(".$", "Path"): value for key, value in cause.items()}
            return {step["Name"]: {"Type": "Fail", "Error": "ConditionNotMet", **said}}
        if step["Type"] not in NAMES:
            what = f"Step Functions waits for steps of the types {', '.join(NAMES)}"
            where = f"{GROUP}.jobs.{step['Name']}.raw.Type"
            raise ConfigError([Problem(where, f"{what} (got {step['Type']!r})")])
        name = f"States.Format('{self._jobs[step['Name']]}-{{}}', {_UUID})"
        arguments = self._written(step["Arguments"])
        task = {
            "Type": "Task",
            "Resource": CREATE.format(kind=step["Type"]),
            "Parameters": {f"{NAMES[step['Type']]}.$": name, **arguments},
            "ResultPath": _result(step["Name"]) if step["Name"] in self._described else None,
            **_retries(step),
            **_next(following),
        }
        return {step["Name"]: task}

    def _decided(self, step: Step, following: str | None) -> States:
        """Return the states that read figures, choose by them, and run what they decide on."""
        name, arguments = step["Name"], step["Arguments"]
        choice = f"{name} choice"  # no label of a job has a blank
        reads: States = {}
        tests = []
        for number, condition in enumerate(arguments["Conditions"]):
            key = f"figures{len(reads)}" if number else "figures"
            state = name if not number else f"{name} {number + 1}"
            figure = condition.get("LeftValue", condition.get("QueryValue"))["Std:JsonGet"]
            reads[state] = self._read(figure, key)
            tests.append(self._test(f"$.{key}.content.{figure['Path']}", condition))
        for state, after in zip(reads, [*list(reads)[1:], choice], strict=True):
            reads[state]["Next"] = after
        inner = self._chain(self._ordered(arguments["IfSteps"]), following)
        otherwise = self._chain(arguments["ElseSteps"], following)
        end = {} if following or otherwise else {f"{name} end": {"Type": "Succeed"}}
        default = next(iter(otherwise), None) or following or f"{name} end"
        rule = tests[0] if len(tests) == 1 else {"And": tests}
        first = next(iter(inner), following) or f"{name} end"
        state = {"Type": "Choice", "Choices": [{**rule, "Next": first}], "Default": default}
        return {**reads, choice: state, **inner, **otherwise, **end}

    def _test(self, variable: str, condition: Mapping[str, Any]) -> dict[str, Any]:
        """Return the rule of a choice."""
        if condition["Type"] == "In":
            values = condition["Values"]
            return {"Or": [self._compared(variable, "Equals", value) for value in values]}
        comparison = COMPARISONS[condition["Type"]]
        return self._compared(variable, comparison, condition["RightValue"])

    def _compared(self, variable: str, comparison: str, value: Any) -> dict[str, Any]:
        ending, compared, sample = "", value, value
        if _is_expression(value):
            name = value["Get"].removeprefix("Parameters.")
            ending, compared = "Path", f"$.{PARAMETERS}['{name}']"
            sample = self._flow.config.parameters[name]
        kind = {bool: "Boolean", str: "String"}.get(type(sample), "Numeric")
        return {"Variable": variable, f"{kind}{comparison}{ending}": compared}

    def _read(self, figure: Mapping[str, Any], key: str) -> dict[str, Any]:
        """Return the state that reads a JSON file; Step Functions takes 256 KB at most."""
        found = _PROPERTY_FILE.fullmatch(figure["PropertyFile"]["Get"])
        if found is None:
            raise ValueError(figure)
        label, name = found.groups()
        (file,) = [
            each for each in self._steps[label]["PropertyFiles"] if each["PropertyFileName"] == name
        ]
        pieces = [*self._place(label, file["OutputName"]), f"/{file['FilePath']}"]
        bucket, _, rest = str(pieces[0]).removeprefix(S3).partition("/")
        return {
            "Type": "Task",
            "Resource": GET_OBJECT,
            "Parameters": {"Bucket": bucket, **_field("Key", [rest, *pieces[1:]])},
            "ResultSelector": {"content.$": "States.StringToJson($.Body)"},
            "ResultPath": f"$.{key}",
        }

    def _written(self, value: Any) -> Any:
        """Return arguments in which expressions are those of the states' language."""
        if isinstance(value, list):
            return [self._written(each) for each in value]
        if not isinstance(value, dict):
            return value
        made: dict[str, Any] = {}
        for key, each in value.items():
            if isinstance(each, list) and any(map(_is_expression, each)):
                items = ", ".join(_term(self._pieces(item)) for item in each)
                made[f"{key}.$"] = f"States.Array({items})"
            elif _is_expression(each):
                made |= _field(key, self._pieces(each))
            else:
                made[key] = self._written(each)
        return made

    def _pieces(self, value: Any) -> list[str | _Path]:
        """Return a text or an expression as texts and paths."""
        if not isinstance(value, dict):
            return [str(value)]
        if "Get" in value:
            return self._got(value["Get"])
        joined = value["Std:Join"]
        made: list[str | _Path] = []
        for number, each in enumerate(joined["Values"]):
            made += [joined["On"]] if number and joined["On"] else []
            made += self._pieces(each)
        return made if len(made) > 1 else [*made, ""]  # a text, though its one value is a number

    def _got(self, what: str) -> list[str | _Path]:
        if what == "Execution.PipelineExecutionId":
            return [_Path(EXECUTION)]
        if what.startswith("Parameters."):
            return [_Path(f"$.{PARAMETERS}['{what.removeprefix('Parameters.')}']")]
        if (found := _OUTPUT.fullmatch(what)) is not None:
            return self._place(*found.groups())
        if (found := _PROPERTY.fullmatch(what)) is not None:
            label, path = found.groups()
            return [_Path(f"{_result(label)}.{path}")]
        raise ConfigError([Problem(GROUP, f"Step Functions has nothing like {what!r}")])

    def _place(self, label: str, output: str) -> list[str | _Path]:
        outputs = RequestView(self._steps[label]["Arguments"]).outputs
        place: Any = next(each.uri for each in outputs if each.name == output)
        return self._pieces(place)


class _Path(str):
    """A path of the states' language, in the place of a text."""

    __slots__ = ()


def _job_names(labels: Iterable[str]) -> dict[str, str]:
    """Return what names of jobs begin with, each its own: they have no underscores."""
    names: dict[str, str] = {}
    for label in labels:
        name = re.sub(r"[^a-zA-Z0-9]+", "-", label).strip("-") or "job"
        names[label] = free_name(name, "", names.values(), LONGEST_BEGINNING)
    return names


def _result(label: str) -> str:
    """Return the path of what a task returned."""
    return f"$.results['{label}']"


def _described(value: Any) -> Iterator[str]:
    """Yield the steps whose properties a definition uses, but for places of outputs and files."""
    if isinstance(value, dict):
        what = str(value.get("Get", ""))
        is_file = _OUTPUT.fullmatch(what) or _PROPERTY_FILE.fullmatch(what)
        if not is_file and (found := _PROPERTY.fullmatch(what)):
            yield found[1]
        for each in value.values():
            yield from _described(each)
    elif isinstance(value, list):
        for each in value:
            yield from _described(each)


def _is_expression(value: Any) -> bool:
    return isinstance(value, dict) and (value.keys() == {"Get"} or value.keys() == {"Std:Join"})


def _field(key: str, pieces: list[str | _Path]) -> dict[str, str]:
    """Return a field that holds texts and paths."""
    if any(isinstance(each, _Path) for each in pieces):
        return {f"{key}.$": _term(pieces)}
    return {key: "".join(pieces)}


def _term(pieces: list[str | _Path]) -> str:
    """Return an expression of the states' language."""
    paths = [each for each in pieces if isinstance(each, _Path)]
    if not paths:
        return f"'{_escaped(''.join(pieces))}'"
    if len(pieces) == 1:
        return str(pieces[0])
    texts = ("{}" if isinstance(each, _Path) else _escaped(each) for each in pieces)
    return f"States.Format('{''.join(texts)}', {', '.join(paths)})"


def _escaped(text: str) -> str:
    """Return a text for between single quotes, where braces have a meaning as well."""
    return re.sub(r"(['{}])", r"\\\1", text)


def _retries(step: Step) -> dict[str, Any]:
    made = [
        {
            "ErrorEquals": ["SageMaker.AmazonSageMakerException", "States.Timeout"],
            "IntervalSeconds": each["IntervalSeconds"],
            "BackoffRate": max(each["BackoffRate"], 1.0),
            "MaxAttempts": each["MaxAttempts"],
        }
        for each in step.get("RetryPolicies", ())
        if "MaxAttempts" in each
    ]
    return {"Retry": made[:1]} if made else {}


def _next(following: str | None) -> dict[str, Any]:
    return {"Next": following} if following else {"End": True}


def _all_steps(steps: list[Step]) -> Iterator[Step]:
    for step in steps:
        yield step
        yield from _all_steps(step["Arguments"].get("IfSteps", []))
