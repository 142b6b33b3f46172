"""What an installed headrace does, far from any checkout: a wheel, a project, own transforms."""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from headrace.runtime import VERSION
from tests import children
from tests.wheels import wheel_of_project

pytestmark = pytest.mark.slow
Completed = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def bin_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the commands of a virtual environment are in which pip has installed the wheel.

    The packages of this environment are seen through a .pth file; nothing is downloaded.
    """
    root = tmp_path_factory.mktemp("installed")
    venv.create(root / "v", with_pip=False)
    here = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    [site] = (root / "v").glob("lib/python*/site-packages")
    (site / "outer.pth").write_text("\n".join(sorted(here)))
    commands = root / "v" / "bin"
    children.run(
        [str(commands / "python"), "-m", "pip", "install", "-q", "--no-index", "--no-deps",
         "--ignore-installed", str(wheel_of_project(root))],
        check=True, capture_output=True,
    )  # fmt: skip
    return commands


@pytest.fixture(scope="module")
def project(bin_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    parent = tmp_path_factory.mktemp("projects")
    made = run(parent, bin_folder / "headrace", "init", "x")
    said = "x has a project; change to it and run: headrace transform=mine\n"
    assert (made.returncode, made.stderr, made.stdout) == (0, "", said)
    return parent / "x"


def run(folder: Path, *command: Path | str) -> Completed:
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return children.run(
        [str(each) for each in command],
        cwd=folder, env=clean, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def test_it_tells_its_version(bin_folder: Path, tmp_path: Path) -> None:
    ran = run(tmp_path, bin_folder / "headrace", "--version")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, f"headrace {VERSION}\n", "")


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param((), marks=pytest.mark.long),
        ("transform=mine",),
        pytest.param(("transform=mine", "backend=processor"), marks=pytest.mark.long),
        ("transform=mine", "backend=processor", "transform.steps.mine.length=2"),
    ],
)
def test_a_new_project_runs(
    bin_folder: Path, project: Path, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    out = tmp_path / "out"
    ran = run(project, bin_folder / "headrace", *arguments, f"output.path={out}")
    assert (ran.returncode, ran.stderr) == (0, "")
    manifest = json.loads((out / "report" / "manifest.json").read_text())
    names = [step["name"] for step in manifest["config"]["steps"]]
    assert ("mine" in names) is bool(arguments)
    assert manifest["rows"]["read"] == 5000


def test_all_runs_of_a_sweep_find_it(bin_folder: Path, project: Path) -> None:
    ran = run(
        project, bin_folder / "headrace", "-m", "hydra/launcher=fused", "transform=mine",
        "transform.n_features=16,32",
    )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (0, "")


def test_python_finds_it(bin_folder: Path, project: Path, tmp_path: Path) -> None:
    program = (
        "import sys, headrace; "
        "result = headrace.run('transform=mine', {'output.path': sys.argv[1]}); "
        "hasher = headrace.load(result); "
        "print(len(hasher({'site_id': '1fbe01fe'} | dict.fromkeys(hasher.columns))[0]))"
    )
    ran = run(project, bin_folder / "python", "-c", program, str(tmp_path / "out"))
    assert (ran.returncode, ran.stderr) == (0, "")
    compared = run(
        tmp_path,
        bin_folder / "python",
        "-m",
        "headrace.compare",
        tmp_path / "out",
        tmp_path / "out",
    )
    assert compared.stdout.endswith("\nthe same rows\n")
    page = run(tmp_path, bin_folder / "python", "-m", "headrace.report", tmp_path / "out")
    assert (page.returncode, page.stderr) == (0, "")


def test_its_example_passes_the_contract_tests(bin_folder: Path, project: Path) -> None:
    ran = run(project, bin_folder / "python", "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert ran.returncode == 0, ran.stdout
    assert " passed" in ran.stdout


def test_its_image_has_a_folder(bin_folder: Path, tmp_path: Path) -> None:
    program = (
        "from headrace.runtime.plugins import roots; "
        "print(*(roots.find(f'containers/{name}/Dockerfile').is_file() "
        "for name in ('processor', 'script')))"
    )
    assert run(tmp_path, bin_folder / "python", "-c", program).stdout == "True True\n"


def test_a_wheel_brings_no_code_of_the_checkout(bin_folder: Path, tmp_path: Path) -> None:
    program = "import headrace; print(headrace.__file__)"
    place = run(tmp_path, bin_folder / "python", "-c", program).stdout
    assert place.startswith(str(bin_folder.parent))


def test_a_job_of_its_own_ships_its_own_transform(
    bin_folder: Path, project: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    plan = ("action=plan", "transform=mine", f"output.path={out}")
    ran = run(project, bin_folder / "headrace", *plan)
    assert (ran.returncode, ran.stderr) == (0, "")
    with zipfile.ZipFile(out / "code" / "entry.pyz") as entry:
        shipped = entry.read("transforms/mine.py")
    assert shipped == (project / "transforms" / "mine.py").read_bytes()
