"""``report/state/``: what the steps of a job learned, for those who want the same steps again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa

from headrace.runtime.chain.chain import Link, refuse_forgotten, with_states
from headrace.runtime.chain.preflight import Prepared
from headrace.runtime.errors import DataError
from headrace.runtime.learning import states
from headrace.runtime.output.manifest import write_bytes
from headrace.runtime.spec import LEARNED_INPUT, REPORT, JobSpec, under

FOLDER = "state"
STATES = "states"
"""Their place in the manifest."""


def write(report: Path, links: Sequence[Link], name: str = REPORT) -> dict[str, Any]:
    """Write the state of each step that has one.

    Args:
        report: The folder of the report.
        links: The chain.
        name: Path of that folder below ``output.path``.

    Returns:
        What the manifest says of the files, by the step's label.

    Raises:
        DataError: A file cannot be written.
    """
    learned = {link.label: link.state for link in links if link.state is not None}
    return {label: _written(report, label, state, name) for label, state in learned.items()}


def restored(links: Sequence[Link], run_folder: Path, kept: Mapping[str, Any]) -> tuple[Link, ...]:
    """Return the same chain, its steps knowing what they learned in a run.

    Args:
        links: The chain.
        run_folder: ``output.path`` of the run.
        kept: What its manifest says of the files.

    Raises:
        ChainError: There is no state for a step, or the step cannot work with it.
        DataError: A file is not there, or not the one that the manifest means.
    """
    refuse_forgotten(links, kept)
    learning = [link.label for link in links if link.stateful is not None]
    found = {label: states.from_bytes(_content(run_folder, kept[label])) for label in learning}
    return with_states(links, found)


def taught(job: Prepared, spec: JobSpec, root: Path) -> Prepared:
    """Return the job, its steps knowing what they learned in another run, if it names one.

    Args:
        job: The job, fitted to its input.
        spec: The same.
        root: What stands in for ``/opt/ml``.

    Raises:
        ChainError: There is no state for a step, or the step cannot work with it.
        DataError: A file is not there, or not the one that the run made.
    """
    if spec.learned is None:
        return job
    folder = under(root, LEARNED_INPUT)
    return replace(job, links=restored(job.links, folder, spec.learned.states))


def _written(report: Path, label: str, state: pa.Table, name: str) -> dict[str, Any]:
    folder, content = report / FOLDER, states.to_bytes(_plain(state))
    path = folder / f"{quote(label, safe='')}.arrow"
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise DataError(f"{folder}: cannot be written ({error.strerror})") from error
    write_bytes(path, content)
    file = f"{name}/{FOLDER}/{path.name}"
    return {"file": file, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _plain(state: pa.Table) -> pa.Table:
    """Return the state with plain columns in place of dictionaries."""
    kinds = [each.type for each in state.schema]
    plain = [each.value_type if pa.types.is_dictionary(each) else each for each in kinds]
    return state.cast(pa.schema(list(zip(state.column_names, plain, strict=True))))


def _content(run_folder: Path, kept: Mapping[str, Any]) -> bytes:
    path = run_folder / str(kept["file"])
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    if hashlib.sha256(content).hexdigest() != kept["sha256"]:
        raise DataError(f"{path}: is not the file that the manifest means (sha256 differs)")
    return content
