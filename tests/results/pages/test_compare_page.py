"""The page that compares two results, and pages of results on S3."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import boto3
import pytest

from headrace import report
from headrace.results.compare import main
from headrace.results.pages.figures import MINUS, NONE
from tests.moto_server import REGION
from tests.results.pages.samples import evaluation, log, request, run_folder, sweep_folder
from tests.results.pages.test_pages import Page

LOSS = f"log loss0.40000.3900{MINUS}0.0100"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two runs: other rows, another width, another model."""
    place = tmp_path_factory.mktemp("runs")
    one = run_folder(place / "a", evaluation=evaluation(0.4, 0.75), request=request())
    content = log(values=("a", "b", "<i>z"))
    other = run_folder(place / "b", content, n_features=128, evaluation=evaluation(0.39, 0.76))
    return one, other


def page_of(place: Path, *folders: object) -> Page:
    main([*map(str, folders), "--html", str(place)])
    return Page(place.read_text(encoding="utf-8"))


def rows_of(page: Page) -> list[str]:
    return [" ".join(line.split()) for line in page.text.splitlines() if line.strip()]


def test_what_differs(folders: tuple[Path, Path], tmp_path: Path) -> None:
    page = page_of(tmp_path / "x.html", *folders)
    assert page.headings() == ["answer", "settings", "rows", "model", "columns", "costs"]
    shown = rows_of(page)
    for text in (
        "Not the same rows",
        "train has other rows",
        "steps.feature_hasher.n_features64128",
        LOSS,
        "ROC AUC0.75000.7600+0.0100",
        f"valuerows of c200{NONE}",
        "3 columns differ.",
    ):
        assert text in shown, shown
    assert not {"i", "img"} & {tag for tag, _ in page.tags}
    assert sum("plot-area" in str(attrs.get("class")) for _, attrs in page.tags) == 2


def test_the_same_rows(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = page_of(tmp_path / "x.html", folders[0], folders[0])
    assert "The same rows" in page.text
    assert "No setting that the manifests hold differs." in page.text
    assert "The columns have the same numbers" in page.text
    assert capsys.readouterr().out.splitlines()[-3:] == [
        *(f"{tmp_path / 'x.html'}", "", "the same rows")
    ]


def regression(rows: int) -> dict[str, Any]:
    names = ("rmse", "mae", "r2", "label_mean", "mean_prediction")
    told = {"rows": rows, **dict.fromkeys(names, 0.5)}
    return {"regression_metrics": {}, "judged_on": "validation", "channels": {"validation": told}}


@pytest.mark.parametrize(
    "reports",
    [[evaluation(rows=rows) for rows in (9, 8)], [regression(rows) for rows in (9, 8)]],
    ids=["logistic", "linear"],
)
def test_models_that_were_judged_on_other_rows(
    folders: tuple[Path, Path], tmp_path: Path, reports: list[dict[str, Any]]
) -> None:
    for name, told in zip("ab", reports, strict=True):
        shutil.copytree(folders[0], tmp_path / name)
        (tmp_path / name / "report/evaluation.json").write_text(json.dumps(told))
    said = "The models were judged on other rows"
    assert said in page_of(tmp_path / "x.html", tmp_path / "a", tmp_path / "b").text
    assert said not in page_of(tmp_path / "x.html", tmp_path / "a", tmp_path / "a").text


def test_files_of_others_stay(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "x.html"
    file.write_text("mine")
    assert main([str(folders[0]), str(folders[0]), "--html", str(file)]) == 2
    said = "is there, and is no page that headrace has made; give another name"
    assert capsys.readouterr() == ("", f"{file}: {said}\n")  # before anything is read
    assert report.main([str(folders[0]), "--html", str(file)]) == 1
    assert capsys.readouterr().err == f"{file}: {said}\n"
    assert file.read_text() == "mine"


def program(place: Path, name: str, sizes: dict[str, int]) -> Path:
    """What a program left, as far as a comparison looks at it."""
    outputs = {
        output: {
            "files": 1,
            "bytes": size,
            "parts": [{"file": f"{output}/x", "bytes": size, "sha256": str(size)}],
        }
        for output, size in sizes.items()
    }
    manifest: dict[str, Any] = {
        "program": {"kind": "script", "entry": "a.py", "sha256": name, "command": ["python3"]},
        **{"request_sha256": "0", "inputs": {}, "outputs": outputs, "versions": {}},
    }
    report = place / name / "report"
    report.mkdir(parents=True)
    (report / "manifest.json").write_text(json.dumps(manifest))
    return place / name


def test_programs(tmp_path: Path) -> None:
    one = program(tmp_path, "one", {"train": 1200})
    page = page_of(tmp_path / "x.html", one, program(tmp_path, "two", {"train": 1000, "test": 5}))
    assert page.headings() == ["answer", "settings", "rows", "costs"]
    shown = rows_of(page)
    assert f"train: size1.2 kB1 kB{MINUS}200 B" in shown, shown
    assert "only B has test" in shown


def test_a_program_and_a_chain(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = program(tmp_path, "one", {"train": 1})
    assert main([str(folders[0]), str(other), "--html", str(tmp_path / "x.html")]) == 2
    what = "one of them holds channels of rows, the other files of a program"
    assert capsys.readouterr() == ("", f"{folders[0]} and {other}: {what}\n")
    assert not (tmp_path / "x.html").exists()


def test_results_on_s3(
    folders: tuple[Path, Path],
    aws: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    s3 = boto3.client("s3", REGION)
    s3.create_bucket(Bucket="bucket")
    for folder, name in zip(folders, ("a", "b"), strict=True):
        for file in (*folder.glob("report/*.json"), *folder.glob("request.json")):  # no parts
            s3.upload_file(str(file), "bucket", f"runs/{name}/{file.relative_to(folder)}")
    log_file = tmp_path / "log.txt"
    log_file.write_text("the last line\n")
    script = program(tmp_path, "one", {"train": 1})
    for path, key in ((script / "report/manifest.json", "manifest.json"), (log_file, "log.txt")):
        s3.upload_file(str(path), "bucket", f"script/report/{key}")
    monkeypatch.chdir(tmp_path)
    assert report.main(["s3://bucket/runs/a/"]) == 0
    made = Page(Path("a.html").read_text(encoding="utf-8"))
    assert "open_result('s3://bucket/runs/a')" in made.text
    assert {"time", "model", "columns", "drift", "values"} < set(made.headings())
    assert report.main(["s3://bucket/script", "--html", "script.html"]) == 0
    assert "the last line" in Path("script.html").read_text(encoding="utf-8")
    (script / "report/log.txt").write_text("x" * (1 << 18) + "\nthe last line\n")
    assert report.main([str(script)]) == 0
    assert "more of them are in" in (script / "report/report.html").read_text(encoding="utf-8")
    assert main(["s3://bucket/runs/a", "s3://bucket/runs/b", "--html", "both.html"]) == 1
    assert LOSS in rows_of(Page(Path("both.html").read_text("utf-8")))
    capsys.readouterr()
    assert report.main(["s3://bucket/none"]) == 1
    said = "s3://bucket/none: holds no result (report/manifest.json is missing)\n"
    assert capsys.readouterr() == ("", said)


def test_a_sweep_has_its_page_in_its_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = sweep_folder(tmp_path / "sweep", [({"a": "1"}, "broken")])
    assert report.main([str(folder), "--html", "x.html"]) == 1
    said = "a sweep's page is made in its folder; leave out --html"
    assert capsys.readouterr().err == f"{folder}: {said}\n"
