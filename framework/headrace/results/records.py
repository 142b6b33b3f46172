"""Read the files that finished runs left: of one run, or of all runs of a sweep.

The files of a run are those of ``docs/files.md``. A sweep adds one: Hydra's folder of each run
holds `RUN`, a `Note` with the run's number and the location of its result or the reason why there
is none.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import starmap
from pathlib import Path

from headrace.errors import HeadraceError
from headrace.results.stored import RunRecord, UnreadableError
from headrace.results.whole_files import json_text, write_whole
from headrace.runtime.shown import masked
from headrace.runtime.spec import REPORT
from headrace.uris import path_of, uri_of

RUN = "run.json"
_MULTIRUN = "multirun.yaml"
"""A file that Hydra writes into the folder of every sweep."""
UNFINISHED = "the run ended without a word, as if it had been killed"
FAILED = 1
_KINDS = {"number": int, "overrides": list, "output": str, "failure": str, "exit_status": int}
"""Key of a note → type of its value."""
_QUOTED = re.compile(r"([\"'])([^\"']*)\1")


class RecordError(HeadraceError):
    """A folder that contains no sweep."""


@dataclass(frozen=True)
class Note:
    """A file that a run of a sweep writes into its folder at its start, to be read at the end."""

    number: int
    overrides: Sequence[str]
    output: str = ""
    """Location of the result: a path or a URI."""
    failure: str = UNFINISHED
    exit_status: int = FAILED

    def write(self, folder: Path) -> None:
        """Write the note into Hydra's folder of the run."""
        write_whole(folder / RUN, json_text(asdict(self)).encode())

    @classmethod
    def read(cls, folder: Path) -> Note | None:
        """Return a folder's note; None if it has none, or a foreign file of that name."""
        try:
            told = json.loads((folder / RUN).read_bytes())
        except (OSError, ValueError, RecursionError):
            return None
        if not isinstance(told, dict) or told.keys() != _KINDS.keys():
            return None
        if not all(isinstance(told[key], kind) for key, kind in _KINDS.items()):
            return None
        return cls(**told) if all(isinstance(each, str) for each in told["overrides"]) else None


@dataclass(frozen=True)
class SweepRun:
    """One run of a sweep, finished or not."""

    number: int
    folder: Path
    """Hydra's folder of this run."""
    settings: dict[str, str]
    """Its overrides: key → value, as `settings_of` gives them."""
    output: str
    """Location of its result: a path or a URI."""
    record: RunRecord | None
    """None if the run failed, or if the result is not on this machine."""
    failure: str = ""
    """The message on stderr, if it failed."""
    exit_status: int = 0


@dataclass(frozen=True)
class SweepRecord:
    """All runs of one multirun, by number."""

    folder: Path
    runs: tuple[SweepRun, ...]

    @property
    def swept(self) -> tuple[str, ...]:
        """Return the keys whose values are not the same in all runs."""
        return swept_keys([run.settings for run in self.runs])

    @property
    def exit_status(self) -> int:
        """Return the exit status of the first run that failed; 0 if none did."""
        return next((run.exit_status for run in self.runs if run.exit_status), 0)

    @classmethod
    def read(cls, folder: Path) -> SweepRecord:
        """Read a sweep's folder.

        Raises:
            RecordError: It holds no runs.
        """
        runs = sorted(starmap(run_of, notes(folder)), key=lambda run: run.number)
        if not runs:
            raise RecordError(f"{folder}: holds no runs of a sweep")
        return cls(folder, tuple(runs))


def swept_keys(runs: Sequence[Mapping[str, str]]) -> tuple[str, ...]:
    """Return the keys whose values are not the same in all runs.

    Args:
        runs: The settings of each.
    """
    keys = dict.fromkeys(key for run in runs for key in run)
    return tuple(key for key in keys if len({run.get(key) for run in runs}) > 1)


def forget(folder: Path) -> None:
    """Remove the notes of an earlier sweep, which are not to be taken for those of the next one."""
    for run, _ in notes(folder):
        (run / RUN).unlink()


def notes(folder: Path) -> Iterator[tuple[Path, Note]]:
    """Yield the runs of a sweep with their folders, whose names ``hydra.sweep.subdir`` gives."""
    for name, folders, files in os.walk(folder):
        run = Path(name)
        note = Note.read(run) if RUN in files else None
        if note is not None:
            yield run, note
        if note is not None or (_MULTIRUN in files and run != folder):  # another sweep's
            folders.clear()


def settings_of(overrides: Iterable[str]) -> dict[str, str]:
    """Return the settings of a run by their keys; those of secrets are masked."""
    pairs = (unquoted(override).partition("=")[::2] for override in overrides)
    return {key: masked(key, value) for key, value in pairs}


def unquoted(override: str) -> str:
    """Return an override without the quotes that make a text of its value."""
    key, equals, value = override.partition("=")
    quoted = _QUOTED.fullmatch(value)
    return f"{key}{equals}{quoted[2] if quoted else value}"


def run_of(folder: Path, note: Note) -> SweepRun:
    """Return a run of a sweep as its note tells it.

    Args:
        folder: Hydra's, of the run.
        note: Its note.
    """
    settings = settings_of(note.overrides)
    record, failure, status = None, note.failure, note.exit_status
    if note.output and path_of(uri_of(note.output)):
        try:
            record = _result(Path(note.output), folder)
        except UnreadableError as error:
            failure, status = str(error), FAILED
    return SweepRun(note.number, folder, settings, note.output, record, failure, status)


def _result(output: Path, folder: Path) -> RunRecord:
    try:
        return RunRecord.read(output)
    except UnreadableError:
        # By default a result lies beside the note, even if the sweep's folder has been moved.
        if not (folder / REPORT).exists():
            raise
        return RunRecord.read(folder)
