"""``action=plan``: compiles and checks the job, writes down what would be sent, runs nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from framework import defaults
from framework.actions.preparation import prepare
from framework.errors import ConfigError, JobFailed, Problem
from framework.output_folder import WHERE, OccupiedError, replaceable, shown
from framework.result_files import MANIFEST, RECEIPT, REQUEST, receipt
from framework.runtime.spec import PACKAGES
from framework.table import aligned, listed
from framework.targets.interrupts import Interrupts
from framework.targets.moves import Replacement
from framework.targets.scratch import scratch
from framework.units import size
from framework.uris import path_of, uri_of
from framework.whole_files import json_text, write_whole

if TYPE_CHECKING:
    from framework.actions.preparation import Ready
    from framework.compose import Plan
    from framework.job import Job

NAME_WIDTH = len("request  ")
IMAGES_OWN = ("the", "image's", "own", "entrypoint")


def perform(plan: Plan) -> None:
    """Writes ``request.json`` and the files that the job ships, and shows the mapping."""
    ready = prepare(plan, dry=True)
    print("\n".join(_described(ready.job, plan)))
    for line in _estimated(ready):
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
    """Where the request goes: to the result's own place, unless that is on S3."""
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


def _estimated(ready: Ready) -> Iterator[str]:
    if ready.config.target.name == "aws":
        from framework.aws.estimate import estimate_lines

        yield from estimate_lines(ready.config, ready.data)


def mapping_rows(job: Job) -> list[tuple[str, str, str, str]]:
    """The rows of a table of what lies where, its header first."""
    return [("", "name", "from", "to"), *_inputs(job), *_outputs(job)]


def facts(job: Job, plan: Plan) -> list[tuple[str, str]]:
    """What else there is to know of a job: name and value."""
    application = job.request["AppSpecification"]
    return [
        ("job", job.name),
        ("image", application["ImageUri"]),
        ("starts", " ".join(application.get("ContainerEntrypoint", IMAGES_OWN))),
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
    for entry in job.request["ProcessingInputs"]:
        source = entry["S3Input"]
        yield ("input", entry["InputName"], source["S3Uri"], source["LocalPath"])


def _outputs(job: Job) -> Iterator[tuple[str, str, str, str]]:
    for entry in job.request["ProcessingOutputConfig"]["Outputs"]:
        place = entry["S3Output"]
        yield ("output", entry["OutputName"], place["LocalPath"], place["S3Uri"])
