"""Packages that an image lacks, found and fetched as wheels, to travel with the job.

pip downloads them, with the user's own index, proxy and credentials. It judges environment markers
(``; python_version < "3.12"``) by the Python that it runs in, whatever ``--python-version`` says.
So what it fetched is gone through once more, with the markers of the Python that the wheels are
for: what is missing is asked for, what is not needed stays behind. This alone is left of pip's
view: a constraint that holds for this machine's Python counts for the other one as well, which may
choose an older release, or find none.
"""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from email.parser import BytesParser
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

from headrace.config.checks import REQUIREMENTS
from headrace.errors import ConfigError, JobFailed, Problem
from headrace.images.wheels import LAST_LINES, fitting, pip_download, platforms_of
from headrace.job.job import Wheels

MACHINE = "x86_64"
"""No instance type of SageMaker Processing has another processor."""
GLIBC = 28
"""What wheels may need of glibc. AWS's images whose Python is new enough have a newer one:
2.34 on Amazon Linux 2023, 2.31 or more on Ubuntu."""
ROUNDS = 10
NO_SUCH = "ERROR: No matching distribution found for "
CLASH = "ERROR: Cannot install "


@dataclass(frozen=True)
class Place:
    """A Python that wheels are for."""

    name: str
    markers: Mapping[str, str]
    """What environment markers are judged by."""
    arguments: tuple[str, ...] = ()
    """What tells pip."""
    has_ours: bool = False
    """Whether the packages that are installed here are there, too."""

    def has(self, requirement: Requirement, *, any_version: bool = False) -> bool:
        """Whether a package is there already."""
        try:
            found = version(requirement.name) if self.has_ours else None
        except PackageNotFoundError:
            return False
        if found is None:
            return False
        return any_version or requirement.specifier.contains(found, prereleases=True)

    def wants(self, requirement: Requirement, extras: Iterable[str] = ()) -> bool:
        """Whether a requirement counts there, for a package with some of its extras."""
        marker = requirement.marker
        chosen = [*extras] or [""]
        return marker is None or any(
            marker.evaluate({**self.markers, "extra": extra}) for extra in chosen
        )


def wheels_for(requirements: tuple[str, ...], python: str | None) -> Wheels:
    """Return the wheels of requirements and of what they need, for wherever the job runs.

    On this machine a job uses this machine's packages, whatever their versions, and only what is
    missing is fetched. The same requirements are resolved once in a process.

    Args:
        requirements: As pip takes them.
        python: Version of the image's Python, as in ``3.12``; None for this machine's.

    Returns:
        They, in the order of their names.

    Raises:
        ConfigError: There are no wheels that fit, or not together.
        JobFailed: pip is not here, or cannot reach its index.
    """
    return _resolved(requirements, python) if requirements else {}


@cache
def _resolved(requirements: tuple[str, ...], python: str | None) -> Wheels:
    place = _here() if python is None else _image(python)
    wanted = [
        _without_marker(each)
        for each in map(Requirement, requirements)
        if place.wants(each) and not place.has(each, any_version=True)
    ]
    for _ in range(ROUNDS if wanted else 0):
        with tempfile.TemporaryDirectory(prefix="headrace-wheels-") as folder:
            _download(wanted, place, Path(folder))
            look = _Look(_wheels_in(Path(folder)), place)
            look.follow(wanted)
            if not look.missing:
                return {file.name: file.read_bytes() for file in sorted(look.needed)}
        wanted += look.missing
    if wanted:
        raise JobFailed(f"pip finds no set of packages for {place.name} in {ROUNDS} attempts")
    return {}


def _here() -> Place:
    markers = {key: str(value) for key, value in default_environment().items()}
    return Place("this machine's Python", markers, has_ours=True)


def _image(python: str) -> Place:
    """An image of AWS's, or one like them."""
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
    return Place(name, markers, tuple(fitting(python, platforms_of(MACHINE, GLIBC))))


@dataclass(frozen=True)
class _Wheel:
    """A file that pip fetched, and what it needs."""

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
class _Look:
    """Goes from requirement to requirement through what has been fetched."""

    wheels: Mapping[str, _Wheel]
    place: Place
    needed: set[Path] = field(default_factory=set)
    missing: list[Requirement] = field(default_factory=list)
    _seen: set[tuple[Path, frozenset[str]]] = field(default_factory=set)

    def follow(self, requirements: Iterable[Requirement]) -> None:
        for each in requirements:
            wheel = self.wheels.get(canonicalize_name(each.name))
            if wheel is None or not each.specifier.contains(wheel.version, prereleases=True):
                self.missing.append(_without_marker(each))
            else:
                self._enter(wheel, frozenset(each.extras))

    def _enter(self, wheel: _Wheel, extras: frozenset[str]) -> None:
        if (wheel.file, extras) in self._seen:
            return
        self._seen.add((wheel.file, extras))
        self.needed.add(wheel.file)
        wanted = (each for each in wheel.requires if self.place.wants(each, extras))
        self.follow(each for each in wanted if not self.place.has(each))


def _download(wanted: Sequence[Requirement], place: Place, folder: Path) -> None:
    arguments = [*place.arguments, *dict.fromkeys(map(str, wanted))]
    said = pip_download(arguments, folder, f"fetching packages for {place.name}")
    if not said:
        return
    is_reached = not any("connection" in line for line in said if line.startswith("WARNING"))
    for line in said if is_reached else ():
        if line.startswith(NO_SUCH):
            what = f"pip finds no wheel of {line.removeprefix(NO_SUCH)!r} for {place.name}"
            advice = "choose another version, or install it where the job runs"
            raise ConfigError([Problem(REQUIREMENTS, f"{what}; {advice}")])
        if line.startswith(CLASH):
            what = line.removeprefix(CLASH).rstrip(".")
            raise ConfigError(
                [Problem(REQUIREMENTS, f"for {place.name} pip cannot install {what}")]
            )
    what = f"pip cannot fetch the packages of {REQUIREMENTS} for {place.name}"
    raise JobFailed("\n".join([*said[-LAST_LINES:], what]))


def _without_marker(requirement: Requirement) -> Requirement:
    """The same wherever it is read: its marker has been judged already."""
    bare = Requirement(str(requirement))
    bare.marker = None
    return bare
