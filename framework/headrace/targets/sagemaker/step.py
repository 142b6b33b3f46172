"""A step for `sagemaker.mlops.workflow.pipeline.Pipeline` that holds a job's own arguments.

The SDK's `ProcessingStep` builds a request of its own by running a `Processor`; ours returns the
request that headrace has compiled. It needs the extra ``sagemaker``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from headrace.errors import ConfigError, Problem

NO_SDK = (
    "needs the umbrella SDK, which is an extra: pip install 'headrace[sagemaker]' (or sagemaker)"
)
SHAPE = "DescribeProcessingJobResponse"


def processing_step(
    name: str,
    arguments: dict[str, Any],
    *,
    depends_on: Sequence[Any],
    cache_config: dict[str, Any] | None,
    property_files: Sequence[Any],
    retry_policies: Sequence[Any],
) -> Any:
    """Return the step.

    Args:
        name: Of the step.
        arguments: What ``Arguments`` holds.
        depends_on: Steps, or names of steps.
        cache_config: As a definition has it.
        property_files: The SDK's objects.
        retry_policies: The SDK's objects.

    Raises:
        ConfigError: The SDK is not installed.
    """
    try:
        from sagemaker.core.workflow.properties import Properties
        from sagemaker.mlops.workflow.steps import ConfigurableRetryStep, StepTypeEnum
    except ImportError as error:
        raise ConfigError([Problem("step()", NO_SDK)]) from error

    class HeadraceStep(ConfigurableRetryStep):  # type: ignore[misc] # it has no type hints
        """A Processing step with arguments that are complete."""

        def __init__(self) -> None:
            super().__init__(
                name,
                StepTypeEnum.PROCESSING,
                depends_on=list(depends_on),
                retry_policies=list(retry_policies),
            )
            self.property_files = list(property_files)
            self._properties = Properties(step_name=name, step=self, shape_name=SHAPE)

        @property
        def arguments(self) -> dict[str, Any]:
            """Return the arguments of ``CreateProcessingJob``, without a name."""
            return arguments

        @property
        def properties(self) -> Any:
            """Return what other steps may refer to."""
            return self._properties

        def to_request(self) -> dict[str, Any]:
            """Return the step as a definition has it."""
            request: dict[str, Any] = super().to_request()
            if cache_config:
                request["CacheConfig"] = cache_config
            if self.property_files:
                request["PropertyFiles"] = [each.expr for each in self.property_files]
            return request

    return HeadraceStep()
