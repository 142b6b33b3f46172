"""What is declared is what is imported, pinned and packed."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from headrace.config.defaults import PROJECT
from headrace.runtime import VERSION
from tests import children
from tests.wheels import wheel_of_project

METADATA = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PINS = PROJECT / "requirements"
RUNTIME = {"numpy", "pyarrow", "annotated_types"}
"""All that a stock image and the entry script bring; the last travels inside the script."""
MODEL = PROJECT / "framework/headrace/runtime/evaluation/model.py"
"""The one file of the runtime that needs more, and only when a model is trained."""
PEERS = PROJECT / "benchmarks/peers.py"
"""What imports the packages of the extra `peers`, which no test needs."""
OURS = {"headrace", "transforms", "tests", "benchmarks", "examples", "tools"}
SPARK = {"py4j", "pyspark"}
"""What Spark brings where it runs; `headrace.runtime.spark` alone imports it."""


def imported(*folders: str, without: Path | None = None) -> set[str]:
    """Top-level names of all packages that the files below some folders import, except our own."""
    files = {path for folder in folders for path in (PROJECT / folder).rglob("*.py")} - {without}
    names = {name.partition(".")[0] for path in files for name in _imports(path)}
    return names - sys.stdlib_module_names - OURS


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def pins(file: str) -> dict[str, str]:
    """Name → version, files included by `-r` too."""
    found: dict[str, str] = {}
    for line in (PINS / file).read_text(encoding="utf-8").splitlines():
        if line.startswith("-r "):
            found |= pins(line.removeprefix("-r "))
        elif not line.startswith("#"):
            name, version = line.split("==")
            found[canonicalize_name(name)] = version
    return found


def wanted(extras: list[str]) -> list[Requirement]:
    optional = METADATA["optional-dependencies"]
    lines = [*METADATA["dependencies"], *(line for extra in extras for line in optional[extra])]
    return [Requirement(line) for line in lines]


def test_the_runtime_imports_only_what_every_image_has() -> None:
    assert imported("framework/headrace/runtime", "transforms", without=MODEL) <= RUNTIME | SPARK
    assert imported("framework/headrace/runtime/spark") - RUNTIME == SPARK
    needed = imported("framework/headrace/runtime") - RUNTIME - SPARK
    assert needed == {"scipy", "sklearn", "threadpoolctl"}


@pytest.mark.parametrize(
    ("folders", "extras"),
    [
        (["framework", "transforms"], ["spark", "tui"]),
        (["benchmarks"], ["bench", "spark"]),
        (["tests"], ["bench", "test", "tui"]),
        (["tools"], []),
    ],
)
def test_everything_imported_is_declared(folders: list[str], extras: list[str]) -> None:
    distributions = packages_distributions()
    declared = {canonicalize_name(requirement.name) for requirement in wanted(extras)}
    for name in imported(*folders, without=PEERS):
        known = {canonicalize_name(each) for each in distributions[name]}
        assert known & declared, f"{name} is imported but not in pyproject.toml"


@pytest.mark.parametrize(
    "file", ["run.txt", "bench.txt", "dev.txt", "docs.txt", "kernels.txt", "peers.txt"]
)
def test_pins_name_versions_and_nothing_else(file: str) -> None:
    for line in (PINS / file).read_text(encoding="utf-8").splitlines():
        assert re.fullmatch(r"# .*|-r \w+\.txt|[\w.-]+==[\w.]+", line)


@pytest.mark.parametrize(
    ("file", "extras"),
    [
        ("run.txt", []),
        ("bench.txt", ["bench"]),
        ("dev.txt", ["test", "joblib", "tui"]),
        ("peers.txt", ["bench", "peers"]),
    ],
)
def test_pins_are_within_what_is_declared(file: str, extras: list[str]) -> None:
    pinned = pins(file)
    for requirement in wanted(extras):
        assert pinned[canonicalize_name(requirement.name)] in requirement.specifier


def test_the_changelog_knows_this_version() -> None:
    changelog = (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## \[{re.escape(VERSION)}\]", changelog, re.MULTILINE)


def test_what_is_installed_fits_together() -> None:
    """The pins of dev.txt hold the extras `bench`, `joblib`, `spark` and `test`."""
    checked = children.run(
        [sys.executable, "-m", "pip", "check", "--disable-pip-version-check"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (checked.returncode, checked.stdout) == (0, "No broken requirements found.\n")


@pytest.mark.long
@pytest.mark.parametrize("extra", ["optuna"])
def test_an_extra_fits_the_rest(extra: str, tmp_path: Path) -> None:
    """Those that are not among the pins: pip resolves them with the rest, and installs nothing."""
    pip = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "-q"]
    lines = [str(requirement) for requirement in wanted([extra])]
    report = ["--report", str(tmp_path / "report.json"), "--disable-pip-version-check"]
    command = [*pip, *report, *lines]
    limit = children.INSTALL_SECONDS
    ran = children.run(command, capture_output=True, text=True, check=False, timeout=limit)
    if ran.returncode and "conflict" not in ran.stderr:
        pytest.skip(f"pip cannot reach an index that has the extra {extra}")
    assert ran.returncode == 0, ran.stderr


def shipped() -> list[Path]:
    """The files of the top-level folders that an installed headrace needs."""
    transforms, data = PROJECT / "transforms", PROJECT / "data"
    folders = [PROJECT / "conf", PROJECT / "containers"]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return [*files, *transforms.glob("*.py"), data / "avazu_sample.csv"]


def test_a_wheel_holds_the_package_and_nothing_else(tmp_path: Path) -> None:
    wheel = wheel_of_project(tmp_path)
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        described = archive.read(f"headrace-{VERSION}.dist-info/METADATA").decode()
        points = archive.read(f"headrace-{VERSION}.dist-info/entry_points.txt").decode()
    sources = PROJECT / "framework"
    ours = {path.relative_to(sources).as_posix() for path in sources.rglob("*.py")}
    data = {"headrace/targets/sagemaker/prices.json", "headrace/py.typed"}
    templates = (sources / "headrace/results/pages/templates").glob("*.*")
    data |= {path.relative_to(sources).as_posix() for path in templates}
    kernels = (sources / "headrace/runtime/kernels/c").iterdir()
    data |= {path.relative_to(sources).as_posix() for path in kernels}
    example = (sources / "headrace/cli/project").rglob("*.*")
    data |= {path.relative_to(sources).as_posix() for path in example if path.is_file()}
    data |= {f"headrace/shipped/{path.relative_to(PROJECT).as_posix()}" for path in shipped()}
    info = {name for name in names if name.startswith(f"headrace-{VERSION}.dist-info/")}
    assert names - info == ours | data
    assert points == "[console_scripts]\nheadrace = headrace.cli.console:main\n"
    assert f"\nVersion: {VERSION}\n" in described
    assert any(name.endswith("/LICENSE") for name in info)
