"""Base of the programs that are the user's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from headrace.job.backend import Way
from headrace.job.job import Wheels
from headrace.job.mapping import ProcessingOutput
from headrace.runtime.spec import OUTPUT
from headrace.uris import join, uri_of

if TYPE_CHECKING:
    from headrace.config.compose import Plan


class OwnProgram:
    """A program with the outputs that the configuration names."""

    def __init__(self, plan: Plan) -> None:
        self._config = plan.config

    def notes(self) -> list[str]:
        """Return nothing."""
        return []

    def variables(self, way: Way, wheels: Wheels) -> Mapping[str, str]:
        """Return nothing."""
        return {}

    def outputs(self) -> tuple[ProcessingOutput, ...]:
        """Return the outputs of the configuration."""
        return tuple(self._outputs())

    def _outputs(self) -> Iterator[ProcessingOutput]:
        base = uri_of(self._config.output.path)
        for name, channel in self._config.outputs.items():
            goes_to_store_alone = channel.feature_group and not (channel.path or channel.at)
            yield ProcessingOutput(
                name,
                "" if goes_to_store_alone else channel.path or join(base, name),
                "" if goes_to_store_alone else channel.at or f"{OUTPUT}/{name}",
                channel.upload == "Continuous",
                channel.app_managed,
                channel.feature_group,
                f"outputs.{name}",
            )
