"""The folder that `headrace.load` takes: what it has to hold, and what is said of another one."""

from __future__ import annotations

import json
import sys
import warnings
import zipfile
from pathlib import Path
from typing import Any

import pytest

from headrace.runtime import VERSION
from headrace.runtime.errors import HeadraceError
from headrace.runtime.online import SkewWarning, load
from headrace.runtime.plugins import transforms
from headrace.runtime.spec import StepSpec
from tests.runtime.jobs import HASH, clicks, job, run
from tests.runtime.online_rows import change, plain_row, refusal


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return run(tmp_path, clicks(20), job(id="id", label="click")).output


def test_no_result(folder: Path) -> None:
    (folder / "report/manifest.json").unlink()
    assert refusal(folder) == (
        f"{folder}: holds no result (report/manifest.json: No such file or directory)"
    )


@pytest.mark.parametrize("key", ["input_columns", "config", "versions"])
def test_a_result_of_an_earlier_version(folder: Path, key: str) -> None:
    change(folder, **{key: None})
    assert refusal(folder) == (
        f"{folder}: report/manifest.json does not tell all that is needed; "
        f"run the job again with {VERSION} ('{key}')"
    )


@pytest.mark.parametrize("content", ["[1]", "{", "3"])
def test_a_broken_manifest(folder: Path, content: str) -> None:
    (folder / "report/manifest.json").write_text(content)
    assert refusal(folder).startswith(f"{folder}: report/manifest.json is broken (")


def test_a_changed_manifest(folder: Path) -> None:
    other = job(id="id", label="click", steps=[StepSpec("h", "feature_hasher", {"n_features": 2})])
    change(folder, config=json.loads(json.dumps(other.meaning)))
    assert refusal(folder) == (
        f"{folder}: report/manifest.json was changed; config_sha256 is not of config"
    )


def test_a_manifest_that_was_edited(folder: Path) -> None:
    file = folder / "report/manifest.json"
    file.write_text(file.read_text().replace('"rejected": 0', '"rejected": 1'))
    assert refusal(folder) == (
        f"{folder}: report/manifest.json was changed; its sha256 is not of the rest"
    )


def test_a_broken_entry_script(folder: Path) -> None:
    (folder / "code").mkdir()
    (folder / "code/entry.pyz").write_text("no zip")
    assert refusal(folder) == f"{folder}: code/entry.pyz cannot be read (File is not a zip file)"
    with zipfile.ZipFile(folder / "code/entry.pyz", "w") as script:
        script.writestr(f"{transforms.PACKAGE}/split.py", b"\xff")
    assert refusal(folder).startswith(f"{folder}: code/entry.pyz cannot be read ('utf-8' codec")


def test_a_transform_that_is_not_installed(folder: Path) -> None:
    spec = job(steps=[StepSpec("mine", "nobodys", {})], id="id", label="click")
    change(folder, config=json.loads(json.dumps(spec.meaning)), config_sha256=spec.sha256)
    assert refusal(folder) == "there is no transform 'nobodys' here; the image should bring it"


@pytest.mark.parametrize("given", [None, 1, b"out"])
def test_what_is_no_folder(given: Any) -> None:
    what = "load() takes the folder of a finished run, which is its output.path"
    with pytest.raises(HeadraceError) as caught:
        load(given)
    assert str(caught.value) == f"{what} (got {given!r})"


def test_what_is_absent_is_one_of_two(folder: Path) -> None:
    absent: Any = "nan"
    with pytest.raises(HeadraceError) as caught:
        load(folder, absent=absent)
    assert str(caught.value) == "absent should be 'error' or 'null' (got 'nan')"


def test_an_own_transform_comes_before_those_on_the_path(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, other = (tmp_path / name / "transforms" / "twice.py" for name in ("own", "other"))
    source = transforms.source_of("feature_hasher")
    for file, text in ((own, source), (other, "raise RuntimeError('of another project')")):
        file.parent.mkdir(parents=True)
        file.write_text(text)
    monkeypatch.chdir(tmp_path / "own")
    monkeypatch.syspath_prepend(tmp_path / "other")
    spec = job(steps=[StepSpec("twice", "twice", HASH.parameters)], id="id", label="click")
    change(folder, config=json.loads(json.dumps(spec.meaning)), config_sha256=spec.sha256)
    assert load(folder).n_features == spec.steps[0].parameters["n_features"]
    assert sys.modules["transforms.twice"].__file__ == str(own)
    del sys.modules["transforms.twice"]
    with pytest.raises(RuntimeError, match="of another project"):  # a job brings its own
        transforms.load(spec.steps)


def test_another_version(folder: Path) -> None:
    change(folder, versions={"headrace": "7.1.2"})
    with pytest.warns(SkewWarning) as warned:
        load(folder)
    assert str(warned[0].message) == (
        f"{folder}: rows may come out differently: it is of headrace 7.1.2, here is {VERSION}"
    )
    assert warned[0].filename == __file__


def test_a_later_release_of_the_same_version(folder: Path) -> None:
    major, minor, _ = VERSION.split(".")
    change(folder, versions={"headrace": f"{major}.{minor}.99"})
    load(folder)


def test_nothing_of_the_folder_is_executed(folder: Path) -> None:
    """What was shipped is only compared with what is here."""
    shipped = transforms.source_of("feature_hasher")
    row = dict.fromkeys(("c0", "c1", "c2", "c3"), "x")
    expected = plain_row(load(folder)(row))
    ship(folder, f"# a remark\n{shipped}")
    with warnings.catch_warnings(action="error"):
        assert plain_row(load(folder)(row)) == expected
    for other in ("raise SystemExit('executed')", "no Python"):
        ship(folder, other)
        with pytest.warns(SkewWarning) as warned:
            assert plain_row(load(folder)(row)) == expected
        assert str(warned[0].message) == (
            f"{folder}: rows may come out differently: "
            "its transform 'feature_hasher' is not the one here"
        )


def ship(folder: Path, source: str) -> None:
    (folder / "code").mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / "code/entry.pyz", "w") as script:
        script.writestr("__main__.py", "raise SystemExit('executed')")
        script.writestr("transforms/__init__.py", "")
        script.writestr("transforms/feature_hasher.py", source)
