"""Jobs from Python: compiled, looked at, run, read back; whatever else the process does."""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import hydra
import numpy as np
import pytest
import scipy.sparse as sp
from hydra.core.global_hydra import GlobalHydra
from hydra.version import VersionBase
from omegaconf import OmegaConf

import headrace
from headrace import RunResult, compile, load, run
from headrace.config.defaults import PROJECT
from headrace.config.hydra.session import fresh_folder
from headrace.errors import ConfigError, DataError, JobFailed
from headrace.results.result import RowsError
from tests import children

HASHED = "transform.n_features=1024"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test is in a folder of its own, which is not the project's."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    return run(HASHED, {"output.path": tmp_path_factory.mktemp("api") / "out"})


# -- compile


def test_a_compiled_job_is_plain_data_and_leaves_nothing_behind(elsewhere: Path) -> None:
    job = compile("backend=script", {"transform.n_features": 1024, "job.name": "mine"})
    assert job.request["ProcessingJobName"] == "mine"
    assert list(job.files) == ["code/entry.pyz"]
    assert job.config.transform.n_features == 1024
    assert [row[:2] for row in job.mapping] == [
        ("input", "data"),
        ("input", "code"),
        ("output", "train"),
        ("output", "validation"),
        ("output", "report"),
    ]
    assert list(elsewhere.iterdir()) == []


def test_by_default_a_result_gets_a_folder_of_its_own_as_on_the_command_line(
    elsewhere: Path,
) -> None:
    first, second = compile(), compile()
    assert first.config.output.path != second.config.output.path
    own = Path(first.config.output.path).relative_to(elsewhere)
    assert re.fullmatch(r"outputs/\d{4}-\d\d-\d\d/\d\d-\d\d-\d\d-\d{6}", str(own))
    configured = OmegaConf.to_container(OmegaConf.load(PROJECT / "conf/config.yaml"))
    pattern = str(configured["hydra"]["run"]["dir"])  # type: ignore[index, call-overload]
    shape = re.sub(r"\$\{now:([^}]*)\}", lambda found: _digits(found[1]), pattern)
    assert re.fullmatch(shape, str(Path(fresh_folder()).relative_to(elsewhere)))


def _digits(times: str) -> str:
    """A pattern for what ``strftime`` makes of these directives."""
    widths = {"Y": 4, "f": 6}
    return re.sub("%(.)", lambda found: f"[0-9]{{{widths.get(found[1], 2)}}}", times)


def test_what_a_compiled_job_shows() -> None:
    job = compile("backend=script", "job.name=mine", {"output.path": "out<b>"})
    assert repr(job).splitlines()[-4:] == [
        "job      mine",
        f"image    {job.request['AppSpecification']['ImageUri']}",
        "starts   python3 /opt/ml/processing/input/code/entry.pyz",
        "chain    split → feature_hasher",
    ]
    page = job._repr_html_()
    assert "<b>" not in page
    assert "out&lt;b&gt;/train</td>" in page
    assert page.count("<table>") == 2


def test_any_action_but_run_is_for_the_command_line() -> None:
    with pytest.raises(ConfigError) as caught:
        compile("action=push")
    assert str(caught.value) == (
        "1 problem in the configuration:\n"
        "  action: is for the command line; in Python, compile() plans a job and run() runs it"
    )


WRONG = [
    ("transform.n_features=0", "transform.n_features: should be at least 1 (got 0)"),
    ("datset=avazu", "datset: unknown key; did you mean 'dataset'?"),
    ("backend=sklern", "backend: there is no choice 'sklern'; did you mean 'sklearn'?"),
    ("job.name=b=c", "job.name: the value wants quotes; write 'job.name=\"b=c\"'"),
    ("job.arguments.x=1", "job.arguments.x: job.arguments is a list, whose places are numbers"),
    ("evaluation=null", "evaluation: there is no choice 'null'; allowed: linear, logistic, none"),
]


