"""The models of ``flow``: jobs that feed each other, their parameters and their conditions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Len
from omegaconf import Container, DictConfig, OmegaConf
from pydantic import BeforeValidator, Field

from headrace.config.model import Model, Text, Word
from headrace.config.problems import got, keys_of, problems_of
from headrace.errors import ConfigError, Problem
from headrace.uris import S3

Scalar = bool | int | float | str
Kind = Literal["String", "Integer", "Float", "Boolean"]
"""The types of a SageMaker pipeline's parameters."""
KINDS: Mapping[type, Kind] = {bool: "Boolean", int: "Integer", float: "Float", str: "String"}
Label = Annotated[str, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_-]{0,63}$")]
Name = Annotated[str, Field(pattern=r"^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,255}$")]
Duration = Annotated[
    str, Field(pattern=r"^P(\d+Y)?(\d+M)?(\d+W)?(\d+D)?(T(\d+H)?(\d+M)?(\d+S)?)?$", min_length=3)
]
"""As ISO 8601 writes them."""


class CacheSettings(Model):
    """Says whether an earlier result of the same job is used again."""

    enabled: bool = Field(True, description="use an earlier result of the same job again")
    expire_after: Duration | None = Field(
        None, description="for how long a pipeline does so, as in P30D; default: for ever"
    )


class RetrySettings(Model):
    """Says when a pipeline tries a step again; on this machine a job is tried once."""

    exceptions: Annotated[tuple[Text, ...], Len(1)] = Field(
        ("Step.SERVICE_FAULT", "Step.THROTTLING"), description="the errors that it is for"
    )
    interval_seconds: Annotated[int, Ge(1), Le(43_200)] = Field(
        1, description="pause before the second attempt"
    )
    backoff_rate: Annotated[float, Gt(0), Le(10)] = Field(
        2.0, description="each further pause is so many times longer"
    )
    max_attempts: Annotated[int, Ge(1), Le(20)] | None = Field(
        5, description="attempts; null: until expire_after_minutes"
    )
    expire_after_minutes: Annotated[int, Ge(1), Le(14_400)] | None = Field(
        None, description="minutes after which no attempt is made"
    )


def _cache(given: Any) -> Any:
    return {"enabled": given} if isinstance(given, bool) or given in ("true", "false") else given


def _retry(given: Any) -> Any:
    return [given] if isinstance(given, Mapping) else given


Cache = Annotated[
    CacheSettings, BeforeValidator(_cache, json_schema_input_type=CacheSettings | bool)
]
Retry = Annotated[
    tuple[RetrySettings, ...],
    BeforeValidator(_retry, json_schema_input_type=list[RetrySettings] | RetrySettings),
]


class FlowJobSettings(Model):
    """One job of a flow."""

    overrides: tuple[Word, ...] = Field(
        (), description="what one would write on the command line for the job alone"
    )
    raw: dict[str, Any] | None = Field(
        None, description="a step of a SageMaker pipeline as it is, with Type and Arguments"
    )
    after: tuple[Text, ...] = Field((), description="jobs that have to end before this one")
    cache: Cache | None = Field(None, description="default: flow.cache")
    retry: Retry | None = Field(None, description="default: flow.retry")


class When(Model):
    """A condition: a figure in a JSON file of a job's result."""

    output: Text = Field(description="job.channel that holds the file")
    file: Text = Field(description="the JSON file, as its path in that channel")
    path: Annotated[str, Field(pattern=r"[^.\[\]]")] = Field(
        description="keys that lead to the figure, with dots between them"
    )
    equals: Any = Field(None, description="the figure is this")
    one_of: tuple[Any, ...] | None = Field(None, description="the figure is one of these")
    at_least: Any = Field(None, description="the figure is this or more")
    at_most: Any = Field(None, description="the figure is this or less")
    above: Any = Field(None, description="the figure is more than this")
    below: Any = Field(None, description="the figure is less than this")
    otherwise: Literal["skip", "fail"] = Field(
        "skip", description="what else: the job is left out, or the flow has failed"
    )

    @property
    def job(self) -> str:
        """Return the job whose result holds the figure."""
        return self.output.partition(".")[0]

    @property
    def channel(self) -> str:
        """Return the output that holds the file."""
        return self.output.partition(".")[2]


def _job(given: Any) -> Any:
    if given is None:
        return {}
    return {"overrides": list(given)} if isinstance(given, list | tuple) else given


def _jobs(given: Any) -> Any:
    if isinstance(given, str | list | tuple):
        raise ValueError(
            f"each job has a label, as in prepare: [transform=split] (got {got(given)})"
        )
    return given


def _when(given: Any) -> Any:
    return [given] if isinstance(given, Mapping) else given


Jobs = Annotated[
    dict[
        Label,
        Annotated[
            FlowJobSettings,
            BeforeValidator(_job, json_schema_input_type=FlowJobSettings | list[str] | None),
        ],
    ],
    BeforeValidator(_jobs, json_schema_input_type=dict[str, FlowJobSettings | list[str] | None]),
]
Conditions = Annotated[
    tuple[When, ...], BeforeValidator(_when, json_schema_input_type=list[When] | When)
]


