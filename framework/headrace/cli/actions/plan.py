"""``action=plan``: compiles and checks the job, writes down what would be sent, runs nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from headrace import targets
from headrace.config import defaults
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
    from headrace.job.job import Job
    from headrace.prepare import Ready

NAME_WIDTH = len("request  ")
IMAGES_OWN = ("the", "image's", "own", "entrypoint")


def perform(plan: Plan) -> None:
    """Write ``request.json`` and the files that the job ships, and show the mapping."""
    ready = prepare(plan, dry=True)
    print("\n".join(_described(ready.job, plan)))
    for line in targets.find(ready.config).estimate(ready.config, ready.data):
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
        ("starts", " ".join(job.view.entrypoint or IMAGES_OWN)),
        ("chain", " → ".join(_step(step.label, step.name) for step in plan.chain)),
        *_packages(job),
    ]


def _described(job: Job, plan: Plan) -> Iterator[str]:
    yield from aligned(mapping_rows(job))
    yield ""
    yield from listed(facts(job, plan), NAME_WIDTH)


def _step(label: str, name: str) -> str:
    return name if label == name else f"{label} ({name})"


def _packages(job: Job) -> Iterator[tuple[str, str]]:
    if wheels := sorted(job.spec.packages):
        total = sum(len(job.files[f"{PACKAGES}/{wheel}"]) for wheel in wheels)
        yield ("packages", f"{', '.join(wheels)} ({size(total)})")


def _inputs(job: Job) -> Iterator[tuple[str, str, str, str]]:
    for each in job.view.inputs:
        yield ("input", each.name, each.uri, each.container_path)


def _outputs(job: Job) -> Iterator[tuple[str, str, str, str]]:
    for each in job.view.outputs:
        yield ("output", each.name, each.container_path, each.uri)
