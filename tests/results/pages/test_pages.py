"""The pages' text: what stands on them, what does not, and that strangers' values stay text."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from headrace.config.defaults import PROJECT
from headrace.report import main
from headrace.results import pages as report
from headrace.results.pages import timeline, write_run_page, write_sweep_page
from headrace.results.records import Note, SweepRecord
from headrace.results.stored import RunRecord
from headrace.runtime.spec import StepSpec
from tests import children
from tests.results.pages.samples import (
    HOSTILE,
    evaluation,
    log,
    request,
    run_folder,
    sweep_folder,
)

N = "\N{NARROW NO-BREAK SPACE}"


class Page(HTMLParser):
    """What a browser would make of a page, as far as tags go."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def headings(self) -> list[str]:
        return [str(attrs["id"]) for tag, attrs in self.tags if tag == "h2"]


def run_page(folder: Path) -> Page:
    return Page(write_run_page(RunRecord.read(folder)).read_text(encoding="utf-8"))


def sweep_page(folder: Path) -> Page:
    return Page(write_sweep_page(SweepRecord.read(folder)).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("run")
    return run_folder(place, evaluation=evaluation(), request=request())


def test_the_charts_may_be_drawn_before_the_result_is_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = run_folder(tmp_path / "run")
    timeline._drawn.cache_clear()
    report.begin_run_page(tmp_path / "not there")
    report.begin_run_page(folder)
    monkeypatch.setattr(timeline, "Moments", None)  # without which nothing is drawn
    moved = folder.rename(tmp_path / "place")
    assert '<svg class="plot-area"' in write_run_page(RunRecord.read(moved)).read_text()


def test_a_run_with_everything(whole: Path) -> None:
    page = run_page(whole)
    assert page.headings() == [
        "chain",
        "figures",
        "time",
        "channels",
        "model",
        "columns",
        "drift",
        "values",
        "load",
        "files",
        "absent",
    ]
    for text in ("clicks-1", "registry/image:1", "/logs/day.csv", "s3://bucket/out/train"):
        assert text in page.text
    assert f"14.3{N}%" in page.text


def test_the_curves_of_a_model(whole: Path) -> None:
    page = run_page(whole)
    for text in (
        "ROC curve (dashed: chance)",
        f"62.5{N}% of the ones found, with 25.0{N}% of the zeros",
        "Precision-recall curve (dashed: base rate)",
        f"62.5{N}% of the ones found; 37.5{N}% of those taken are ones",
    ):
        assert text in page.text


def test_a_model_that_saw_labels_of_one_kind_has_no_curves(tmp_path: Path) -> None:
    told = {**evaluation(), "binary_classification_metrics": {}}
    assert "ROC curve" not in run_page(run_folder(tmp_path, evaluation=told)).text


def test_marks_stand_for_rows_of_each_channel_and_hour(whole: Path) -> None:
    page = run_page(whole)
    assert sum(attrs.get("class") == "rect" for tag, attrs in page.tags if tag == "rect") == 122
    metrics = json.loads((whole / "report" / "metrics.json").read_text())
    rows = metrics["time"]["channels"]["validation"]["rows"][5]
    assert f"21 Oct 2014, 05:00, validation: {rows} rows" in page.text


def test_the_values_of_charts_are_texts_as_well(whole: Path) -> None:
    """Not only for a mouse that points at a mark."""
    page = write_run_page(RunRecord.read(whole)).read_text(encoding="utf-8")
    assert page.count("<summary>Values of the chart</summary>") == 4  # of which none shows rates
    rows = json.loads((whole / "report/metrics.json").read_text())["time"]["channels"]
    said = [f"21 Oct 2014, 05:00, {name}: {each['rows'][5]} rows" for name, each in rows.items()]
    for text in (*said, f"62.5{N}% of the ones found, with 25.0{N}% of the zeros"):
        assert f"<li>{text}</li>" in page


def test_columns_of_many_values_say_what_they_lack(tmp_path: Path) -> None:
    content = log(1200, ["a" if number % 2 else f"v{number}" for number in range(1200)])
    page = write_run_page(RunRecord.read(run_folder(tmp_path, content)))
    text = page.read_text(encoding="utf-8")
    assert '<p class="note">Not compared: <code>value</code>. A column is compared if' in text
    note = "More than 512 different values, so click rates are not counted."
    _, values = text.split("<strong>value</strong>")
    assert note in values.split("</details>")[0]
    assert text.count(note) == 1


def test_what_is_not_there_is_told_and_left_out(tmp_path: Path) -> None:
    page = run_page(run_folder(tmp_path, label=None, time=None))
    assert page.headings() == [
        *("chain", "figures", "channels", "columns", "drift", "values", "load", "files", "absent"),
    ]
    for text in (
        "set dataset.time to the column that says when",
        "the data has no label (dataset.label)",
        "evaluation=logistic trains one on the result and judges it",
        "request.json is not in this folder",
    ):
        assert text in page.text


def test_too_many_points_in_time_are_told(tmp_path: Path) -> None:
    page = run_page(run_folder(tmp_path, "id,click,hour\n1,0," + "x" * 65 + "\n"))
    assert "column 'hour' has more than 10,000 points in time" in page.text


def test_one_point_in_time_is_no_chart(tmp_path: Path) -> None:
    page = run_page(run_folder(tmp_path, "id,click,hour\n1,0,14102100\n2,1,14102100\n3,1,\n"))
    assert "column 'hour' has no more than one point in time" in page.text
    assert "time" not in page.headings()


def test_several_instances_have_no_metrics_in_one(whole: Path, tmp_path: Path) -> None:
    (tmp_path / "report").mkdir()
    manifest = (whole / "report" / "manifest.json").read_text()
    (tmp_path / "report" / "manifest.json").write_text(manifest)
    page = run_page(tmp_path)
    assert "several instances write one each, to folders of their own" in page.text
    assert page.headings() == ["chain", "figures", "channels", "load", "files", "absent"]


def test_rows_that_downsample_left_out_are_told(tmp_path: Path) -> None:
    fewer = StepSpec("downsample", "downsample", {"rate": 0.5})
    folder = run_folder(tmp_path, behind_split=[fewer])
    rows = json.loads((folder / "report" / "manifest.json").read_text())["rows"]
    text = run_page(folder).text
    assert re.search(rf"rows left out\s*{rows['left_out']}\b", text)
    assert "of the rows that are left" in text


def test_labels_that_are_no_clicks_have_no_rate(tmp_path: Path) -> None:
    content = log().replace("\n0,1,", "\n0,9000,")
    page = run_page(run_folder(tmp_path, content))
    assert "mean label" in page.text
    assert "click rate" not in page.text.lower()


def test_numbers_between_0_and_1_are_no_clicks(tmp_path: Path) -> None:
    page = run_page(
        run_folder(tmp_path, "id,click,site\n1,0.25,a\n2,0.5,b\n3,1,a\n4,0,c\n", time=None)
    )
    assert "mean label" in page.text
    assert "click rate" not in page.text.lower()


def test_labels_of_several_classes_are_a_table(tmp_path: Path) -> None:
    rows = "".join(f"{row},{row % 4},{'ab'[row % 2]}\n" for row in range(400))
    page = run_page(run_folder(tmp_path, f"id,click,site\n{rows}", time=None))
    assert "Labels, as parts of the rows of each channel:" in page.text
    assert not any(words in page.text.lower() for words in ("click rate", "mean label"))


def test_without_a_label_nothing_is_said_of_it(tmp_path: Path) -> None:
    page = run_page(run_folder(tmp_path, label=None))
    assert not any(words in page.text.lower() for words in ("click rate", "mean label"))


def test_warnings_are_a_box_before_the_results(tmp_path: Path) -> None:
    page = run_page(run_folder(tmp_path, "id,click,<b>\n1,0,x\n2,1,x\n3,0,x\n", time=None))
    assert page.headings()[:3] == ["chain", "warnings", "figures"]
    assert "column '<b>' has the same value in every row" in page.text
    assert "b" not in {tag for tag, _ in page.tags}


def test_strangers_values_stay_text(tmp_path: Path) -> None:
    content = log(values=HOSTILE).replace(",value,", ',"<i>na""me\u202e",')
    hostile = {**request(HOSTILE[0])}
    page = run_page(run_folder(tmp_path, content, request=hostile))
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"img", "i", "b", "iframe", "object"}
    assert sum(tag == "script" for tag, _ in page.tags) == 1
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
    assert HOSTILE[0] in page.text
    assert "{{ 7 * 7 }}" in page.text
    assert "\\u202eright to left\\u2066" in page.text
    assert "bell\\x07 and escape\\x1b[31m" in page.text
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x07\x1b]", page.text)


