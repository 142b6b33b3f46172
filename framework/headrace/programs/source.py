"""The files of a user's script: which of them travel, and what is wrong with them."""

from __future__ import annotations

import hashlib
import io
import os
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from headrace.config.problems import suggest
from headrace.errors import Problem
from headrace.runtime.shown import plain, quoted
from headrace.terminal.units import size

IGNORE_FILE = ".headraceignore"
CACHE = "__pycache__"
PATH, ENTRY = "program.path", "program.entry"
MOST_BYTES = 256 << 20
EPOCH = (1980, 1, 1, 0, 0, 0)
UNIX = 3
PYTHON = ".py"


@dataclass(frozen=True)
class Source:
    """A script, alone or with the files that lie beside it."""

    entry: str = ""
    """Name of the file that starts, or its path below the folder."""
    files: dict[str, bytes] = field(default_factory=dict)
    """Path below the folder → content, sorted."""
    executable: frozenset[str] = frozenset()
    is_folder: bool = False
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Return the bytes of all files."""
        return sum(map(len, self.files.values()))

    @property
    def sha256(self) -> str:
        """Digest of the file, or of the folder's archive."""
        content = self.archive() if self.is_folder else self.files[self.entry]
        return hashlib.sha256(content).hexdigest()

    def archive(self) -> bytes:
        """Return a zip of all files: sorted, without times and owners, uncompressed.

        Uncompressed, because releases of zlib compress to different bytes.
        """
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
            for name, content in self.files.items():
                info = zipfile.ZipInfo(name, EPOCH)
                info.create_system = UNIX
                mode = 0o755 if name in self.executable else 0o644
                info.external_attr = (0o100000 | mode) << 16
                archive.writestr(info, content)
        return buffer.getvalue()


def read(path: str, entry: str | None) -> Source:
    """Read a script; never raises for what is wrong with it.

    Args:
        path: A file or a folder.
        entry: Which file of a folder starts.
    """
    place = Path(path)
    try:
        if place.is_file():
            return _single(place, entry)
        if place.is_dir():
            return _folder(place, entry)
    except OSError as error:
        shown = quoted(str(error.filename or place), 400)
        return _refused(PATH, f"cannot read {shown}: {error.strerror}")
    kind = "is neither a file nor a folder" if place.exists() else "does not exist"
    return _refused(PATH, f"{quoted(path, 400)} {kind}")


def _refused(where: str, what: str) -> Source:
    return Source(problems=(Problem(where, what),))


def _single(file: Path, entry: str | None) -> Source:
    problems = []
    if entry not in (None, file.name):
        what = f"{quoted(str(file), 400)} is a file, which starts itself; leave this out"
        problems.append(Problem(ENTRY, what))
    if not _is_utf8(file.name):
        return _refused(PATH, f"the name {file.name!r} is not UTF-8; rename it")
    content = file.read_bytes()
    problems += [Problem(PATH, what) for what in _wrong_with(file.name, content)]
    mode = {file.name} if os.access(file, os.X_OK) else set()
    return Source(file.name, {file.name: content}, frozenset(mode), problems=tuple(problems))


def _folder(folder: Path, entry: str | None) -> Source:
    rules = _Rules.of(folder)
    found = _Walk(folder.resolve(), rules)
    found.enter(folder, PurePosixPath())
    problems = [*rules.problems, *found.problems]
    total = sum(file.stat().st_size for file in found.files.values())
    if total > MOST_BYTES:
        what = (
            f"the folder holds {size(total)}, and at most {size(MOST_BYTES)} travel; name what is "
            f"not needed in {IGNORE_FILE}, or make data an input"
        )
        return Source(problems=(*problems, Problem(PATH, what)))
    files = {name: found.files[name].read_bytes() for name in sorted(found.files)}
    executable = {name for name, file in found.files.items() if os.access(file, os.X_OK)}
    start = "" if entry is None else str(PurePosixPath(entry))
    problems += _wrong_with_entry(folder, start, files)
    notes = [
        what
        for name, content in files.items()
        if name != start
        for what in _wrong_with(name, content)
    ]
    return Source(start, files, frozenset(executable), True, tuple(problems), tuple(notes))


