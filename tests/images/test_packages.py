"""Wheels of packages that an image lacks: found, fetched, brought along and imported there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from headrace.errors import ConfigError, HeadraceError, JobFailed
from headrace.images import packages
from headrace.images.packages import wheels_for
from tests.conftest import Completed
from tests.tiny_wheels import make_wheel

Runner = Callable[..., Completed]
THERE = "Python 3.12 on Linux (x86_64, glibc 2.28)"


def fetched(
    *requirements: str, target: str = "aws", python_version: str = "3.12"
) -> Mapping[str, bytes]:
    return wheels_for(requirements, None if target == "local" else python_version)


def names(*requirements: str, **where: str) -> list[str]:
    return list(fetched(*requirements, **where))


def refused(*requirements: str, target: str = "aws") -> str:
    with pytest.raises(HeadraceError) as caught:
        fetched(*requirements, target=target)
    return str(caught.value)


def test_nothing_to_fetch_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def called(*_: object) -> None:
        raise AssertionError("nobody needs pip here")

    monkeypatch.setattr("headrace.images.packages.pip_download", called)
    assert names() == []
    assert names("numpy", "pyarrow==0.0.1", target="local") == []
    assert names("tiny_none; python_version < '3'") == []


def test_a_script_gets_the_version_that_it_asks_for(pip_index: Path) -> None:
    make_wheel(pip_index, "numpy", "0.0.1")
    assert wheels_for(("numpy",), None, any_version=False) == {}
    assert list(wheels_for(("numpy==0.0.1",), None, any_version=False)) == [
        "numpy-0.0.1-py3-none-any.whl"
    ]


def test_a_package_and_what_it_needs(pip_index: Path) -> None:
    made = [make_wheel(pip_index, "tiny_a", requires=["tiny_b>=2"])]
    make_wheel(pip_index, "tiny_b", "1.0")
    made.append(make_wheel(pip_index, "tiny_b", "2.0"))
    make_wheel(pip_index, "tiny_c")
    wheels = fetched("tiny-a")
    assert dict(wheels) == {wheel.name: wheel.read_bytes() for wheel in made}
    assert list(wheels) == sorted(wheels)


@pytest.mark.parametrize(
    ("python", "tag"), [("3.12", "cp312-cp312-manylinux_2_28_x86_64"), ("3.11", "cp311-none-any")]
)
def test_what_fits_the_image(pip_index: Path, python: str, tag: str) -> None:
    for each in (
        *("cp312-cp312-manylinux_2_28_x86_64", "cp312-cp312-macosx_11_0_arm64"),
        *("cp311-none-any", "cp312-cp312-manylinux_2_17_aarch64"),
    ):
        make_wheel(pip_index, "tiny_fit", tag=each)
    make_wheel(pip_index, "tiny_fit", "2.0", tag="cp312-cp312-manylinux_2_34_x86_64")
    assert names("tiny_fit", python_version=python) == [f"tiny_fit-1.0-{tag}.whl"]


@pytest.mark.parametrize("python", [pytest.param("3.11", marks=pytest.mark.long), "3.12"])
def test_markers_are_those_of_the_image(pip_index: Path, python: str) -> None:
    """One of the two is not the Python that pip runs in."""
    requires = [
        "tiny_old; python_version < '3.12'",
        "tiny_new>=2; python_version >= '3.12'",
        "tiny_windows; sys_platform == 'win32'",
        "tiny_extra; extra == 'more'",
    ]
    make_wheel(pip_index, "tiny_marked", requires=requires)
    make_wheel(pip_index, "tiny_old")
    make_wheel(pip_index, "tiny_new", "1.0")
    make_wheel(pip_index, "tiny_new", "2.0", requires=["tiny_deep"])
    make_wheel(pip_index, "tiny_deep")
    make_wheel(pip_index, "tiny_extra")
    needed = {"3.11": ["tiny_old-1.0"], "3.12": ["tiny_deep-1.0", "tiny_new-2.0"]}[python]
    wanted = sorted(f"{each}-py3-none-any.whl" for each in [*needed, "tiny_marked-1.0"])
    assert names("tiny_marked", "tiny_windows; os_name == 'nt'", python_version=python) == wanted
    extra = names("tiny_marked[more]", python_version=python)
    assert extra == sorted([*wanted, "tiny_extra-1.0-py3-none-any.whl"])


def test_this_machines_packages_are_used_here(pip_index: Path) -> None:
    make_wheel(pip_index, "tiny_here", requires=["numpy>=1", "tiny_dep"])
    make_wheel(pip_index, "tiny_dep")
    make_wheel(pip_index, "numpy", "9.0")
    here = ["tiny_dep-1.0-py3-none-any.whl", "tiny_here-1.0-py3-none-any.whl"]
    assert names("tiny_here", "pyarrow", target="local") == here
    assert names("tiny_here") == ["numpy-9.0-py3-none-any.whl", *here]


def test_the_same_requirements_are_resolved_once(pip_index: Path) -> None:
    wheel = make_wheel(pip_index, "tiny_once")
    first = fetched("tiny_once")
    wheel.unlink()
    assert fetched("tiny_once") is first


def test_a_list_that_pins_everything_is_resolved_once(pip_index: Path) -> None:
    target = "local"
    make_wheel(pip_index, "tiny_a", "1.0", requires=["tiny_b"])
    make_wheel(pip_index, "tiny_b", "1.0")
    every = ("tiny_a==1.0", "tiny_b==1.0")
    found = dict(fetched(*every, target=target))
    assert len(found) == 2
    assert fetched("tiny_a==1.0", target=target) == found
    packages._resolved.cache_clear()  # as in the next process
    for wheel in pip_index.iterdir():
        wheel.unlink()
    assert fetched(*every, target=target) == found
    assert "tiny_a" in refused("tiny_a==1.0", target=target)  # tiny_b might be another one now
    packages._resolved.cache_clear()
    for wheel in (pip_index.parent / "cache").rglob("tiny_b*.whl"):
        wheel.write_bytes(b"somebody else's")
    assert "tiny_a" in refused(*every, target=target)


def test_there_is_no_such_package(pip_index: Path) -> None:
    make_wheel(pip_index, "tiny_few")
    advice = "choose another version, or install it where the job runs"
    problem = "1 problem in the configuration:\n  backend.requirements: "
    assert refused("tiny_few>=3") == (
        f"{problem}pip finds no wheel of 'tiny_few>=3' for {THERE}; {advice}"
    )
    assert refused("tiny_none", target="local") == (
        f"{problem}pip finds no wheel of 'tiny_none' for this machine's Python; {advice}"
    )


def test_packages_that_do_not_go_together(pip_index: Path) -> None:
    for version in ("1.0", "2.0"):
        make_wheel(pip_index, "tiny_leaf", version)
    make_wheel(pip_index, "tiny_stem", requires=["tiny_leaf<2"])
    with pytest.raises(ConfigError) as caught:
        fetched("tiny_stem", "tiny_leaf>=2")
    assert [str(problem) for problem in caught.value.problems] == [
        f"backend.requirements: for {THERE} pip cannot install tiny-stem==1.0 and tiny_leaf>=2 "
        "because these package versions have conflicting dependencies"
    ]


def test_an_index_that_cannot_be_reached(pip_index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    with pytest.raises(JobFailed) as caught:
        fetched("tiny_far")
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("WARNING: Retrying")
    assert lines[-1] == f"pip cannot fetch the packages of backend.requirements for {THERE}"


PLUGIN = """
from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True)
class Stamp:
    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        return schema

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        import tiny_shipped

        column = pa.array([tiny_shipped.VERSION] * batch.num_rows)
        return batch.set_column(2, batch.schema.field(2), column)