@pytest.mark.parametrize("name", ["run", "sweep"])
def test_a_page_loads_nothing_and_runs_only_its_own_script(whole: Path, name: str) -> None:
    text = write_run_page(RunRecord.read(whole)).read_text(encoding="utf-8")
    if name == "sweep":
        sweep = sweep_folder(whole.parent / "sweep", [({"a": "1"}, whole), ({"a": "2"}, "broken")])
        text = write_sweep_page(SweepRecord.read(sweep)).read_text(encoding="utf-8")
    page = Page(text)
    (policy,) = (attrs["content"] for _, attrs in page.tags if "http-equiv" in attrs)
    assert policy is not None
    for tag in ("style", "script"):
        (source,) = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    links = {attrs[name] for _, attrs in page.tags for name in ("src", "href") if name in attrs}
    assert links == ({"data:,", "./0/report/report.html"} if name == "sweep" else {"data:,"})
    assert not any("style" in attrs for _, attrs in page.tags)


def test_the_page_of_a_run_is_the_same_again(whole: Path) -> None:
    record = RunRecord.read(whole)
    assert write_run_page(record).read_bytes() == write_run_page(record).read_bytes()


def test_a_sweep(tmp_path: Path) -> None:
    losses = {64: 0.41, 4096: 0.4001, 65536: 0.4}
    runs = [
        (
            {"transform.n_features": str(width), "transform": kind},
            run_folder(tmp_path, n_features=width, evaluation=evaluation(loss + extra)),
        )
        for kind, extra in (("hashing", 0.0), ("custom_hashing", 0.01))
        for width, loss in losses.items()
    ]
    failed = (
        {"transform.n_features": "0", "transform": "hashing"},
        "1 problem:\n  <b>at</b> least 1",
    )
    page = sweep_page(sweep_folder(tmp_path / "sweep", [*runs, failed]))
    assert page.headings() == ["figures", "charts", "trust", "runs", "failed"]
    assert "Take transform.n_features=4096 transform=hashing: its log loss, 0.4001" in page.text
    assert "Log loss by n_features and transform" in page.text
    assert sum("level-6" in str(attrs.get("class")) for _, attrs in page.tags) > 7
    assert "1 problem:\n  <b>at</b> least 1" in page.text
    assert "advised" in page.text


