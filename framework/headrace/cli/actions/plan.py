"""``action=plan``: compiles and checks the job, writes down what would be sent, runs nothing."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from headrace import targets
from headrace.config import defaults
from headrace.config.learned import steps_for_new_rows
from headrace.errors import ConfigError, JobFailed, Problem
from headrace.prepare import prepare
from headrace.results.destination import WHERE, OccupiedError, replaceable, shown
from headrace.results.layout import MANIFEST, RECEIPT, REQUEST, receipt
from headrace.results.whole_files import json_text, write_whole
from headrace.runtime.spec import PACKAGES
from headrace.targets.local.moves import Replacement
from headrace.targets.local.scratch import scratch
from headrace.targets.shutdown.interrupts import Interrupts
from headrace.terminal.tables import aligned, listed
from headrace.terminal.units import size
from headrace.uris import path_of, uri_of

if TYPE_CHECKING:
    from headrace.config.compose import Plan
    from headrace.job.job import Job, Program
    from headrace.prepare import Ready

NAME_WIDTH = len("request  ")
IMAGES_OWN = "the image's own entrypoint"


def perform(plan: Plan) -> None:
    """Write ``request.json`` and the files that the job ships, and show the mapping."""
    ready = prepare(plan, dry=True)
    print("\n".join(_described(ready.job, plan)))
    for line in targets.find(ready.config).estimate(ready.config, ready.inputs):
        print(line)
    for note in ready.notes:
        print(f"note     {note}")
    folder = _folder(ready)
    if _write(ready.job, folder):
        print(f"request  {folder / REQUEST}")
    else:
        print(
            f"note     no request is written: {shown(folder)} holds a result, which a plan leaves"
        )


def _folder(ready: Ready) -> Path:
    """Return where the request goes: to the result's own place, unless that is on S3."""
    return path_of(uri_of(ready.config.output.path)) or Path(defaults.run_folder())


def _write(job: Job, folder: Path) -> bool:
    """Write the request and the files; of a result that is there, leave all as it is.

    Returns:
        Whether they were written.

    Raises:
        ConfigError: They cannot be.
    """
    contents = {**job.files, REQUEST: json_text(job.request).encode()}
    contents[RECEIPT] = receipt(job.name, contents)
    try:
        with Interrupts().caught() as interrupts, scratch(str(folder), job.name) as root:
            # Whether Hydra's own records may be there has been judged before.
            old = replaceable(folder, overwrite=True, is_run_folder=True)
            if MANIFEST in old:
                return False
            for name, content in contents.items():
                write_whole(root / name, content)
            files = {name: root / name for name in contents}
            Replacement.of(folder, root.parent, old, files).carry_out(interrupts.check)
            return True
    except (JobFailed, OccupiedError) as exc:
        raise ConfigError([Problem(WHERE, str(exc))]) from exc
    except OSError as exc:
        what = f"cannot write in {shown(folder)}: {exc.strerror}"
        raise ConfigError([Problem(WHERE, what)]) from exc


def mapping_rows(job: Job) -> list[tuple[str, str, str, str]]:
    """Return the rows of a table of what lies where, its header first."""
    return [("", "name", "from", "to"), *_inputs(job), *_outputs(job)]


def facts(job: Job, plan: Plan) -> list[tuple[str, str]]:
    """Return what else there is to know of a job: name and value."""
    return [
        ("job", job.name),
        ("image", job.view.image),
        ("starts", _command(job)),
        *_program(job.program, plan),
        *_packages(job),
    ]


def _command(job: Job) -> str:
    """Return the command as a shell would take it; a chain takes no arguments."""
    arguments = job.view.arguments if job.program.spec is None else ()
    command = shlex.join(job.view.entrypoint) or IMAGES_OWN
    return f"{command} {shlex.join(arguments)}".rstrip()


def _program(program: Program, plan: Plan) -> Iterator[tuple[str, str]]:
    if program.spec is not None:
        learned, steps = plan.learned, plan.chain
        if learned is not None:
            steps = tuple(steps_for_new_rows(steps).values())
        yield ("chain", " → ".join(_step(step.label, step.name) for step in steps))
        if learned is not None:
            yield ("learned", f"by {learned.run}")
    elif program.path:
        yield ("program", program.path)
        yield ("entry", program.entry)
        if program.sha256:
            yield ("digest", f"SHA-256 {program.sha256}, {size(program.size)}")


def _described(job: Job, plan: Plan) -> Iterator[str]:
    if len(rows := mapping_rows(job)) > 1:
        yield from aligned(rows)
        yield ""
    yield from listed(facts(job, plan), NAME_WIDTH)


def _step(label: str, name: str) -> str:
    return name if label == name else f"{label} ({name})"


def _packages(job: Job) -> Iterator[tuple[str, str]]:
    wheels = job.program.packages
    if not wheels:
        return
    names, total = sorted(wheels), sum(len(job.files[f"{PACKAGES}/{wheel}"]) for wheel in wheels)
    if job.program.spec is not None:  # the entry script has the digests
        yield ("packages", f"{', '.join(names)} ({size(total)})")
    else:
        lines = (f"{name}, SHA-256 {wheels[name]}" for name in names)
        yield ("packages", "\n".join([size(total), *lines]))


def _inputs(job: Job) -> Iterator[tuple[str, str, str, str]]:
    for each in job.view.inputs:
        yield ("input", each.name, each.uri, each.container_path)


def _outputs(job: Job) -> Iterator[tuple[str, str, str, str]]:
    for each in job.view.outputs:
        yield ("output", each.name, each.container_path, each.uri)
