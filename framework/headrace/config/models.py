"""The models that decide what a configuration may say; every default lives here.

YAML composes (``conf/``), these models decide. `headrace.config.compose` is the one place where a
composed configuration becomes a `JobConfig`; past it, nobody sees a dict.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt, Le, Len
from pydantic import BeforeValidator, Field, create_model

from headrace.config.dataset import DatasetConfig
from headrace.config.flow import FlowConfig
from headrace.config.job_settings import JobSettings, ResourcesConfig
from headrace.config.model import (
    MAX_BYTES,
    Image,
    Location,
    Model,
    Text,
    listed_in_schema,
    named_in,
)
from headrace.config.program.channels import Inputs, Outputs
from headrace.config.program.models import AnyProgram, ChainProgram
from headrace.config.program.requirements import requirements_of
from headrace.runtime.plugins.formats import WRITERS
from headrace.runtime.plugins.registry import Registry
from headrace.runtime.spec import EvaluationSpec, OutputSpec, RuntimeSpec
from headrace.targets import TARGETS

MAX_N_FEATURES = 2**31 - 1
FROM = "from"
SCHEMA = "schema"
GROUPS = (
    "backend",
    "target",
    "program",
    "dataset",
    "transform",
    "output",
    "evaluation",
    "flow",
    "experiment",
)
"""The groups of choices, each of which has a folder in ``conf/``."""
CONF_FILES = ("config", *GROUPS)
"""The kinds of files in ``conf/``: ``config.yaml``, and a folder for each other kind."""


def spark_properties(given: Any) -> Any:
    """Return names as Spark has them: ``executor.memory`` of ``{"executor": {"memory": "4g"}}``."""
    if not isinstance(given, Mapping):
        return given
    flat: dict[str, Any] = {}
    for name, value in given.items():
        below = spark_properties(value) if isinstance(value, Mapping) else None
        if below is None:
            flat[str(name)] = str(value).lower() if isinstance(value, bool) else value
        else:
            flat |= {f"{name}.{rest}": each for rest, each in below.items()}
    return flat


class BackendConfig(Model):
    """The settings that all backends share: the image, and the way the code gets into it."""

    is_a_cluster: ClassVar[bool] = False
    """True if several instances work on all files together, instead of each on its own."""
    ships_program: ClassVar[bool] = True
    """True if what runs is ours in any case; an image with code in it may do more."""

    name: str
    image_uri: Image | None = Field(
        None, description="the image by hand, instead of the backend's own"
    )
    region: Text | None = Field(None, description="AWS region; default: the usual AWS variables")
    requirements: Annotated[
        tuple[Text, ...], BeforeValidator(requirements_of, json_schema_input_type=list[str] | str)
    ] = Field(
        (),
        description="pip requirements of packages that the image lacks, or the path of a file of "
        "them; shipped as wheels",
    )
    python_version: Annotated[str, Field(pattern=r"^3\.1[1-9]$")] = Field(
        "3.12", description="Python of the image, which the wheels have to fit"
    )


class AwsImageConfig(BackendConfig):
    """A backend whose image AWS provides."""

    framework_version: Text = Field("1.9-0", description="version of AWS's scikit-learn image")


class OwnImageConfig(BackendConfig):
    """A backend whose image the user builds."""

    base_image: Text | None = Field(
        None, description="what action=build starts from; default: as its Dockerfile says"
    )


class SklearnConfig(AwsImageConfig):
    """AWS's scikit-learn image and a shipped script."""

    name: Literal["sklearn"]


class ScriptConfig(OwnImageConfig):
    """An own image and a shipped script."""

    name: Literal["script"]


class ProcessorConfig(OwnImageConfig):
    """An own image with the code in it."""

    ships_program: ClassVar[bool] = False

    name: Literal["processor"]