def test_a_sweep_in_which_all_failed(tmp_path: Path) -> None:
    runs = [({"transform.n_features": str(n)}, "no such file") for n in (1, 2)]
    page = sweep_page(sweep_folder(tmp_path / "sweep", runs))
    assert page.headings() == ["figures", "failed"]
    assert "there is nothing to choose" in page.text


def test_the_command_makes_the_page_of_a_run(
    whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = whole / "report" / "report.html"
    page.unlink(missing_ok=True)
    assert main([str(whole)]) == 0
    assert capsys.readouterr() == (f"{page}\n", "")
    assert page.exists()


def test_the_command_makes_the_page_of_a_sweep(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = sweep_folder(tmp_path, [({"a": "1"}, whole)])
    assert main([str(sweep)]) == 0
    assert capsys.readouterr().out == f"{sweep / 'summary.html'}\n"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "holds no result (report/manifest.json is missing), and no runs of a sweep either"),
        ("gone", "there is no such folder"),
    ],
)
def test_a_folder_that_is_neither(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, said: str
) -> None:
    folder = tmp_path / name
    assert main([str(folder)]) == 1
    assert capsys.readouterr() == ("", f"{folder}: {said}\n")


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("report/manifest.json", "its manifest"),
        ("report/metrics.json", "report/metrics.json"),
        ("request.json", "request.json"),
    ],
)
def test_a_file_that_is_no_json_is_told(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, what: str
) -> None:
    folder = shutil.copytree(whole, tmp_path / "run")
    (folder / name).write_text("{")
    why = "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"
    assert main([str(folder)]) == 1
    assert capsys.readouterr() == ("", f"{folder}: {what} cannot be read ({why})\n")