def _wrong_with_entry(folder: Path, entry: str, files: dict[str, bytes]) -> Iterator[Problem]:
    candidates = [name for name in files if name.endswith(PYTHON)] or list(files)
    if not files:
        yield Problem(PATH, f"the folder {quoted(str(folder), 400)} holds no files that travel")
    elif not entry:
        what = "this key is required, since program.path is a folder"
        yield Problem(ENTRY, f"{what}; {suggest('main.py', candidates)}")
    elif entry not in files:
        what = f"no file {quoted(entry)} travels from {quoted(str(folder), 400)}"
        yield Problem(ENTRY, f"{what}; {suggest(entry, candidates)}")
    else:
        yield from (Problem(ENTRY, what) for what in _wrong_with(entry, files[entry]))


def _wrong_with(name: str, content: bytes) -> Iterator[str]:
    """Say why Python cannot compile a file, if it is one of Python's."""
    if not name.endswith(PYTHON):
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(content, name, "exec", dont_inherit=True)
    except SyntaxError as error:
        line = f", line {error.lineno}" if error.lineno else ""
        yield f"{plain(name)}{line}: {plain(error.msg)}"
    except ValueError as error:  # a NUL, before Python 3.12
        yield f"{plain(name)}: {plain(str(error))}"


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


@dataclass(frozen=True)
class _Rules:
    """Leave behind hidden names, `CACHE`, and what the patterns of `IGNORE_FILE` name."""

    patterns: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

    @classmethod
    def of(cls, folder: Path) -> _Rules:
        file = folder / IGNORE_FILE
        if not file.is_file():
            return cls()
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            return cls(problems=(Problem(PATH, f"{IGNORE_FILE} is not UTF-8"),))
        problems = [
            Problem(PATH, f"{IGNORE_FILE}, line {number}: a pattern cannot begin with '!'")
            for number, line in enumerate(lines, 1)
            if line.startswith("!")
        ]
        stripped = (line.strip() for line in lines)
        patterns = (line for line in stripped if line and not line.startswith(("#", "!")))
        return cls(tuple(patterns), tuple(problems))

    def leave_out(self, path: PurePosixPath, *, is_folder: bool) -> bool:
        """Return whether a file or folder stays behind, by its path below the script's folder."""
        if path.name.startswith(".") or path.name == CACHE:
            return True
        return any(_matches(pattern, path, is_folder) for pattern in self.patterns)


def _matches(pattern: str, path: PurePosixPath, is_folder: bool) -> bool:
    """Match a folder if the pattern ends in a slash, a path if it has another one, else a name."""
    if pattern.endswith("/"):
        return is_folder and _matches(pattern.rstrip("/"), path, is_folder)
    if "/" in pattern:
        return fnmatchcase(str(path), pattern.removeprefix("/"))
    return fnmatchcase(path.name, pattern)


@dataclass
class _Walk:
    """Goes through a folder and notes the files that travel."""

    base: Path
    """The folder, without links in its path."""
    rules: _Rules
    files: dict[str, Path] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def enter(self, folder: Path, below: PurePosixPath, above: Sequence[Path] = ()) -> None:
        """Look at everything in a folder; a link back to a folder above ends there."""
        real = folder.resolve()
        if real in above:
            return
        for child in sorted(folder.iterdir(), key=lambda each: os.fsencode(each.name)):
            path, is_folder = below / child.name, child.is_dir()
            if self.rules.leave_out(path, is_folder=is_folder):
                continue
            if what := self._wrong_with(child):
                self.problems.append(Problem(PATH, f"{plain(str(path))} {what}"))
            elif is_folder:
                self.enter(child, path, (*above, real))
            else:
                self.files[str(path)] = child

    def _wrong_with(self, child: Path) -> str | None:
        if not _is_utf8(child.name):
            return "has a name that is not UTF-8; rename it"
        if child.is_symlink():
            if not child.exists():
                return "is a link that leads nowhere; remove it, or name it in " + IGNORE_FILE
            if not child.resolve().is_relative_to(self.base):
                return "is a link that leads out of the folder; copy what it names into it"
        if not child.is_dir() and not child.is_file():
            return f"is neither a file nor a folder; name it in {IGNORE_FILE}"
        return None
