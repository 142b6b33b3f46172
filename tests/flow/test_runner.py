"""A flow runs what has to be run, in order, and goes on where it was."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from headrace import CompiledFlow, compile_flow, runtime, targets
from headrace.errors import ConfigError, JobFailed
from headrace.flow import runner
from headrace.flow.runner import FlowRun, failure, line_of
from headrace.flow.store import Record, Store
from tests.flow.flows import Pretended, project

JOBS = ["prepare", "fit", "judge"]


@pytest.fixture(name="here")
def own_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(project(tmp_path))
    return tmp_path


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch) -> Pretended:
    made = Pretended()
    monkeypatch.setattr(targets, "run", made)
    monkeypatch.setattr("headrace.targets.local.target.check_program", lambda view: None)
    return made


@pytest.fixture
def flow(here: Path) -> CompiledFlow:
    return compile_flow("flow=ctr")


def states(run: FlowRun) -> dict[str, str]:
    return {label: state.said for label, state in run.states.items()}


def ran(flow: CompiledFlow, **options: Any) -> FlowRun:
    run = FlowRun(flow.flow, **options)
    run.run()
    return run


def test_everything_runs_once_and_then_only_what_has_changed(
    here: Path, flow: CompiledFlow, pretended: Pretended, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    run = ran(flow, listener=lambda state: told.append(line_of(state)))
    assert pretended.ran == JOBS
    assert states(run) == dict.fromkeys(JOBS, "done")
    assert [line.split(",")[0] for line in told] == [
        f"{label}: {state}" for label in JOBS for state in ("running", "done")
    ]
    assert run.states["fit"].place == str(here / "outputs/flows/ctr/fit")
    assert states(ran(flow)) == dict.fromkeys(JOBS, "unchanged")
    assert pretended.ran == JOBS

    def again(expected: dict[str, str]) -> None:
        pretended.ran.clear()
        plan = flow.plan()
        first = next(label for label, state in plan.items() if state.state == "to run")
        assert plan[first].said == f"to run ({expected[first]})"
        told.clear()
        ran(flow, listener=lambda state: told.append(line_of(state)))
        assert pretended.ran == list(expected)
        lines = [line for line in told if "running" in line]
        assert lines == [f"{label}: running ({why})" for label, why in expected.items()]
        assert states(ran(flow)) == dict.fromkeys(JOBS, "unchanged")

    raw = here / "data" / "raw.csv"
    raw.write_text("a,b\n1,3\n")
    again({"prepare": "data changed"})  # its result is the same as before
    pretended.content = "others"
    os.utime(raw, (1, 1))
    again({"prepare": "data changed", "fit": "jobs changed", "judge": "jobs changed"})
    (here / "fit.py").write_text("# fit, better\n")
    again({"fit": "code changed", "judge": "jobs changed"})
    (here / "outputs/flows/ctr/fit/model/part.txt").write_text("cut")
    again({"fit": "its result is not whole"})
    (here / "outputs/flows/ctr/judge/report/manifest.json").unlink()
    again({"judge": "its result is not whole"})
    monkeypatch.setattr(runtime, "VERSION", "99")
    again(dict.fromkeys(JOBS, "headrace changed"))
    wheels = {"tiny-1.0-py3-none-any.whl": b"1"}
    monkeypatch.setattr("headrace.prepare._wheels", lambda *_: wheels)
    further = "configuration, code, packages, jobs changed"
    again({"prepare": further.replace(", jobs", ""), "fit": further, "judge": further})


def test_a_parameter_changes_the_jobs_that_use_it(here: Path, pretended: Pretended) -> None:
    ran(compile_flow("flow=ctr"))
    pretended.ran.clear()
    other = compile_flow("flow=ctr", "flow.parameters.depth=4")
    run = ran(other)
    assert pretended.ran == ["fit", "judge"]
    assert states(run)["prepare"] == "unchanged"
    assert states(ran(compile_flow("flow=ctr", "flow.parameters.day=x"))) == {
        "prepare": "unchanged", "fit": "done", "judge": "done",
    }  # fmt: skip


def test_content_decides_if_it_is_asked_for(here: Path, pretended: Pretended) -> None:
    flow = compile_flow("flow=ctr", "flow.strict=true")
    ran(flow)
    os.utime(here / "data" / "raw.csv", (1, 1))
    assert states(ran(flow)) == dict.fromkeys(JOBS, "unchanged")
    part = here / "outputs/flows/ctr/fit/model/part.txt"
    stamp = part.stat()
    part.write_text("swor")  # as long as before
    os.utime(part, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    pretended.ran.clear()
    ran(flow)
    assert pretended.ran == ["fit"]
    (aside,) = (here / "outputs/flows/ctr/.flow/aside").iterdir()
    assert (aside / "model/part.txt").read_text() == "swor"
    assert part.read_text() == "rows"


def test_a_failure_stops_what_needs_it_and_nothing_else(
    here: Path, pretended: Pretended, capsys: pytest.CaptureFixture[str]
) -> None:
    extra = "+flow.jobs.other=['program=script','program.path=fit.py','outputs=[x]']"
    flow = compile_flow("flow=ctr", extra)
    pretended.failing = {"fit"}
    run = ran(flow)
    assert states(run) == {
        "prepare": "done",
        "fit": "failed (fit.py ended with status 1)",
        "judge": "blocked (fit has no result)",
        "other": "done",
    }
    assert capsys.readouterr().err == "fit: fit.py ended with status 1\n"
    assert str(failure(run.states)) == (
        "2 of 4 jobs have no result: fit failed; judge did not run, since it needs that"
    )
    with pytest.raises(JobFailed, match=r"^1 of 1 jobs has no result: fit failed$"):
        raise failure({"fit": run.states["fit"]}) or AssertionError
    pretended.failing, pretended.ran = set(), []
    assert failure(ran(flow).states) is None
    assert pretended.ran == ["fit", "judge"]


def test_a_killed_flow_goes_on_where_it_was(
    flow: CompiledFlow, pretended: Pretended, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:  # the result is there, and its record is not
        patched.setattr(runner, "ended", killed)
        with pytest.raises(KeyboardInterrupt):
            ran(flow)
    assert pretended.ran == ["prepare"]
    plan = flow.plan()
    assert [plan[label].said for label in JOBS] == ["to run (it had not ended)", "to run", "to run"]
    ran(flow)
    assert pretended.ran == ["prepare", "prepare", "fit", "judge"]
    assert states(ran(flow)) == dict.fromkeys(JOBS, "unchanged")


@pytest.mark.parametrize(
    ("auc", "said"),
    [
        (0.6, "skipped (scores.0.auc of fit.report/metrics.json is 0.6, not at least 0.7)"),
        (0.7, "done"),
    ],
)
def test_a_condition_decides(
    flow: CompiledFlow, pretended: Pretended, auc: object, said: str
) -> None:
    pretended.auc = auc
    run = ran(flow)
    assert states(run)["judge"] == said
    assert failure(run.states) is None
    assert flow.plan()["judge"].said == said.replace("done", "unchanged")


def test_a_condition_may_be_a_failure_and_what_needs_a_skipped_job_is_skipped(
    here: Path, pretended: Pretended
) -> None:
    pretended.auc = 0.1
    overrides = ["program=script", "program.path=fit.py", "inputs.x=${output:judge.verdict}"]
    last = f"+flow.jobs.last={overrides}"
    assert states(ran(compile_flow("flow=ctr", last)))["last"] == "skipped (judge was skipped)"
    run = ran(compile_flow("flow=ctr", last, "+flow.when.judge.otherwise=fail"))
    assert run.states["judge"].state == "failed"
    assert run.states["last"].said == "blocked (judge has no result)"


@pytest.mark.parametrize(
    ("file", "path", "what"),
    [
        ("none.json", "auc", "when: there is no file fit.report/none.json"),
        ("metrics.json", "scores.1.auc",
         "when: fit.report/metrics.json has no 'scores.1.auc' (there is no '1')"),
        ("metrics.json", "scores.0.auc",
         "when: scores.0.auc of fit.report/metrics.json should be a number (got 'good')"),
        ("broken.json", "auc", "when: fit.report/broken.json is no JSON: Expecting value: line 1 "
         "column 1 (char 0)"),
    ],
)  # fmt: skip
def test_a_figure_that_is_not_there_is_told(
    here: Path, pretended: Pretended, file: str, path: str, what: str
) -> None:
    pretended.auc = "good"
    flow = compile_flow("flow=ctr", {"flow.when.judge.file": file, "flow.when.judge.path": path})
    assert states(ran(flow))["judge"] == f"failed ({what})"
    with pytest.raises(ConfigError) as caught:  # by now this is known before anything runs
        ran(flow)
    assert [str(each) for each in caught.value.problems] == [f"flow.jobs.judge: {what}"]


def test_everything_is_checked_before_anything_runs(here: Path, pretended: Pretended) -> None:
    (here / "judge.py").write_text("def broken(:\n")
    (here / "data" / "raw.csv").unlink()
    raw = "+flow.jobs.train={raw: {Type: Training, Arguments: {}}}"
    model = "inputs.model=${output:train.ModelArtifacts.S3ModelArtifacts}"
    overrides = ["program=script", "program.path=fit.py", model]
    behind = f"+flow.jobs.behind={{overrides: {overrides}, after: [train]}}"
    with pytest.raises(ConfigError) as caught:
        ran(compile_flow("flow=ctr", raw, behind))
    assert [str(each) for each in caught.value.problems] == [
        f"flow.jobs.prepare: inputs.raw.path: the folder '{here}/data' holds no files",
        "flow.jobs.judge: program.path: judge.py, line 1: invalid syntax",
        "flow.jobs.train: is a raw step of a SageMaker pipeline, which no target runs; use "
        "action=pipeline",
    ]
    assert pretended.ran == []


def test_a_result_of_somebody_else_is_left_alone(here: Path, pretended: Pretended) -> None:
    file = here / "outputs/flows/ctr/fit/mine.txt"
    file.parent.mkdir(parents=True)
    file.write_text("mine")
    with pytest.raises(ConfigError) as caught:
        ran(compile_flow("flow=ctr"))
    assert [str(each) for each in caught.value.problems] == [
        f"flow.jobs.fit: output.path: the folder '{file.parent}' is not empty ('mine.txt'); "
        "choose another folder"
    ]
    assert file.read_text() == "mine"


def test_jobs_that_do_not_need_each_other_run_side_by_side(
    here: Path, pretended: Pretended
) -> None:
    run = ran(compile_flow("flow=ctr", "flow.parallel=3"))
    assert states(run) == dict.fromkeys(JOBS, "done")
    assert pretended.ran == JOBS


@pytest.mark.parametrize(
    ("place", "above"),
    [("s3://b/x/y/", "s3://b/x"), ("s3://b/x", "s3://b"), ("s3://b", "s3://b"), ("/x/y", "/x")],
)
def test_the_place_above(place: str, above: str) -> None:
    assert Store(place).above().root == above


def test_runs_of_a_sweep_share_what_is_the_same(here: Path, pretended: Pretended) -> None:
    for depth in (1, 2):
        flow = compile_flow(
            "flow=ctr", f"output.path=sweep/{depth}", f"flow.parameters.depth={depth}"
        )
        run = ran(flow, sweep="sweep")
    assert pretended.ran == ["prepare", "fit", "judge", "fit", "judge"]
    assert run.states["prepare"].place == str(here / "sweep/1/prepare")
    fit = Store(str(here / "sweep/2")).read("fit")
    assert fit is not None
    assert fit.place == str(here / "sweep/2/fit")
    other = compile_flow("flow=ctr", "output.path=sweep/2", "flow.parameters.depth=3")
    assert states(ran(other, sweep="sweep"))["fit"] == (
        "failed (output.path: another run of this sweep has left its result there; give each run "
        "a place of its own, as in output.path=widths/${flow.parameters.width})"
    )


def test_a_run_of_a_sweep_does_not_read_what_all_the_others_left(
    here: Path, pretended: Pretended, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, asked = Store.read, Counter[str]()

    def counted(self: Store, name: str) -> Record | None:
        asked[self.root] += 1
        return read(self, name)

    monkeypatch.setattr(Store, "read", counted)
    counts = []
    for depth in (1, 2, 3):
        asked.clear()
        run = f"flow.parameters.depth={depth}", f"output.path=sweep/{depth}"
        ran(compile_flow("flow=ctr", *run), sweep="sweep")
        counts.append(asked.total())
        assert {Path(root).name for root in asked} == {"sweep", str(depth)}
    assert counts[1] == counts[2]


def test_two_runs_of_one_flow_do_not_mix(flow: CompiledFlow, pretended: Pretended) -> None:
    with Store(flow.flow.root).locked(), pytest.raises(JobFailed) as caught:
        ran(flow)
    assert str(caught.value) == (
        f"another run of the flow is at work in '{flow.flow.root}'; wait for its end, or choose "
        "another place"
    )


def test_a_cache_that_is_off_runs_its_job_each_time(here: Path, pretended: Pretended) -> None:
    flow = compile_flow("flow=ctr", "flow.cache=false")
    ran(flow)
    pretended.ran.clear()
    ran(flow)
    assert pretended.ran == JOBS