def test_a_page_that_cannot_be_made_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report.try_run_page(tmp_path)
    said = "UnreadableError: {}: holds no result (report/manifest.json is missing)"
    assert capsys.readouterr() == (
        "",
        f"note: report/report.html was not made ({said.format(tmp_path)})\n",
    )


def test_nothing_of_it_is_imported_before_a_page_is_made() -> None:
    program = "import sys, headrace.results.pages; print({'jinja2', 'pygal'} & set(sys.modules))"
    done = children.run(
        [sys.executable, "-c", program],
        cwd=PROJECT / "framework", capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "set()\n"


def test_fused_runs_have_no_time_of_their_own(tmp_path: Path) -> None:
    runs = []
    for width in (64, 4096):
        folder = run_folder(tmp_path, n_features=width)
        timings = {"seconds": 1.5, "peak_memory_mb": 99.0, "threads": 1, "fused_runs": 2}
        (folder / "report" / "timings.json").write_text(json.dumps(timings))
        runs.append(({"transform.n_features": str(width)}, folder))
    page = sweep_page(sweep_folder(tmp_path / "sweep", runs))
    assert "runs 0, 1 were done in one go" in page.text
    assert "Time by n_features" not in page.text
    assert f"time of all1.50{N}s" in page.text


def test_a_model_that_saw_no_click_has_no_calibration(tmp_path: Path) -> None:
    judged = evaluation()
    figures, tenths = judged["channels"]["validation"], judged["calibration"]["validation"]
    figures |= {
        "base_rate": 0.0,
        "auc": None,
        "normalised_entropy": None,
        "calibration_ratio": None,
    }
    judged["calibration"]["validation"] = [{**tenth, "base_rate": 0.0} for tenth in tenths]
    runs = [
        ({"transform.n_features": str(n)}, run_folder(tmp_path, n_features=n, evaluation=judged))
        for n in (64, 128)
    ]
    page = sweep_page(sweep_folder(tmp_path / "sweep", runs))
    assert page.headings() == ["figures", "charts", "runs"]
    assert "ROC AUC by n_features" not in page.text
    assert "model" in run_page(tmp_path / "sweep" / "0").headings()


def test_a_result_on_s3_is_no_failure(tmp_path: Path) -> None:
    sweep = sweep_folder(tmp_path / "sweep", [({"a": "1"}, run_folder(tmp_path)), ({"a": "2"}, "")])
    Note(1, ["a=2"], "s3://bucket/2", failure="", exit_status=0).write(sweep / "1")
    page = sweep_page(sweep)
    assert "failed" not in page.headings()
    assert "its result is not on this machine: s3://bucket/2" in page.text


@pytest.mark.slow
def test_a_run_and_a_sweep_end_with_their_pages(
    headrace: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    one = headrace("output.path=one")
    many = headrace("-m", "hydra.sweep.dir=many", "transform.n_features=64,4096")
    assert (one.returncode, one.stderr, many.returncode) == (0, "", 0)
    pages = ("one/report/report.html", "many/1/report/report.html", "many/summary.html")
    assert all((tmp_path / page).stat().st_size > 20_000 for page in pages)
    for page, typed in zip(pages, ("output.path=one", "transform.n_features=4096"), strict=False):
        text = (tmp_path / page).read_text(encoding="utf-8")
        assert f"python run.py {typed}</pre>" in text or f"headrace {typed}</pre>" in text
        assert "<h1>hashing of avazu_sample.csv, on this machine, " in text
