"""Say whether the end state of a run is one that headrace promises (docs/reliability.md)."""

from __future__ import annotations

import hashlib
import json
import signal
import stat
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from tests.faults.runs import End, Place

MANIFEST = "report/manifest.json"
TRANSIENT = ".headrace"
PAGE = "report/report.html"
"""Made at last; a result is whole without it (docs/pages.md), but a run says that it is missing."""
HYDRAS = ".hydra"
"""Hydra's own record of a run, where its run folder is that of the result."""
DIFFERS = frozenset({"request.json", "entry.pyz", "plan.json", "timings.json", "report.html"})
"""Files whose bytes depend on time and place. They must be whole; all others must be the same."""


class State(Enum):
    """What lies where the result goes, the user's own files aside."""

    NOTHING = "nothing"
    EARLIER = "the earlier result, whole"
    RESULT = "the result, whole and right"
    BROKEN = "something else"


@dataclass(frozen=True)
class Stored:
    """A whole result (or plan): relative path → SHA-256, or '' for `DIFFERS`."""

    files: dict[str, str]

    @classmethod
    def of(cls, folder: Path) -> Stored:
        """What lies in a folder.

        Raises:
            ValueError: A file that is there is not whole.
        """
        return cls({name: _sha256(folder / name, name) for name in _names(folder)})

    def without(self, name: str) -> Stored:
        """The same but for one file."""
        return Stored({each: sha256 for each, sha256 in self.files.items() if each != name})


@dataclass(frozen=True)
class Expected:
    """What may be there.

    Attributes:
        result: What a run without faults leaves.
        own: The user's files: relative path → content.
        earlier: What lay there before.
    """

    result: Stored
    own: Mapping[str, bytes]
    earlier: Stored | None = None


@dataclass(frozen=True)
class Trial:
    """What was done to a run, as far as its end depends on it.

    Attributes:
        statuses: Exit statuses that it may have.
        says: Texts of which stderr must have one, unless the status is 0.
        may_leave: Whether it may leave what only the next run can put in order.
        follows_a_kill: Whether the run before was killed, perhaps when its result was whole.
    """

    statuses: tuple[int, ...] = (0,)
    says: tuple[str, ...] = ()
    may_leave: bool = False
    follows_a_kill: bool = False


UNHARMED = Trial()


def judge(end: End, place: Place, expected: Expected, trial: Trial) -> tuple[State, list[str]]:
    """Return what lies there after a run, and what is wrong with its end: nothing, if it is right.

    Args:
        end: Of the run.
        place: Where it worked.
        expected: What may lie there.
        trial: What was done to it.
    """
    state, why = look(place.output, expected)
    was_killed = end.status == -signal.SIGKILL
    wrong = list(_lost(place.output, expected.own))
    if end.left:
        wrong.append(f"processes {end.left} are alive")
    if end.status not in trial.statuses:
        wrong.append(f"its exit status is {end.status}, not one of {trial.statuses}")
    if "Traceback" in end.err and not was_killed:
        wrong.append("it shows a traceback")
    if end.status > 0 and not any(text in end.err for text in trial.says or ("",)):
        wrong.append(f"stderr says nothing of {trial.says}")
    if end.status == 0 and PAGE in expected.result.files and not (place.output / PAGE).exists():
        wrong += [] if "was not made" in end.err else ["it does not say that the page is missing"]
    if end.status > 0 and not end.err.strip():
        wrong.append("it does not say why it failed")
    if was_killed:
        return state, wrong
    left = leftovers(place)
    if trial.follows_a_kill and left == [place.output.name]:
        left = []  # the killed run made the folder; nobody can tell that it was not the user
    if left and not trial.may_leave:
        wrong.append(f"it leaves {', '.join(left)}")
    if state not in _states(end.status, expected, trial) and not (trial.may_leave and left):
        wrong.append(f"with status {end.status} it leaves {state.value} {why}")
    return state, wrong