class PySparkConfig(AwsImageConfig):
    """AWS's Spark image."""

    is_a_cluster: ClassVar[bool] = True

    name: Literal["pyspark"]
    framework_version: Text = Field("3.5", description="version of AWS's Spark image")
    spark: Annotated[dict[str, str], BeforeValidator(spark_properties)] = Field(
        {}, description="Spark's properties, without the 'spark.' in front"
    )
    event_logs: bool = Field(False, description="keep Spark's event logs")


AnyBackend = Annotated[
    SklearnConfig | ScriptConfig | ProcessorConfig | PySparkConfig, Field(discriminator="name")
]


BACKENDS = Registry(
    "backend",
    "headrace.backends",
    {
        "sklearn": "headrace.backends.sklearn:SklearnBackend",
        "script": "headrace.backends.script:ScriptBackend",
        "processor": "headrace.backends.processor:ProcessorBackend",
        "pyspark": "headrace.backends.pyspark:PySparkBackend",
    },
)
"""The makers of jobs of the configurations above; a backend of an installed package has the model
of its configuration as its attribute ``config``."""


class TargetConfig(Model):
    """The target, which executes the request."""

    name: Annotated[str, named_in(TARGETS)] = Field(
        description="local: this machine, without Docker or AWS; container: in the image; "
        "aws: on SageMaker; or one that an installed package brings",
        json_schema_extra=listed_in_schema(TARGETS),
    )


class TransformConfig(Model):
    """The chain of plugins, as it stands in the configuration."""

    n_features: Annotated[int, Ge(1), Le(MAX_N_FEATURES)] = Field(
        2**20, description="width of the hashed matrix; steps interpolate it"
    )
    steps: Annotated[dict[str, dict[str, Any] | None], Len(1)] = Field(
        description="label → parameters, in order; 'name' defaults to the label; null: none"
    )
    learned: Text | None = Field(
        None,
        description="output.path of a finished run, or in a flow ${output:JOB.report}: apply its "
        "chain, with what it learned, to these rows",
    )


class OutputConfig(Model):
    """The result: its folder, and the format and columns of its files."""

    path: Location = Field(description="the folder for the result; default: Hydra's run folder")
    format: Annotated[str, named_in(WRITERS)] = Field(
        "npz",
        description="file format of the parts",
        json_schema_extra=listed_in_schema(WRITERS),
    )
    overwrite: bool = Field(
        False, description="replace an earlier result: what its manifest lists, and nothing else"
    )
    rows_per_part: Annotated[int, Ge(1), Le(MAX_BYTES)] = Field(
        OutputSpec.rows_per_part, description="rows in each part"
    )
    header: bool = Field(
        OutputSpec.header, description="begin each part with the names of the columns; csv only"
    )
    columns: Annotated[tuple[Text, ...], Len(1)] | None = Field(
        OutputSpec.columns,
        description="columns to write, in this order; csv only. Default: the label, then the "
        "features",
    )
    tokens: bool = Field(
        OutputSpec.tokens,
        description="write report/tokens.parquet: which tokens stand behind each index",
    )


class NoEvaluation(Model):
    """The rows alone; no model is trained."""

    name: Literal["none"]


class ModelEvaluation(Model):
    """A model is trained on the rows and judged."""

    passes: Annotated[int, Ge(1), Le(100)] = Field(
        EvaluationSpec.passes, description="how often the model sees each row of train"
    )
    learning_rate: Annotated[float, Gt(0), Le(8)] = Field(
        EvaluationSpec.learning_rate,
        description="length of the first step, in units of a row's squared length",
    )
    alpha: Annotated[float, Ge(0), Le(1)] = Field(
        EvaluationSpec.alpha, description="weight of the L2 penalty"
    )


class LogisticEvaluation(ModelEvaluation):
    """Logistic regression by gradient descent, for labels that are 0 or 1."""

    name: Literal["logistic"]


class LinearEvaluation(ModelEvaluation):
    """Linear regression by gradient descent, for labels that are any numbers."""

    name: Literal["linear"]


AnyEvaluation = Annotated[
    NoEvaluation | LogisticEvaluation | LinearEvaluation, Field(discriminator="name")
]


