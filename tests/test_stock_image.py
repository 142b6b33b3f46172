"""The entry script in the stock images: their packages alone, no network."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from headrace.aws.request import RequestView
from headrace.config.defaults import PROJECT
from headrace.errors import JobFailed
from headrace.runtime.spec import OUTPUT, under
from headrace.targets.local import spark_submit as spark
from tests import children
from tests.stock_images import (
    EXACTLY,
    FOUND,
    IMAGES,
    NEAREST,
    PYTHON,
    SPARK,
    packages_of,
    python_with,
)
from tests.stock_jobs import Both, Planned, assert_same, in_image, parts

pytestmark = pytest.mark.slow

ABSENT = ("annotated_types", "hydra", "omegaconf", "pydantic", "rich", "yaml")
NO_NETWORK = ("unshare", "--net", "--map-root-user")
WIDTH = "transform.n_features=4096"
SAMPLE = PROJECT / "data/avazu_sample.csv"
CASES = {
    "hashing": ("transform=hashing", WIDTH),
    "custom_hashing": (
        "transform=custom_hashing",
        "transform.steps.custom_hasher.index_ranges=per_column",
        WIDTH,
    ),
    "time_hashing": ("transform=time_hashing", "transform.steps.split.method=shuffle", WIDTH),
    "learning": ("transform=standard_hashing", "dataset.numeric=[C14]", WIDTH),
    "without an id": ("transform=hashing", "dataset.id=null", "dataset.numeric=[C14]", WIDTH),
    "parquet": ("transform=split", "output.format=parquet"),
    "libsvm": ("transform=hashing", "dataset.numeric=[C14]", "output.format=libsvm", WIDTH),
    "evaluation": ("evaluation=logistic", "evaluation.passes=2", WIDTH),
    "recordio": ("transform=hashing", "output.format=recordio", WIDTH),
    "target": ("transform=target", "output.format=csv"),
    "vocabulary": ("transform=vocabulary", "output.format=npy"),
    "join": (
        "transform=hashing",
        "+transform.steps.join={after: split, input: bands, key: C1, columns: [band]}",
        "inputs.bands=bands.csv",
        WIDTH,
    ),
    "learned": ("transform.learned=TARGET", f"dataset.path={SAMPLE}", "output.format=csv"),
}
TABLE = "C1,band\n1005,a\n1002,b\n"
SOME = {
    "1.9-0": ("hashing", "learning"),
    "1.4-2-py312": ("custom_hashing", "evaluation"),
    SPARK: ("learning",),
}
"""Image → cases that need, all images together, what the others need."""


def cases_for(image: str) -> list[ParameterSet]:
    """All cases; most of them are long."""
    marks = {case: () if case in SOME[image] else (pytest.mark.long,) for case in CASES}
    return [pytest.param(image, case, id=f"{image}-{case}", marks=marks[case]) for case in CASES]


@pytest.fixture(scope="module", params=IMAGES, ids=lambda image: image + EXACTLY)
def stock(request: pytest.FixtureRequest) -> Path:
    return python_with(request.param, Path(request.config.cache.mkdir("stock-images")))


@pytest.fixture(scope="module")
def stock_spark(request: pytest.FixtureRequest) -> Path:
    if FOUND is None:
        pytest.skip(f"there is no Python {PYTHON} here")
    return python_with(SPARK, Path(request.config.cache.mkdir("stock-images")))


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Both]:
    """Carries out a case here, once for all images; its request and its code stay beside it."""

    @cache
    def make(case: str) -> Both:
        folder = tmp_path_factory.mktemp("jobs") / "out"
        (folder.parent / "bands.csv").write_text(TABLE)
        words = CASES[case]
        if case == "learned":
            words = tuple(word.replace("TARGET", str(make("target").local)) for word in words)
        command = [sys.executable, str(PROJECT / "run.py"), *words, f"output.path={folder}"]
        children.run(command, cwd=folder.parent, check=True, capture_output=True)
        return Both(Planned(folder), folder)

    return make


@pytest.fixture(scope="session")
def prefix() -> tuple[str, ...]:
    """Starts a command without a network, where this machine lets somebody do that."""
    try:
        done = children.run([*NO_NETWORK, "true"], capture_output=True, check=False)
    except FileNotFoundError:
        return ()
    return () if done.returncode else NO_NETWORK


def test_the_environment_is_the_images(stock: Path, request: pytest.FixtureRequest) -> None:
    code = (
        "import importlib.util, json, sys\n"
        "from importlib.metadata import version\n"
        "names = ['numpy', 'scikit-learn', 'pandas', 'pyarrow']\n"
        f"absent = [name for name in {ABSENT!r} if importlib.util.find_spec(name)]\n"
        "print(json.dumps([[f'{name}=={version(name)}' for name in names], absent]))\n"
    )
    done = children.run([stock, "-I", "-c", code], capture_output=True, text=True, check=True)
    found, absent = json.loads(done.stdout)
    assert absent == []
    for pin in IMAGES[request.node.callspec.params["stock"]][:-1]:
        assert pin in found or (FOUND is None and pin in NEAREST)


def test_there_is_no_network(prefix: tuple[str, ...]) -> None:
    if not prefix:
        pytest.skip("nobody can make a network namespace here: the jobs run with the network on")
    code = "import socket; print([name for _, name in socket.if_nameindex()])"
    command = [*prefix, sys.executable, "-c", code]
    done = children.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "['lo']\n"


@pytest.mark.parametrize(
    ("stock", "case"),
    [each for image in IMAGES for each in cases_for(image)],
    indirect=["stock"],
    scope="module",
)
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
    done = children.run(
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
        children.run(command, cwd=tmp_path, check=True, capture_output=True)
    made = in_image(Path(FOUND), Planned(tmp_path / "plan"), tmp_path / "ml", prefix)
    for part in parts(tmp_path / "run"):
        assert (made / part).read_bytes() == (tmp_path / "run" / part).read_bytes()
    manifest = json.loads((made / "report/manifest.json").read_text())
    shipped = {tuple(name.split("-")[:2]) for name in manifest["packages"]}
    assert {(name, manifest["versions"][name]) for name in ("numpy", "pyarrow")} <= shipped


def test_the_pyarrow_that_is_shipped_takes_the_numpy_of_spark(stock_spark: Path) -> None:
    code = (
        "import numpy, pyarrow\n"
        "assert pyarrow.array(numpy.ones(2)).to_numpy().sum() == 2\n"
        "print(*(f'{each.__name__}=={each.__version__}' for each in (numpy, pyarrow)))\n"
    )
    command = [str(stock_spark), "-I", "-c", code]
    done = children.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout.split(), done.stderr) == ([*packages_of(SPARK)], "")


@pytest.mark.parametrize(
    ("stock_spark", "case"),
    [each for each in cases_for(SPARK) if "evaluation" not in each.values],
    indirect=["stock_spark"],
    scope="module",
)
def test_the_same_bytes_with_the_numpy_of_spark(
    stock_spark: Path,
    case: str,
    made: Callable[[str], Both],
    prefix: tuple[str, ...],
    tmp_path: Path,
) -> None:
    """Without Spark itself; an evaluation needs scikit-learn, which the image has not."""
    both = made(case)
    assert_same(in_image(stock_spark, both.planned, tmp_path, prefix), both.local)


@pytest.mark.long
@pytest.mark.spark
@pytest.mark.parametrize("case", ["learning"])
def test_the_same_bytes_on_spark(
    stock_spark: Path, case: str, made: Callable[[str], Both], tmp_path: Path
) -> None:
    """The driver and its workers are the image's Python, to which Spark brings its own library."""
    planned = planned_for_spark(case, tmp_path)
    ml = tmp_path / "ml"
    (program, *words) = planned.lay_out(ml)
    assert program == spark.PROGRAM
    argv, environment = spark.stand_in(words, ml, 1)
    pythons = dict.fromkeys(("PYSPARK_PYTHON", "PYSPARK_DRIVER_PYTHON"), str(stock_spark))
    path = {name: os.environ[name] for name in ("PATH", "JAVA_HOME") if name in os.environ}
    done = children.run(
        argv,
        cwd=ml,
        env={**path, **environment, **pythons, "HEADRACE_ML_ROOT": str(ml), "TMPDIR": str(ml)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    output = under(ml, OUTPUT)
    assert_same(output, made(case).local)
    versions = json.loads((output / "report/manifest.json").read_text())["versions"]
    assert {f"{name}=={versions[name]}" for name in ("numpy", "pyarrow")} == {*packages_of(SPARK)}


def planned_for_spark(case: str, folder: Path) -> Planned:
    """The same job as `made`'s, for the Spark backend, with no wheels: `stock_spark` has them."""
    command = [sys.executable, str(PROJECT / "run.py"), "action=plan", "backend=pyspark"]
    command += [*CASES[case], f"output.path={folder / 'plan'}"]
    planned = Planned(folder / "plan")
    children.run(command, cwd=folder, check=True, capture_output=True)
    try:
        spark.check(RequestView(planned.request))
    except JobFailed as error:
        pytest.skip(str(error))
    return planned