def look(output: Path, expected: Expected) -> tuple[State, str]:
    """What lies there, and if that is nothing promised, why not."""
    own = set(expected.own)
    names = [name for name in _names(output) if name not in own]
    if not names:
        return State.NOTHING, ""
    try:
        found = Stored({name: _sha256(output / name, name) for name in names})
        if MANIFEST in names:
            _check_manifest(output)
    except (ValueError, OSError) as error:
        return State.BROKEN, f"({error})"
    if found in (expected.result, expected.result.without(PAGE)):
        return State.RESULT, ""
    if found == expected.earlier:
        return State.EARLIER, ""
    return State.BROKEN, f"({_difference(found, expected.result)})"


def leftovers(place: Place) -> list[str]:
    """What a run that has ended must have removed: scratch, and folders that hold nothing."""
    hidden = [path for path in place.output.rglob(".*") if path.name not in (".keep", HYDRAS)]
    folders = [path for path in (place.output, *place.output.rglob("*")) if path.is_dir()]
    empty = [path for path in folders if not path.is_symlink() and not any(path.iterdir())]
    found = {*hidden, *empty, *place.temporary.iterdir()} - {place.output / HYDRAS}
    return sorted(str(path.relative_to(place.disk)) for path in found)


def _states(status: int, expected: Expected, trial: Trial) -> Iterable[State]:
    before = State.NOTHING if expected.earlier is None else State.EARLIER
    if status == 0:
        return (State.RESULT,)
    # A signal may come when all has been done, and before the process has ended.
    return (before, State.RESULT) if status == 130 or trial.follows_a_kill else (before,)


def _lost(output: Path, own: Mapping[str, bytes]) -> Iterable[str]:
    for name, content in own.items():
        try:
            if (output / name).read_bytes() != content:
                yield f"the user's own {name} is changed"
        except OSError:
            yield f"the user's own {name} is lost"


def _names(folder: Path) -> list[str]:
    paths = (path for path in sorted(folder.rglob("*")) if not path.is_dir() or path.is_symlink())
    names = [str(path.relative_to(folder)) for path in paths]
    return [name for name in names if not name.startswith((f"{TRANSIENT}/", f"{HYDRAS}/"))]


def _sha256(file: Path, name: str) -> str:
    if not stat.S_ISREG(file.lstat().st_mode):
        raise ValueError(f"{name} is no file")
    content = file.read_bytes()
    if file.name not in DIFFERS:
        return hashlib.sha256(content).hexdigest()
    if not _is_whole(file, content):
        raise ValueError(f"{name} is not whole")
    return ""


def _is_whole(file: Path, content: bytes) -> bool:
    if file.suffix == ".json":
        return isinstance(json.loads(content), dict)
    if file.suffix == ".html":
        return content.rstrip().endswith(b"</html>")
    try:
        with zipfile.ZipFile(file) as archive:
            return archive.testzip() is None
    except zipfile.BadZipFile:
        return False


def _check_manifest(output: Path) -> None:
    """Hold a manifest against the files that it lists, and against its own digest.

    Raises:
        ValueError: It tells something else than what is there.
    """
    manifest = json.loads((output / MANIFEST).read_bytes())
    for channel in manifest["channels"].values():
        for part in channel["parts"]:
            if hashlib.sha256((output / part["file"]).read_bytes()).hexdigest() != part["sha256"]:
                raise ValueError(f"{part['file']} is not what the manifest says")
    listed = [name for name in manifest.get("files", ()) if name != PAGE]
    missing = [name for name in listed if not (output / name).is_file()]
    if missing:
        raise ValueError(f"the manifest lists what is not there: {', '.join(missing)}")
    if "sha256" in manifest and manifest["sha256"] != _own_digest(manifest):
        raise ValueError("the manifest's digest of itself is wrong")


def _own_digest(manifest: dict[str, Any]) -> str:
    rest = {key: value for key, value in manifest.items() if key != "sha256"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _difference(found: Stored, wanted: Stored) -> str:
    missing = sorted(wanted.files.keys() - found.files.keys())
    foreign = sorted(found.files.keys() - wanted.files.keys())
    both = found.files.keys() & wanted.files.keys()
    changed = sorted(name for name in both if found.files[name] != wanted.files[name])
    parts = {"missing": missing, "foreign": foreign, "changed": changed}
    return "; ".join(f"{what}: {', '.join(names)}" for what, names in parts.items() if names)