@pytest.mark.parametrize(("override", "problem"), WRONG)
def test_a_mistake_is_one_error_without_those_of_hydra(override: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        compile(override)
    assert str(caught.value) == f"1 problem in the configuration:\n  {problem}"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


# -- run


def test_a_result_is_what_the_files_say(result: RunResult) -> None:
    assert result.manifest["n_features"] == 1024
    assert [(each.name, each.rows) for each in result.channels] == [
        ("train", 4025),
        ("validation", 975),
    ]
    assert result.metrics["collision_rate"] > 0.9
    assert result.timings["seconds"] < result.seconds
    assert result.evaluation == {}
    assert result.request["ProcessingJobName"].startswith("headrace-")
    assert {path.name for path in Path(result).iterdir()} == {
        "code", "report", "request.json", "train", "validation",
    }  # fmt: skip


def test_what_a_result_shows(result: RunResult) -> None:
    lines = repr(result).splitlines()
    assert lines[0] == "channel      rows  parts    size"
    assert lines[-1] == result.output
    page = result._repr_html_()
    assert '<td style="text-align: right">4,025</td>' in page
    assert page.endswith(f"<br>{result.output}</div>")


def test_a_channel_as_a_matrix(tmp_path: Path) -> None:
    parts = run(HASHED, "output.rows_per_part=1000", "output.path=out")
    rows = parts.load("train")
    files = sorted((tmp_path / "out/train").glob("part-*"))
    assert len(files) == 5
    expected = sp.vstack([sp.load_npz(file) for file in files], "csr")
    assert (rows.features != expected).nnz == 0
    assert rows.labels is not None
    assert rows.ids is not None
    assert np.array_equal(rows.labels, np.concatenate([np.load(file)["label"] for file in files]))
    assert len(np.unique(rows.ids)) == rows.features.shape[0] == 4025


def test_rows_without_label_and_id() -> None:
    rows = run(HASHED, {"dataset.label": None, "dataset.id": None}).load("validation")
    assert (rows.labels, rows.ids) == (None, None)


def test_a_channel_that_is_not_there(result: RunResult) -> None:
    with pytest.raises(RowsError) as caught:
        result.load("valid")
    assert str(caught.value) == (
        f"{result.output}: there is no channel 'valid'; did you mean 'validation'?"
    )


def test_another_format(result: RunResult) -> None:
    made, rows = run(HASHED, "output.format=recordio").load(), result.load()
    assert (made.features != rows.features).nnz == 0
    for one, other in ((made.labels, rows.labels), (made.ids, rows.ids)):
        assert one is not None
        assert other is not None
        assert one.tolist() == other.tolist()


def test_a_result_can_be_loaded_for_single_rows(result: RunResult) -> None:
    assert load(result).n_features == 1024


def test_the_job_that_was_looked_at_is_the_one_that_runs() -> None:
    job = compile(HASHED)
    assert run(job).request is job.request
    with pytest.raises(ConfigError) as caught:
        run(job)
    assert str(caught.value) == (
        "1 problem in the configuration:\n"
        f"  output.path: the folder {job.config.output.path!r} holds a result; "
        "choose another or set output.overwrite=true"
    )


def test_a_compiled_job_takes_no_overrides() -> None:
    with pytest.raises(ConfigError) as caught:
        run(compile(), HASHED)
    assert str(caught.value) == (
        "1 problem in the configuration:\n"
        "  run() takes one compiled job or overrides; compile() it with them"
    )


@pytest.mark.parametrize("call", [compile, run])
def test_what_is_no_override_is_told(call: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        call(None)
    assert str(caught.value) == (
        "1 problem in the configuration:\n  an override is a text, as 'backend=script', or a dict, "
        "as {'transform.n_features': 4096} (got None)"
    )


def test_the_errors_are_those_of_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("id,click,a\n1,x,b\n")
    given = {"dataset.path": "bad.csv", "dataset.label": "click", "dataset.id": "id"}
    with pytest.raises((DataError, JobFailed)) as caught:
        run("dataset=csv", given)
    assert str(caught.value) == (
        "bad.csv, line 2, column 'click': expected a number, 0 or 1 for a click, got 'x'"
    )


def test_dicts_need_no_quoting(tmp_path: Path) -> None:
    folder = tmp_path / "a b, 'c' = ${x}\\"
    folder.mkdir()
    (folder / "data.csv").write_text("id,click,a\n1,0,b\n2,1,c\n3,1,d\n4,1,d\n5,1,d\n6,1,d\n")
    given = {
        "dataset.path": folder,
        "dataset.label": "click",
        "dataset.categorical": ["a"],
        "output.path": tmp_path / "o,p",
        "job.tags.team": "it's, ok: yes",
        "job.logs": False,
    }
    done = run("dataset=csv", given)
    assert done.output == str(tmp_path / "o,p")
    assert done.manifest["columns"]["categorical"] == ["a"]
    assert done.request["Tags"] == [{"Key": "team", "Value": "it's, ok: yes"}]


# -- in any process


def test_hydra_stays_as_it_was() -> None:
    """Inside a program that uses Hydra for itself, or in one that does not."""
    assert not GlobalHydra.instance().is_initialized()
    compile()
    assert not GlobalHydra.instance().is_initialized()
    with hydra.initialize_config_dir(str(PROJECT / "conf" / "dataset"), version_base="1.2"):
        theirs = hydra.compose("csv", ["path=x", "label=y"])
        base = VersionBase.instance().getbase()
        compile()
        assert VersionBase.instance().getbase() == base
        assert hydra.compose("csv", ["path=x", "label=y"]) == theirs


PROGRAM = """
import sys
import hydra
from headrace import run


@hydra.main(version_base=None, config_path=None)
def main(config):
    print(run("transform.n_features=1024", "job.logs=false").output)
    print(hydra.core.hydra_config.HydraConfig.get().runtime.output_dir)


main()
"""


def test_inside_the_program_of_another_hydra(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    ran = children.run(
        [sys.executable, "program.py", "hydra.run.dir=theirs"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(PROJECT / "framework")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stderr == ""
    ours, theirs = ran.stdout.splitlines()
    assert Path(ours).parent.parent == tmp_path / "outputs"
    assert theirs == str(tmp_path / "theirs")


def test_several_threads_at_once() -> None:
    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(lambda width: run(f"transform.n_features={width}"), (8, 64, 512)))
    assert [each.manifest["n_features"] for each in results] == [8, 64, 512]
    assert len({each.output for each in results}) == 3


def test_the_handlers_of_signals_are_given_back() -> None:
    def own(*_: object) -> None: ...

    before = signal.signal(signal.SIGINT, own)
    try:
        run(HASHED)
        assert signal.getsignal(signal.SIGINT) is own
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Obeys Ctrl-C, which whoever started the tests may have had ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_ends_the_job_and_leaves_nothing(elsewhere: Path) -> None:
    header, *rows = (PROJECT / "data/avazu_sample.csv").read_text().splitlines(keepends=True)
    long = elsewhere / "long.csv"
    long.write_text(header + "".join(rows) * 200)

    def interrupt() -> None:
        children.until(lambda: (elsewhere / "out").exists())
        os.kill(os.getpid(), signal.SIGINT)  # as a terminal does: not to this thread alone

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        run(HASHED, {"output.path": elsewhere / "out", "dataset.path": long})
    thread.join()
    assert sorted(elsewhere.iterdir()) == [long]


IMPORTS = """
import sys
import headrace
print(*sorted({"hydra", "numpy", "omegaconf", "pyarrow", "pydantic"} & sys.modules.keys()))
from headrace import compile, run
import headrace.job.compiler
print(headrace.compile is compile, callable(headrace.run), dir(headrace)[0] is not None)
"""


def test_importing_the_package_imports_nothing() -> None:
    ran = children.run(
        [sys.executable, "-c", IMPORTS],
        cwd=PROJECT / "framework",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.stderr, ran.stdout) == ("", "\nTrue True True\n")


def test_what_the_package_does_not_have() -> None:
    with pytest.raises(AttributeError, match="module 'headrace' has no attribute 'complie'"):
        headrace.complie  # noqa: B018
