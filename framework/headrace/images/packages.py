"""Packages that an image lacks, found and fetched as wheels, to travel with the job.

pip downloads them, with the user's own index, proxy and credentials. It judges environment markers
(``; python_version < "3.12"``) by the Python that it runs in, whatever ``--python-version`` says.
So the fetched wheels are checked once more, with the markers of the Python that they are for:
missing ones are fetched, unneeded ones are left out. One limit remains: a constraint that holds for
this machine's Python counts for the other one as well, which may choose an older release, or find
none.
"""

from __future__ import annotations

import sys
import tempfile
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from email.parser import BytesParser
from functools import cache
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

from headrace.config.checks import REQUIREMENTS
from headrace.errors import ConfigError, JobFailed, Problem
from headrace.images.kept_wheels import keep, kept
from headrace.images.wheels import LAST_LINES, fitting, pip_download, platforms_of
from headrace.job.job import Wheels

MACHINE = "x86_64"
"""No instance type of SageMaker Processing has another processor."""
GLIBC = 28
"""Wheels may need glibc 2.28 at most. AWS's images whose Python is new enough have a newer one:
2.34 on Amazon Linux 2023, 2.31 or more on Ubuntu."""
ROUNDS = 10
NO_SUCH = "ERROR: No matching distribution found for "
CLASH = "ERROR: Cannot install "


@dataclass(frozen=True)
class _Interpreter:
    """The Python that wheels are for."""

    name: str
    markers: Mapping[str, str]
    """The values of its environment markers."""
    arguments: tuple[str, ...] = ()
    """Arguments of pip that name it."""
    has_ours: bool = False
    """True if it has the packages that are installed here."""

    def has(self, requirement: Requirement, *, any_version: bool = False) -> bool:
        """Return whether a package is installed already."""
        try:
            found = version(requirement.name) if self.has_ours else None
        except PackageNotFoundError:
            return False
        if found is None:
            return False
        return any_version or requirement.specifier.contains(found, prereleases=True)

    def wants(self, requirement: Requirement, extras: Iterable[str] = ()) -> bool:
        """Return whether a requirement of a package counts, given the chosen extras."""
        marker = requirement.marker
        chosen = [*extras] or [""]
        return marker is None or any(
            marker.evaluate({**self.markers, "extra": extra}) for extra in chosen
        )


def wheels_for(
    requirements: tuple[str, ...], python: str | None, *, any_version: bool = True
) -> Wheels:
    """Return the wheels of requirements and of their dependencies.

    On this machine the chain uses the installed packages, whatever their versions, and only missing
    ones are fetched; a program of the user's own gets the versions that it asks for. The same
    requirements are resolved once in a process.

    Args:
        requirements: Requirements in pip's syntax.
        python: Version of the image's Python, as in ``3.12``; None for this machine's.
        any_version: Accept an installed package whatever its version.

    Returns:
        The wheels, in the order of their names.

    Raises:
        ConfigError: There are no wheels that fit, or not together.
        JobFailed: pip is not here, or cannot reach its index.
    """
    return _resolved(requirements, python, any_version) if requirements else {}


@cache
def _resolved(requirements: tuple[str, ...], python: str | None, any_version: bool) -> Wheels:
    interpreter = _here() if python is None else _image(python)
    wanted = [
        _without_marker(requirement)
        for requirement in map(Requirement, requirements)
        if interpreter.wants(requirement)
        and not interpreter.has(requirement, any_version=any_version)
    ]
    for_whom = (*interpreter.arguments, *(_installed() if interpreter.has_ours else ()))
    if wanted and (known := kept(requirements, for_whom)) is not None:
        return known
    for _ in range(ROUNDS if wanted else 0):
        with tempfile.TemporaryDirectory(prefix="headrace-wheels-") as folder:
            _download(wanted, interpreter, Path(folder))
            search = _Search(_wheels_in(Path(folder)), interpreter)
            search.follow(wanted)
            if not search.missing:
                wheels = {file.name: file.read_bytes() for file in sorted(search.needed)}
                keep(requirements, for_whom, wheels)
                return wheels
        wanted += search.missing
    if wanted:
        raise JobFailed(f"pip finds no set of packages for {interpreter.name} in {ROUNDS} attempts")
    return {}


