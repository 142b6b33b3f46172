"""What is drawn of a sweep: by the number of keys that differ, whatever they are."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from headrace.results.pages.document import render
from headrace.results.pages.sweep.advice import advise
from headrace.results.pages.sweep.drawings import HeatMap, Sweep, drawn, level_of
from headrace.results.pages.sweep.keys import keys_of
from headrace.results.pages.sweep.page import sweep_page
from headrace.results.pages.sweep.parallel import parallel
from headrace.results.pages.sweep.runs import Judged, differs, finished, link_to, measured
from headrace.results.records import SweepRecord, SweepRun
from headrace.results.stored import RunRecord
from tests.results.pages.samples import evaluation
from tests.results.pages.test_pages import Page

N = "\N{NARROW NO-BREAK SPACE}"


def record(
    runs: Sequence[tuple[Mapping[str, str], float | str]],
    folder: Path = Path("sweep"),
    **manifest: Any,
) -> SweepRecord:
    """A sweep of runs with these settings; each with its log loss, or why it failed."""
    made = []
    for number, (settings, came_out) in enumerate(runs):
        place = folder / str(number)
        if isinstance(came_out, str):
            made.append(SweepRun(number, place, dict(settings), "", None, came_out, 1))
            continue
        told = evaluation(came_out, auc=1 - came_out)
        told["channels"]["validation"] |= {"auc_standard_error": 0.01}
        noise = [came_out + (-1) ** row * 0.0001 * row * (number + 1) for row in range(100)]
        mean = sum(noise) / 100 - came_out
        groups = {"mean_label": [0.1] * 100, "mean_loss": [each - mean for each in noise]}
        result = RunRecord(
            place,
            {"n_features": 64, "rows": {"written": 10}, "channels": {}, **manifest},
            {},
            {"seconds": float(number + 1), "peak_memory_mb": 100.0},
            {**told, "groups": {"validation": groups}},
        )
        made.append(SweepRun(number, place, dict(settings), str(place), result))
    return SweepRecord(folder, tuple(made))


def sweep(record: SweepRecord) -> Sweep:
    runs = finished(record)
    measures = [measure for measure in measured(runs) if differs(measure, runs)]
    failed = [run.settings for run in record.runs if run.failure]
    return Sweep(runs, keys_of(runs), measures, advise(runs), failed)


def page_of(record: SweepRecord) -> Page:
    return Page(render("sweep.html", sweep_page(record)))


RATES = [({"evaluation.learning_rate": str(10.0**n)}, 0.4 + n / 100) for n in range(3)]


def test_one_number_is_a_line_for_every_measure() -> None:
    drawings = drawn(sweep(record([*RATES, ({"evaluation.learning_rate": "0"}, "no")])))
    assert [caption for caption, _ in drawings.lines] == [
        "Log loss by learning_rate",
        "ROC AUC by learning_rate",
        "Time by learning_rate",
    ]
    assert (drawings.bars, drawings.heat_maps) == ((), ())
    loss, auc, time = (str(chart.svg) for _, chart in drawings.lines)
    assert loss.count('class="dot"') == 3
    assert (loss.count('class="interval"'), auc.count('class="interval"')) == (2, 3)
    assert "interval" not in time
    assert "learning_rate 1.0: 0.6000, 0.5804 to 0.6196" in auc
    assert "learning_rate (logarithmic)" in loss
    page = page_of(record([*RATES, ({"evaluation.learning_rate": "0"}, "no")]))
    assert "Failed, and not drawn: evaluation.learning_rate=0" in page.text
    assert f"The same in all runs: memory 100{N}MB, size 0{N}B, rows 10" in page.text


def test_one_text_is_a_table_of_bars_the_best_first() -> None:
    runs = [({"transform": name}, loss) for name, loss in (("a", 0.41), ("b", 0.40), ("c", 0.43))]
    drawings = drawn(sweep(record([*runs, ({"transform": "x"}, "no such transform")])))
    loss, auc, time = drawings.bars
    assert [(bar.text, bar.shown) for bar in loss.bars] == [
        ("b", "0.4000"), ("a", "0.4100"), ("c", "0.4300"), ("x", "failed")
    ]  # fmt: skip
    assert [bar.share for bar in loss.bars] == [
        pytest.approx(1 / 3), pytest.approx(5 / 9), 1.0, None
    ]  # fmt: skip
    assert loss.caption == "Log loss by transform, from 0.3850 on"
    assert [bar.text for bar in auc.bars] == ["b", "a", "c", "x"]
    assert [bar.share for bar in time.bars][:3] == [pytest.approx(n / 3) for n in (2, 1, 3)]
    assert [bar.is_taken for bar in loss.bars] == [True, False, False, False]


def test_sixty_texts_are_cut_to_the_best() -> None:
    runs = [({"transform": f"t{n}"}, 0.4 + n / 1000) for n in range(60)]
    bars = drawn(sweep(record(runs))).bars[0]
    assert ([bar.text for bar in bars.bars], bars.left_out) == ([f"t{n}" for n in range(12)], 48)


def grid(columns: Sequence[str] = ("x", "y")) -> list[tuple[dict[str, str], float | str]]:
    return [
        ({"a.width": str(width), "kind": kind}, 0.5 - width / 100 + 0.01 * (kind == "y"))
        for width in (1, 2, 4)
        for kind in columns
    ]


def test_two_keys_are_a_heat_map() -> None:
    runs = grid()
    runs[3] = (runs[3][0], "failed")
    loss = drawn(sweep(record(runs))).heat_maps[0]
    assert isinstance(loss, HeatMap)
    assert (loss.row_key, loss.column_key, loss.columns) == ("width", "kind", ("x", "y"))
    shown = {row: [cell.shown for cell in cells] for row, cells in loss.rows}
    assert shown == {
        "1": ["0.4900", "0.5000"],
        "2": ["0.4800", "failed"],
        "4": ["0.4600", "0.4700"],
    }
    levels = {row: [cell.level for cell in cells] for row, cells in loss.rows}
    assert levels == {"1": [1, 0], "2": [3, None], "4": [6, 5]}
    assert (loss.first, loss.last) == ("0.5000", "0.4600")
    auc = drawn(sweep(record(runs))).heat_maps[1]
    assert (auc.first, auc.last) == ("0.5000", "0.5400")


def test_a_value_with_which_all_runs_failed_may_be_anything() -> None:
    runs = [({"a.x": x, "a.y": y}, 0.4 + int(x + y) / 1000) for x in "12" for y in "12"]
    page = page_of(record([*runs, ({"a.x": "no number at all", "a.y": "1"}, "why")]))
    assert "no number at all" in page.text


def test_a_value_failed_once_whatever_else_differs() -> None:
    failed = [({"transform": "x", "seed": seed}, "no such transform") for seed in "12"]
    runs = [({"transform": name, "seed": "1"}, loss) for name, loss in (("a", 0.4), ("b", 0.41))]
    assert [bar.text for bar in drawn(sweep(record([*runs, *failed]))).bars[0].bars] == list("abx")


def test_a_figure_that_some_runs_lack_stays_in_the_table() -> None:
    made = record([({"evaluation": name}, 0.4) for name in ("none", "logistic")])
    first, second = made.runs
    assert first.record is not None
    bare = dataclasses.replace(first, record=dataclasses.replace(first.record, evaluation=None))
    shown = sweep_page(SweepRecord(made.folder, (bare, second)))
    assert [each.short for each in shown["columns"]] == ["log loss", "ROC AUC", "time"]
    assert [each.short for each in shown["constant"]] == ["memory", "size", "rows"]


def test_a_search_that_tried_few_combinations_is_no_heat_map() -> None:
    runs = [({"a": str(n * 0.37), "b": str(n * n)}, 0.4 + n / 100) for n in range(1, 9)]
    made = sweep(record(runs))
    assert drawn(made).heat_maps == ()
    assert parallel(made) is not None


def test_the_same_settings_twice_are_one_mark() -> None:
    chart = drawn(sweep(record([*RATES, RATES[0]]))).lines[0][1]
    assert str(chart.svg).count('class="dot"') == 3


def test_three_keys_are_parallel_coordinates() -> None:
    runs = [
        ({"a": str(n), "b": name, "c.d": str(10**n)}, 0.4 + n / 100)
        for n in range(4)
        for name in ("<x>", "y")
    ]
    made = parallel(sweep(record(runs)))
    assert made is not None
    svg = ElementTree.fromstring(str(made.svg))  # noqa: S314 - our own
    lines = [group for group in svg if str(group.get("class")).startswith("run ")]
    assert len(lines) == 8
    assert [group.get("class") for group in lines][-1] == "run taken"
    names = [text.text for text in svg.iter("text") if "name" in str(text.get("class"))]
    assert names == ["a", "b", "d", "log loss", "ROC AUC", "time"]
    assert "<x>" in [text.text for text in svg.iter("text")]
    page = page_of(record(runs))
    assert page.headings() == ["figures", "charts", "trust", "runs"]


def test_a_place_is_no_setting() -> None:
    runs = [
        ({**settings, "output.path": f"out/{n}"}, loss) for n, (settings, loss) in enumerate(RATES)
    ]
    assert [key.name for key in keys_of(finished(record(runs)))] == ["evaluation.learning_rate"]
    assert "output.path" in page_of(record(runs)).text


def test_a_key_that_only_a_failed_run_has_is_not_advised() -> None:
    runs = [({**settings, "seed": "1"}, loss) for settings, loss in RATES]
    page = page_of(record([*runs, ({**runs[0][0], "seed": "x"}, "no")]))
    assert "Take evaluation.learning_rate=1.0: it" in page.text


def test_the_banner_is_neutral_without_advice() -> None:
    classes = [attrs.get("class") for tag, attrs in page_of(record(RATES[:1])).tags]
    assert "advice neutral" in classes
    assert "advice" in [attrs.get("class") for _, attrs in page_of(record(RATES)).tags]


def test_links_lead_to_the_pages_of_runs(tmp_path: Path) -> None:
    run = tmp_path / "out" / "javascript:a b#c"
    assert link_to(tmp_path / "sweep", run) == ""
    (run / "report").mkdir(parents=True)
    (run / "report" / "report.html").touch()
    assert link_to(tmp_path / "sweep", run) == "./../out/javascript%3Aa%20b%23c/report/report.html"


def test_programs_are_compared_by_time_memory_and_size() -> None:
    runs = record([({"job.arguments.n": str(n)}, 0.4) for n in (1, 2, 3)])
    for run in runs.runs:
        assert run.record is not None
        run.record.manifest.update(program={}, outputs={"o": {"files": 1, "bytes": 10**run.number}})
        object.__setattr__(run.record, "evaluation", None)
    captions = [caption for caption, _ in drawn(sweep(runs)).lines]
    assert captions == ["Time by n", "Size of the result by n"]
    assert "Nothing is advised" in page_of(runs).text


def test_shades() -> None:
    assert [level_of(value, 0.5, 0.4) for value in (0.5, 0.45, 0.4)] == [0, 3, 6]
    assert level_of(0.5, 0.5, 0.5) == 3


def test_the_loss_of_a_linear_regression() -> None:
    told = {"judged_on": "test", "channels": {"test": {"rows": 4, "label_mean": 2.0, "mse": 9.0}}}
    made = Judged.of(told)
    assert made is not None
    assert (made.shown, made.rows) == (3.0, ("test", 4, 2.0, ()))
    assert Judged.of(None) is None
    assert Judged.of(json.loads('{"judged_on": "t", "channels": {"t": {"rows": 1}}}')) is None
