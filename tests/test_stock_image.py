"""The entry script in the stock scikit-learn images: their packages alone, no network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pyarrow.parquet as pq
import pytest

from framework.defaults import PROJECT
from framework.runtime.spec import EVALUATION, ML_ROOT, OUTPUT, under
from tests.stock_images import EXACTLY, FOUND, IMAGES, NEAREST, PYTHON, python_with

pytestmark = pytest.mark.slow

ABSENT = ("annotated_types", "hydra", "omegaconf", "pydantic", "rich", "yaml")
NO_NETWORK = ("unshare", "--net", "--map-root-user")
CASES = {
    "hashing": ("transform=hashing",),
    "custom_hashing": (
        "transform=custom_hashing",
        "transform.steps.custom_hasher.index_ranges=per_column",
    ),
    "time_hashing": ("transform=time_hashing", "transform.steps.split.method=shuffle"),
    "learning": ("transform=standard_hashing", "dataset.numeric=[C14]"),
    "without an id": ("transform=hashing", "dataset.id=null", "dataset.numeric=[C14]"),
    "parquet": ("transform=split", "output.format=parquet"),
    "libsvm": ("transform=hashing", "dataset.numeric=[C14]", "output.format=libsvm"),
    "evaluation": ("evaluation=logistic", "evaluation.passes=2"),
    "recordio": ("transform=hashing", "output.format=recordio"),
}


@pytest.fixture(scope="module", params=IMAGES, ids=lambda image: image + EXACTLY)
def stock(request: pytest.FixtureRequest) -> Path:
    return python_with(request.param, Path(request.config.cache.mkdir("stock-images")))


@dataclass(frozen=True)
class Planned:
    """What ``action=plan`` wrote."""

    folder: Path

    @property
    def request(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / "request.json").read_text("utf-8")))

    def lay_out(self, ml: Path) -> list[str]:
        """Do what SageMaker does before it starts a container.

        Returns:
            The entrypoint, its paths those under `ml`.
        """
        for each in self.request["ProcessingInputs"]:
            source = Path(unquote(urlsplit(each["S3Input"]["S3Uri"]).path))
            folder = under(ml, each["S3Input"]["LocalPath"])
            folder.mkdir(parents=True)
            for file in source.iterdir() if source.is_dir() else [source]:
                (folder / file.name).symlink_to(file)
        for each in self.request["ProcessingOutputConfig"]["Outputs"]:
            under(ml, each["S3Output"]["LocalPath"]).mkdir(parents=True)
        hosts = {"current_host": "algo-1", "hosts": ["algo-1"]}
        (ml / "config").mkdir()
        (ml / "config/resourceconfig.json").write_text(json.dumps(hosts))
        words = self.request["AppSpecification"]["ContainerEntrypoint"]
        return [word.replace(ML_ROOT, str(ml)) for word in words]


@dataclass(frozen=True)
class Both:
    """The same job, planned and carried out by the local target."""

    planned: Planned
    local: Path


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Both]:
    """Plans and carries out a case, once for all images."""

    @cache
    def make(case: str) -> Both:
        root = tmp_path_factory.mktemp("jobs")
        for action in ("plan", "run"):
            command = [sys.executable, str(PROJECT / "run.py"), f"action={action}", *CASES[case]]
            command += ["transform.n_features=4096", f"output.path={root / action}"]
            subprocess.run(command, cwd=root, check=True, capture_output=True)
        return Both(Planned(root / "plan"), root / "run")

    return make


@pytest.fixture(scope="session")
def prefix() -> tuple[str, ...]:
    """Starts a command without a network, where this machine lets somebody do that."""
    try:
        done = subprocess.run([*NO_NETWORK, "true"], capture_output=True, check=False)
    except FileNotFoundError:
        return ()
    return () if done.returncode else NO_NETWORK


def in_image(python: Path, planned: Planned, ml: Path, prefix: tuple[str, ...]) -> Path:
    """Runs the entry script with nothing but the image's packages around it."""
    entrypoint = planned.lay_out(ml)
    assert entrypoint[0] == "python3"
    done = subprocess.run(
        [*prefix, str(python), "-I", *entrypoint[1:]],
        cwd=ml,
        env={"HEADRACE_ML_ROOT": str(ml), "PATH": os.defpath, "TMPDIR": str(ml)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return under(ml, OUTPUT)


def parts(folder: Path) -> Iterator[str]:
    for part in sorted(folder.glob("*/part-*")):
        yield str(part.relative_to(folder))


def assert_same(made: Path, local: Path) -> None:
    """The same bytes; a Parquet file names the library's version, so there the same rows."""
    names = list(parts(local))
    assert names
    assert list(parts(made)) == names
    for name in names:
        if name.endswith(".parquet"):
            assert pq.ParquetFile(made / name).read().equals(pq.ParquetFile(local / name).read())
        else:
            assert (made / name).read_bytes() == (local / name).read_bytes()
    theirs, ours = (
        json.loads((each / "report/manifest.json").read_text()) for each in (made, local)
    )
    assert theirs.pop("versions") != ours.pop("versions")
    if not names[0].endswith(".parquet"):
        assert theirs == ours
        metrics = (made / "report/metrics.json").read_bytes()
        assert metrics == (local / "report/metrics.json").read_bytes()
    assert_same_evaluation(made / "report", local / "report")


def assert_same_evaluation(made: Path, local: Path) -> None:
    """The same figures, by whichever release of scikit-learn."""
    assert (made / EVALUATION).exists() == (local / EVALUATION).exists()
    if (local / EVALUATION).exists():
        theirs, ours = (json.loads((each / EVALUATION).read_text()) for each in (made, local))
        assert theirs["model"].pop("scikit_learn") != ours["model"].pop("scikit_learn")
        assert theirs == ours


def test_the_environment_is_the_images(stock: Path, request: pytest.FixtureRequest) -> None:
    code = (
        "import importlib.util, json, sys\n"
        "from importlib.metadata import version\n"
        "names = ['numpy', 'scikit-learn', 'pandas', 'pyarrow']\n"
        f"absent = [name for name in {ABSENT!r} if importlib.util.find_spec(name)]\n"
        "print(json.dumps([[f'{name}=={version(name)}' for name in names], absent]))\n"
    )
    done = subprocess.run([stock, "-I", "-c", code], capture_output=True, text=True, check=True)
    found, absent = json.loads(done.stdout)
    assert absent == []
    for pin in IMAGES[request.node.callspec.params["stock"]][:-1]:
        assert pin in found or (FOUND is None and pin in NEAREST)


def test_there_is_no_network(prefix: tuple[str, ...]) -> None:
    if not prefix:
        pytest.skip("nobody can make a network namespace here: the jobs run with the network on")
    code = "import socket; print([name for _, name in socket.if_nameindex()])"
    command = [*prefix, sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "['lo']\n"


@pytest.mark.parametrize("case", CASES)
def test_the_same_bytes_as_here(
    stock: Path,
    case: str,
    made: Callable[[str], Both],
    prefix: tuple[str, ...],
    tmp_path: Path,
) -> None:
    both = made(case)
    assert_same(in_image(stock, both.planned, tmp_path, prefix), both.local)


def test_a_message_from_there(stock: Path, made: Callable[[str], Both], tmp_path: Path) -> None:
    """A user's mistake ends there as it does here: one line, status 1, the message file."""
    entrypoint = made("hashing").planned.lay_out(tmp_path)
    data = next(under(tmp_path, "/opt/ml/processing/input/data").iterdir())
    data.unlink()
    data.write_text("id,click\n1,yes\n")
    done = subprocess.run(
        [str(stock), "-I", *entrypoint[1:]],
        env={"HEADRACE_ML_ROOT": str(tmp_path), "PATH": os.defpath},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr
    assert (tmp_path / "output/message").read_text() == done.stderr.strip()


def test_shipped_packages_alone_will_do(prefix: tuple[str, ...], tmp_path: Path) -> None:
    """A Python of the images' version, to which NumPy and pyarrow travel with the job."""
    if FOUND is None:
        pytest.skip(f"there is no Python {PYTHON} here")
    needs = ("backend=script", "target=container", "backend.requirements=[numpy,pyarrow]")
    for name, more in {"plan": ("action=plan", *needs), "run": ()}.items():
        command = [sys.executable, str(PROJECT / "run.py"), *more, f"output.path={tmp_path / name}"]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    made = in_image(Path(FOUND), Planned(tmp_path / "plan"), tmp_path / "ml", prefix)
    for part in parts(tmp_path / "run"):
        assert (made / part).read_bytes() == (tmp_path / "run" / part).read_bytes()
    manifest = json.loads((made / "report/manifest.json").read_text())
    shipped = {tuple(name.split("-")[:2]) for name in manifest["packages"]}
    assert {(name, manifest["versions"][name]) for name in ("numpy", "pyarrow")} <= shipped