def _installed() -> list[str]:
    """Return this machine's Python and its packages, on which it depends what has to be fetched."""
    found = {f"{each.metadata['Name']}=={each.version}" for each in distributions()}
    return [sys.version, *sorted(found)]


def _here() -> _Interpreter:
    markers = {key: str(value) for key, value in default_environment().items()}
    return _Interpreter("this machine's Python", markers, has_ours=True)


def _image(python: str) -> _Interpreter:
    """Return the Python of an image of AWS's, or of one like them."""
    markers = {
        "implementation_name": "cpython",
        "implementation_version": f"{python}.0",
        "os_name": "posix",
        "platform_machine": MACHINE,
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": f"{python}.0",
        "python_version": python,
        "sys_platform": "linux",
    }
    name = f"Python {python} on Linux ({MACHINE}, glibc 2.{GLIBC})"
    return _Interpreter(name, markers, tuple(fitting(python, platforms_of(MACHINE, GLIBC))))


@dataclass(frozen=True)
class _Wheel:
    """A wheel that pip fetched, and its requirements."""

    file: Path
    version: str
    requires: tuple[Requirement, ...]


def _wheels_in(folder: Path) -> dict[str, _Wheel]:
    wheels = {}
    for file in folder.glob("*.whl"):
        name, found, _, _ = parse_wheel_filename(file.name)
        wheels[str(name)] = _Wheel(file, str(found), _requires(file))
    return wheels


def _requires(wheel: Path) -> tuple[Requirement, ...]:
    with zipfile.ZipFile(wheel) as archive:
        names = (name for name in archive.namelist() if name.count("/") == 1)
        metadata = next(name for name in names if name.endswith(".dist-info/METADATA"))
        parsed = BytesParser().parsebytes(archive.read(metadata), headersonly=True)
    return tuple(Requirement(str(each)) for each in parsed.get_all("Requires-Dist", []))


@dataclass
class _Search:
    """Follows requirements through the fetched wheels."""

    wheels: Mapping[str, _Wheel]
    interpreter: _Interpreter
    needed: set[Path] = field(default_factory=set)
    missing: list[Requirement] = field(default_factory=list)
    _seen: set[tuple[Path, frozenset[str]]] = field(default_factory=set)

    def follow(self, requirements: Iterable[Requirement]) -> None:
        for wanted in requirements:
            wheel = self.wheels.get(canonicalize_name(wanted.name))
            if wheel is None or not wanted.specifier.contains(wheel.version, prereleases=True):
                self.missing.append(_without_marker(wanted))
            else:
                self._enter(wheel, frozenset(wanted.extras))

    def _enter(self, wheel: _Wheel, extras: frozenset[str]) -> None:
        if (wheel.file, extras) in self._seen:
            return
        self._seen.add((wheel.file, extras))
        self.needed.add(wheel.file)
        wanted = (each for each in wheel.requires if self.interpreter.wants(each, extras))
        self.follow(each for each in wanted if not self.interpreter.has(each))


def _download(wanted: Sequence[Requirement], interpreter: _Interpreter, folder: Path) -> None:
    arguments = [*interpreter.arguments, *dict.fromkeys(map(str, wanted))]
    said = pip_download(arguments, folder, f"fetching packages for {interpreter.name}")
    if not said:
        return
    is_reached = not any("connection" in line for line in said if line.startswith("WARNING"))
    for line in said if is_reached else ():
        if line.startswith(NO_SUCH):
            what = f"pip finds no wheel of {line.removeprefix(NO_SUCH)!r} for {interpreter.name}"
            advice = "choose another version, or install it where the job runs"
            raise ConfigError([Problem(REQUIREMENTS, f"{what}; {advice}")])
        if line.startswith(CLASH):
            what = line.removeprefix(CLASH).rstrip(".")
            raise ConfigError(
                [Problem(REQUIREMENTS, f"for {interpreter.name} pip cannot install {what}")]
            )
    what = f"pip cannot fetch the packages of {REQUIREMENTS} for {interpreter.name}"
    raise JobFailed("\n".join([*said[-LAST_LINES:], what]))


def _without_marker(requirement: Requirement) -> Requirement:
    """Return a requirement without its marker, which has been evaluated already."""
    bare = Requirement(str(requirement))
    bare.marker = None
    return bare
