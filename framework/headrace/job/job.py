"""A job: the exact ``CreateProcessingJob`` request, and the files that it ships.

This is the one idea of the project: whoever runs a job (this machine, a container, SageMaker) runs
*this*, so what worked here works there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from headrace.aws.request import RequestView
from headrace.runtime.spec import JobSpec

Wheels = Mapping[str, bytes]
"""Packages that travel with a job: file name → content."""
NO_WHEELS: Wheels = {}


@dataclass(frozen=True)
class Program:
    """The program in the container, as far as whoever runs a job has to know.

    What starts it, its inputs and its outputs stand in the request; its code is among the files.
    Ask for what a program needs (`writes_manifest`, `needs_real_paths`, …), not for its kind.
    """

    kind: Literal["chain", "script", "image"]
    """Our own chain of transforms; the user's own code; the image's own command."""
    spec: JobSpec | None = None
    """Parameters of the chain; they travel inside one of the files. Only a chain has them."""
    path: str = ""
    """The user's own file, folder or ``s3://…``, absolute; empty for the others."""
    entry: str = ""
    """The file that starts: its path below the folder, or the file's own name."""
    sha256: str = ""
    """Digest of the user's code, whatever it is called and wherever it lies; empty for an image,
    whose URI names it. A chain's is that of its `JobSpec.meaning`."""
    size: int = 0
    """Bytes of the user's code."""
    packages: Mapping[str, str] = field(default_factory=dict)
    """Wheels that come as the input ``packages``: file name → SHA-256."""

    data_inputs: tuple[str, ...] = ()
    """Inputs of which only data files count (`headrace.runtime.data_files`); of all others, every
    file does."""

    @property
    def writes_manifest(self) -> bool:
        """Return whether it writes ``report/manifest.json`` by itself.

        If not, whoever delivers the outputs writes it, and no output has a file of that name. There
        may be an output called ``report`` or none.
        """
        return self.kind == "chain"

    @property
    def needs_real_paths(self) -> bool:
        """Return whether it may name ``/opt/ml/…`` itself: no other folder can replace that."""
        return self.kind != "chain"


@dataclass(frozen=True)
class Job:
    """A job as plain data, made before a target is chosen."""

    request: dict[str, Any]
    """The arguments of ``CreateProcessingJob``, ready for boto3."""
    files: dict[str, bytes]
    """Files that the request's inputs refer to: path below the job's own folder → content."""
    program: Program
    """The program that runs."""
    uploads: dict[str, Path] = field(default_factory=dict)
    """Data of this machine that has to be brought to where the request looks for it: path below the
    job's own folder → file."""

    @property
    def view(self) -> RequestView:
        """Return the request for reading."""
        return RequestView(self.request)

    @property
    def spec(self) -> JobSpec:
        """Return the parameters of the chain; None for another program.

        Raises:
            TypeError: The program is no chain.
        """
        if self.program.spec is None:
            raise TypeError(f"a job with program={self.program.kind} has no chain")
        return self.program.spec

    @property
    def name(self) -> str:
        """Return the job's name, unique in account and region."""
        return self.view.name