"""


@pytest.fixture
def run(
    headrace: Runner, copy_of_project: Path, pip_index: Path, tmp_path: Path
) -> Callable[..., Completed]:
    """Runs a program with a transform that needs a package which is not installed."""
    make_wheel(pip_index, "tiny_shipped", "7.5")
    (copy_of_project / "transforms/stamp.py").write_text(PLUGIN)
    (tmp_path / "data.csv").write_text("id,click,a\n1,0,x\n2,1,y\n")
    (tmp_path / "tmp").mkdir()
    fixed = (
        *("dataset=csv", "dataset.label=click", "dataset.id=id", "transform=split"),
        *("+transform.steps.stamp={}", "output.format=parquet"),
        *(f"dataset.path={tmp_path / 'data.csv'}", f"output.path={tmp_path / 'out'}"),
    )

    def run(*overrides: str, needs: str = "tiny_shipped") -> Completed:
        return headrace(
            *(f"backend.requirements=[{needs}]", *fixed, *overrides),
            project=copy_of_project,
            environment={"TMPDIR": str(tmp_path / "tmp")},
        )

    return run


@pytest.mark.parametrize("backend", ["sklearn", pytest.param("processor", marks=pytest.mark.long)])
def test_a_job_imports_what_was_shipped(run: Runner, backend: str, tmp_path: Path) -> None:
    wheel = tmp_path / "index/tiny_shipped-7.5-py3-none-any.whl"
    for _ in range(2):  # the second finds it unpacked
        done = run(f"backend={backend}", "output.overwrite=true")
        assert (done.returncode, done.stderr) == (0, "")
    out = tmp_path / "out"
    assert (out / "packages" / wheel.name).read_bytes() == wheel.read_bytes()
    packages = {wheel.name: hashlib.sha256(wheel.read_bytes()).hexdigest()}
    assert json.loads((out / "report/manifest.json").read_text())["packages"] == packages
    rows = [row for part in out.glob("*/part-*") for row in pq.ParquetFile(part).read().to_pylist()]
    assert [row["a"] for row in rows] == ["7.5", "7.5"]
    assert len(list((tmp_path / "tmp").glob("headrace-packages-*"))) == 1


def test_without_it_the_job_fails(run: Runner, tmp_path: Path) -> None:
    done = run(needs="")
    assert done.returncode == 1
    assert "No module named 'tiny_shipped'" in done.stderr
    assert not (tmp_path / "out").exists()


def test_several_instances(run: Runner, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    for name in ("a", "b"):
        (tmp_path / f"more/{name}.csv").write_text(f"id,click,a\n{name},0,x\n")
    done = run("resources.instance_count=2", f"dataset.path={tmp_path / 'more'}")
    assert done.returncode == 0, done.stderr
    manifest = json.loads((tmp_path / "out/report/manifest.json").read_text())
    assert list(manifest["packages"]) == ["tiny_shipped-7.5-py3-none-any.whl"]
    assert manifest["rows"]["written"] == 2


def test_a_plan_shows_them(run: Runner, tmp_path: Path) -> None:
    make_wheel(tmp_path / "index", "tiny_other", files={"tiny_other.py": ""})
    for needs in ("tiny_other", "tiny_shipped"):
        done = run("action=plan", "target=container", "backend=script", needs=needs)
        assert done.returncode == 0, done.stderr
    out, inside = tmp_path / "out", "/opt/ml/processing/input/packages"
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["input", "packages", f"file://{out}/packages/", inside] in lines
    (shown,) = (line[1:] for line in lines if line[:1] == ["packages"])
    assert shown[0] == "tiny_shipped-7.5-py3-none-any.whl"
    assert [wheel.name for wheel in (out / "packages").iterdir()] == [shown[0]]
    done = run()  # in the very folder
    assert done.returncode == 0, done.stderr


def test_what_stands_in_the_way_is_told_without_pip(run: Runner, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine.txt").touch()
    done = run("target=container", "backend=script", needs="tiny_none")
    assert (done.returncode, done.stderr) == (
        2,
        "1 problem in the configuration:\n"
        f"  output.path: the folder '{tmp_path / 'out'}' is not empty ('mine.txt'); choose "
        "another folder\n",
    )
