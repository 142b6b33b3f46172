"""The order that every task of a job gets; imports nothing that an image may lack."""

from __future__ import annotations

from dataclasses import dataclass

from headrace.runtime.spec import JobSpec

Learned = tuple[tuple[str, bytes], ...]
"""Label and state of each step that has learned."""
Place = tuple[int, tuple[str, ...], bool]
"""A pass, as plain data; see `headrace.runtime.learning.passes.Pass`."""


@dataclass(frozen=True)
class Order:
    """The order that every task of a job gets.

    Attributes:
        spec: The job, as JSON.
        root: What stands in for ``/opt/ml``, on every host.
        first: The input's first file, which has the columns.
    """

    spec: str
    root: str
    first: str

    @property
    def job(self) -> JobSpec:
        """Return the job."""
        return JobSpec.from_json(self.spec)
