"""From the hosts' output folders to the places that the request names: all of it or nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from framework.errors import JobFailed
from framework.job import Job
from framework.runtime.spec import REPORT, under
from framework.targets.interrupts import Interrupts
from framework.targets.limits import local_path
from framework.targets.moves import Moves
from framework.targets.sandbox import Host, Sandbox, outputs
from framework.whole_files import json_text, write_whole

MANIFEST = "manifest.json"
RESULT = (REPORT, "train", "validation", "test")
"""What a result may consist of; the manifest's folder leads, since it must go first."""


def destinations(request: dict[str, Any]) -> dict[str, Path]:
    """Output name → the folder of this machine where it goes."""
    return {name: local_path(uri) for name, _, uri in outputs(request)}


def deliver(
    job: Job, sandbox: Sandbox, hosts: Sequence[Host], overwrite: bool, interrupts: Interrupts
) -> None:
    """Move the result to its place, the manifest last of all.

    Args:
        job: Which has been run.
        sandbox: Holds the files that ship with the job.
        hosts: Hold the outputs.
        overwrite: Whether an earlier result is replaced. If anything fails, it comes back.
        interrupts: Obeyed between two moves.

    Raises:
        JobFailed: Two hosts wrote the same file.
        OSError: The disk said no; everything is as it was before.
    """
    places = destinations(job.request)
    ready = [(_gathered(job, sandbox, hosts, name), places[name]) for name in places]
    ready.sort(key=lambda pair: (pair[0] / MANIFEST).exists())
    staged = [path for path in sandbox.files.rglob("*") if path.is_file()]
    files = [(path, sandbox.output / path.relative_to(sandbox.files)) for path in staged]
    with Moves(job.name, interrupts).together() as moves:
        if overwrite:
            for old in _earlier_result(job.request, sandbox.output):
                moves.set_aside(old)
        for _, place in files:  # a plan may have left its own
            moves.set_aside(place)
        for source, place in (*files, *ready):
            interrupts.check()
            moves.place(source, place)


def _gathered(job: Job, sandbox: Sandbox, hosts: Sequence[Host], name: str) -> Path:
    """One folder with what all hosts wrote for this output."""
    inside = next(str(path) for output, path, _ in outputs(job.request) if output == name)
    folders = {host.name: under(host.ml, inside) for host in hosts}
    if len(hosts) == 1:
        return folders[hosts[0].name]
    together = sandbox.root / "gathered" / name
    together.mkdir(parents=True)
    writers: dict[Path, str] = {}
    for host, folder in folders.items():
        for file in [path for path in folder.rglob("*") if not path.is_dir()]:
            place = together / file.relative_to(folder)
            if place in writers:
                what = f"{writers[place]} and {host} both wrote {file.relative_to(folder)}"
                raise JobFailed(f"output {name!r}: {what}")
            writers[place] = host
            place.parent.mkdir(parents=True, exist_ok=True)
            file.rename(place)
    _merge_manifests(together, folders)
    return together


def _merge_manifests(together: Path, hosts: Iterable[str]) -> None:
    """Make one manifest of those that the hosts wrote, each in a folder of its name."""
    files = [together / host / MANIFEST for host in hosts]
    if all(file.exists() for file in files):
        from framework.runtime.manifest import merge

        manifests = [json.loads(file.read_text(encoding="utf-8")) for file in files]
        write_whole(together / MANIFEST, json_text(merge(manifests)).encode())


def _earlier_result(request: dict[str, Any], output: Path) -> list[Path]:
    """What an earlier job left where the result goes, its manifest's folder first."""
    named = _named_by(output / "request.json")
    inside = [path for path in named if path != output and path.is_relative_to(output)]
    places = destinations(request).values()
    return list(dict.fromkeys([*(output / name for name in RESULT), *inside, *places]))


def _named_by(file: Path) -> list[Path]:
    """What an earlier request names: its output folders and single input files; perhaps nothing."""
    try:
        earlier = json.loads(file.read_text(encoding="utf-8"))
        sources = [each["S3Input"]["S3Uri"] for each in earlier["ProcessingInputs"]]
        shipped = [path for path in map(local_path, sources) if path.is_file()]
        paths = [*destinations(earlier).values(), *shipped]
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return []
    return [Path(os.path.normpath(path)) for path in paths]
