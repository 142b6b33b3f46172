"""The models of ``resources`` and ``job``: what a Processing job runs on, and as what."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Le, Len
from pydantic import Field

from headrace.config.model import InstanceType, Model, RoleArn, Text, VariableName, Word


class InstancePreference(Model):
    """A type of instance that the job may run on."""

    instance_type: InstanceType = Field(description="SageMaker instance type")
    instance_count: Annotated[int, Ge(1), Le(100)] | None = Field(
        None, description="number of instances of this type; default: resources.instance_count"
    )


class ResourcesConfig(Model):
    """The instances that the job runs on, their disks and the limit of its time."""

    instance_type: InstanceType = Field("ml.m5.xlarge", description="SageMaker instance type")
    instance_preferences: Annotated[tuple[InstancePreference, ...], Len(0, 5)] = Field(
        (),
        description="types to try in this order, instead of instance_type; the first that AWS has",
    )
    instance_count: Annotated[int, Ge(1), Le(100)] = Field(1, description="number of instances")
    volume_size_gb: Annotated[int, Ge(1), Le(16_384)] = Field(30, description="disk of each, GB")
    max_runtime_minutes: Annotated[int, Ge(1), Le(12_960)] | None = Field(
        120,
        description="the job is stopped after this many minutes, 9 days at most; "
        "null: the request sets no limit, and SageMaker's own is a day",
    )
    max_runtime_seconds: Annotated[int, Ge(1), Le(777_600)] | None = Field(
        None, description="the same in seconds, instead of max_runtime_minutes"
    )
    usd_per_hour: Annotated[float, Ge(0)] | None = Field(
        None, description="price of one instance for the estimates; default: a list price"
    )

    @property
    def limit_seconds(self) -> int | None:
        """Return the seconds after which the job is stopped; None if no limit is set."""
        if self.max_runtime_seconds or self.max_runtime_minutes is None:
            return self.max_runtime_seconds
        return self.max_runtime_minutes * 60


class JobSettings(Model):
    """The arguments of `Processor.run` and its constructor, but for the mapping."""

    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$")] | None = Field(
        None, description="name of the job, unique in account and region; default: a fresh one"
    )
    arguments: tuple[Word, ...] = Field((), description="passed to the container as they are")
    wait: bool = Field(True, description="wait for the end of the job")
    logs: bool = Field(True, description="show the container's log lines while waiting")
    experiment_config: dict[
        Literal["ExperimentName", "TrialName", "TrialComponentDisplayName", "RunName"], Text
    ] = Field({}, description="SageMaker Experiments association")
    env: dict[VariableName, Word] = Field({}, description="environment variables of the container")
    tags: dict[Text, str] = Field({}, description="tags of the job")
    network_isolation: bool | None = Field(
        None, description="cut the container off from all networks; default: no"
    )
    encrypt_traffic: bool | None = Field(
        None, description="encrypt what instances send to each other; default: no"
    )
    kms_key: Text | None = Field(None, description="KMS key for the volume and the outputs")
    volume_kms_key: Text | None = Field(
        None, description="KMS key for the volume; default: kms_key"
    )
    output_kms_key: Text | None = Field(
        None, description="KMS key for the outputs; default: kms_key"
    )
    subnets: tuple[Text, ...] = Field((), description="VPC subnets to run in")
    security_group_ids: tuple[Text, ...] = Field((), description="VPC security groups")
    role: RoleArn | None = Field(None, description="ARN of the IAM role that the job runs as")