def _off(setting: object) -> object:
    """Return what YAML means by off."""
    return "off" if setting is False else setting


class RuntimeConfig(Model):
    """The threads, blocks and kernels of the work; the rows do not depend on them."""

    threads: Annotated[int, Ge(1), Le(1024)] | None = Field(
        None, description="worker threads; default: every core"
    )
    block_bytes: Annotated[int, Ge(1), Le(MAX_BYTES)] = Field(
        RuntimeSpec.block_bytes, description="bytes of input that one thread works on at a time"
    )
    split_bytes: Annotated[int, Ge(1), Le(MAX_BYTES)] = Field(
        RuntimeSpec.split_bytes,
        description="bytes of input in each of Spark's splits, at most, about",
    )
    kernels: Annotated[Literal["auto", "off"], BeforeValidator(_off)] = Field(
        "auto", description="compiled kernels: used where they can be loaded, or NumPy alone"
    )


if TYPE_CHECKING:

    class _WithTakenNames(Model):
        """A configuration with the keys ``from`` and ``schema``."""

else:  # neither can be the name of an attribute in the body of a model
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message='Field name "schema"')
        _WithTakenNames = create_model(
            "_WithTakenNames",
            __base__=Model,
            **{
                FROM: (
                    Text | None,
                    Field(None, description="JSON file of the request that action=import reads"),
                ),
                SCHEMA: (
                    Literal[CONF_FILES] | None,
                    Field(
                        None,
                        description="the kind of file in conf/ whose JSON Schema action=schema "
                        "prints; default: that of the whole configuration",
                    ),
                ),
            },
        )


class JobConfig(_WithTakenNames):
    """One whole configuration."""

    action: Literal[
        "run",
        "plan",
        "build",
        "push",
        "jobs",
        "describe",
        "logs",
        "stop",
        "policy",
        "pipeline",
        "schema",
        "look",
        "import",
    ] = Field("run", description="what to do with the job")
    name: Text | None = Field(
        None, description="of the conf/ file that action=look or action=import writes"
    )
    backend: AnyBackend
    target: TargetConfig
    program: AnyProgram = ChainProgram(name="chain")
    inputs: Inputs = Field({}, description="name → what is in the container besides")
    outputs: Outputs = Field({}, description="name → a folder of the container to deliver")
    dataset: DatasetConfig
    transform: TransformConfig
    output: OutputConfig
    evaluation: AnyEvaluation = NoEvaluation(name="none")
    resources: ResourcesConfig = ResourcesConfig()
    job: JobSettings = JobSettings()
    runtime: RuntimeConfig = RuntimeConfig()
    flow: FlowConfig = FlowConfig()
    watch: bool = Field(False, description="keep what action=jobs shows up to date")
    regions: tuple[Text, ...] = Field(
        (), description="AWS regions that watch=true looks into; default: backend.region"
    )
    profiles: tuple[Text, ...] = Field(
        (), description="profiles of the AWS configuration that watch=true looks with"
    )
    start: bool = Field(False, description="start the pipeline that action=pipeline makes")
    format: Literal["sagemaker", "stepfunctions"] = Field(
        "sagemaker", description="whose pipeline action=pipeline makes"
    )

    @property
    def request_file(self) -> str | None:
        """Return the value of the key ``from``."""
        given: str | None = getattr(self, FROM)
        return given

    @property
    def schema_of(self) -> str | None:
        """Return the value of the key ``schema``."""
        given: str | None = getattr(self, SCHEMA)
        return given


def job_config_with(backend: object) -> type[JobConfig]:
    """Return the model of a configuration whose backend has this name.

    It is `JobConfig` itself, unless an installed package brings the backend.

    Args:
        backend: The name as the configuration has it, right or wrong.

    Raises:
        PluginError: The package's module cannot be imported.
    """
    if not isinstance(backend, str) or backend in BACKENDS.shipped or not BACKENDS.has(backend):
        return JobConfig
    return create_model(
        "JobConfig", __base__=JobConfig, backend=(BACKENDS.load(backend).config, ...)
    )
