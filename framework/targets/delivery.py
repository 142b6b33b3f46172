"""From the hosts' output folders to the places that the request names: all of it or nothing.

A result for S3 is put together in the scratch root, just as it would be anywhere else on this
machine, and then published.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from framework import host_reports
from framework.errors import JobFailed
from framework.job import Job
from framework.runtime.spec import under
from framework.targets.earlier import MANIFEST, REQUEST, RESULT, earlier, packages_in
from framework.targets.interrupts import Interrupts
from framework.targets.moves import Moves
from framework.targets.publication import publish
from framework.targets.sandbox import Host, Sandbox, outputs
from framework.uris import path_of
from framework.whole_files import json_text, write_whole


def deliver(
    job: Job, sandbox: Sandbox, hosts: Sequence[Host], overwrite: bool, interrupts: Interrupts
) -> dict[str, Any]:
    """Bring the result to its place, the manifest last of all.

    Args:
        job: Which has been run.
        sandbox: Holds the files that ship with the job.
        hosts: Hold the outputs.
        overwrite: Whether an earlier result is replaced. If anything fails, it comes back; for what
            happens on S3 see `framework.targets.publication`.
        interrupts: Obeyed between two moves.

    Returns:
        The manifest; nothing if the entrypoint writes none.

    Raises:
        JobFailed: Two hosts wrote the same file, or S3 does not take one.
        OSError: The disk said no; everything is as it was before.
    """
    places = {name: sandbox.outputs.place(uri) for name, _, uri in outputs(job.request)}
    _move(job, sandbox, hosts, places, overwrite, interrupts)
    if sandbox.is_for_s3:
        key = job.request["ProcessingOutputConfig"].get("KmsKeyId")
        publish(sandbox.outputs, sandbox.output, overwrite, key, interrupts.check)
    return delivered(job, sandbox, MANIFEST)


def delivered(job: Job, sandbox: Sandbox, name: str) -> dict[str, Any]:
    """What a JSON file of the report says, once it is in its place; nothing if there is none."""
    files = [sandbox.outputs.place(uri) / name for _, _, uri in outputs(job.request)]
    return next((_read(file) for file in files if file.exists()), {})


def _move(
    job: Job,
    sandbox: Sandbox,
    hosts: Sequence[Host],
    places: dict[str, Path],
    overwrite: bool,
    interrupts: Interrupts,
) -> None:
    ready = [(_gathered(job, sandbox, hosts, name), places[name]) for name in places]
    ready.sort(key=lambda pair: (pair[0] / MANIFEST).exists())
    output = sandbox.outputs.place(sandbox.output)
    staged = [path for path in sandbox.files.rglob("*") if path.is_file()]
    files = [(path, output / path.relative_to(sandbox.files)) for path in staged]
    with Moves(job.name, interrupts).together() as moves:
        if overwrite:
            for old in _earlier_result(output, places.values()):
                moves.set_aside(old)
        for old in packages_in(output):
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
    _merge_reports(together, list(folders))
    return together


def _merge_reports(together: Path, hosts: Sequence[str]) -> None:
    """Make one report of those that the hosts wrote, each in a folder of its name."""
    for name, content in host_reports.merged(hosts, lambda name: _bytes(together / name)).items():
        write_whole(together / name, json_text(content).encode())


def _bytes(file: Path) -> bytes | None:
    return file.read_bytes() if file.exists() else None


def _earlier_result(output: Path, places: Iterable[Path]) -> list[Path]:
    """What an earlier job left where the result goes, its manifest's folder first."""
    named = [Path(os.path.normpath(path)) for path in _named_by(output / REQUEST)]
    inside = [path for path in named if path != output and path.is_relative_to(output)]
    return list(dict.fromkeys([*(output / name for name in RESULT), *inside, *places]))


def _named_by(file: Path) -> Iterator[Path]:
    """What an earlier request names here: its output folders and single input files."""
    try:
        request = file.read_bytes()
    except OSError:
        return
    named = earlier(request)
    yield from filter(None, map(path_of, named.outputs))
    yield from (path for path in filter(None, map(path_of, named.inputs)) if path.is_file())


def _read(file: Path) -> dict[str, Any]:
    return dict(json.loads(file.read_text(encoding="utf-8")))