class FlowConfig(Model):
    """Jobs that feed each other."""

    name: Name | None = Field(
        None, description="of the SageMaker pipeline, and of the folder; default: the file's"
    )
    parameters: dict[Label, Scalar] = Field(
        {}, description="name → default; jobs use them as ${param:name}"
    )
    types: dict[str, Kind] = Field(
        {}, description="name of a parameter → its type; default: that of its default"
    )
    stated: dict[str, Scalar] = Field(
        {}, description="name of a parameter → its default in the file; set by headrace itself"
    )
    jobs: Jobs = Field({}, description="label → overrides; ${output:job.channel} is a job's output")
    when: dict[str, Conditions] = Field({}, description="label → what has to hold for it to run")
    parallel: Annotated[int, Ge(1), Le(64)] = Field(
        1, description="jobs that run at the same time on this machine"
    )
    strict: bool = Field(
        False, description="read input files to see whether they have changed, not their times"
    )
    cache: Cache = Field(CacheSettings(), description="the jobs' own cache comes first")
    retry: Retry = Field((), description="the jobs' own retry comes first")
    code_path: Annotated[str, Field(pattern=r"^s3://[^/]+(/.*)?$")] | None = Field(
        None, description="s3://… below which a pipeline's code lies; default: <output.path>/code"
    )


GROUP = "flow"
OUTPUTS = "outputs"
DEFAULT_FOLDER = f"{OUTPUTS}/flows"
"""Has the results of flows without a place of their own."""
MAPPINGS = [name for name, field in FlowConfig.model_fields.items() if field.default == {}]
"""Keys that a list would not merge with, in the place of a mapping."""


def problems_in(given: Mapping[str, Any]) -> list[Problem]:
    """Return what is wrong with a flow, or with some of its keys."""
    keys = partial(keys_of, FlowConfig)
    found = problems_of(FlowConfig.model_validate, given, keys, {})
    return [Problem(f"{GROUP}.{each.where}", each.what) for each in found]


def note_in(config: Container, file: str) -> None:
    """Note the name of a flow's file and the types of its parameters, before others change them.

    Args:
        config: What stands in the file, at its place in the whole configuration.
        file: Its name below ``conf/``, without the ending.

    Raises:
        ConfigError: A list stands in the place of a mapping.
    """
    flow = config._get_node(GROUP) if isinstance(config, DictConfig) and GROUP in config else None
    if not isinstance(flow, DictConfig) or flow._is_none() or flow._is_missing():
        return
    group, _, name = file.removesuffix(".yaml").partition("/")
    if group == GROUP and name and "name" not in flow:
        flow["name"] = name.replace("/", "-").replace("_", "-")
    _spell_out(flow)
    parameters = flow._get_node("parameters") if "parameters" in flow else None
    if isinstance(parameters, DictConfig) and not (
        parameters._is_none() or parameters._is_missing() or parameters._is_interpolation()
    ):
        values = dict(_values(parameters))
        kinds = {name: KINDS[type(value)] for name, value in values.items()}
        flow["types"] = {**kinds, **(flow.get("types") or {})}
        flow["stated"] = values


def need_no_run_folder(config: DictConfig) -> None:
    """Keep Hydra from making a folder for a run of a flow, whose results have places of their own.

    Args:
        config: The whole configuration, Hydra's part included.
    """
    chosen = OmegaConf.select(config, f"hydra.runtime.choices.{GROUP}")
    place = _text(config.output._get_node("path"))
    typed = [each.lstrip("+~") for each in config.hydra.overrides.hydra]
    is_typed = any(each.startswith(("hydra.run.", "hydra.output_subdir")) for each in typed)
    if chosen is None or is_typed or place.startswith(S3):
        return
    config.hydra.run.dir, config.hydra.output_subdir = OUTPUTS, None


def _text(node: Any) -> str:
    return str(node._value()) if node is not None else ""


def _spell_out(flow: DictConfig) -> None:
    """Give short forms their full form: those of the defaults would not merge with them."""
    given: Any = OmegaConf.to_container(flow, resolve=False)
    lists = {key: given[key] for key in MAPPINGS if isinstance(given.get(key), list)}
    if lists:
        raise ConfigError(problems_in(lists))
    for key, full in (("cache", _cache), ("retry", _retry)):
        if given.get(key) is not None:
            flow[key] = full(given[key])
    jobs = given.get("jobs")
    for label, job in jobs.items() if isinstance(jobs, Mapping) else ():
        if isinstance(job, list):
            flow["jobs"][label] = {"overrides": job}


def _values(parameters: DictConfig) -> Iterator[tuple[str, Scalar]]:
    for name in parameters:
        node: Any = parameters._get_node(name)
        value = None if isinstance(node, Container) else node._value()
        is_link = isinstance(value, str) and "${" in value
        if isinstance(value, bool | int | float | str) and not is_link:
            yield str(name), value
