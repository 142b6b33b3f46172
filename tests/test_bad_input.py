"""Bad input, from the command line to the end: status, last line, and nothing left behind.

The command runs in this process, and most jobs do; a few have processes of their own, as always.
"""

from __future__ import annotations

import io
import json
import os
import sys
import zipfile
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path

import hydra
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headrace.cli import main as cli
from headrace.config.defaults import PROJECT
from headrace.runtime.process import main as job_process
from headrace.runtime.process import setup
from headrace.runtime.spec import JOB_FILE
from headrace.targets.local import processes
from headrace.targets.local.command import Command
from headrace.targets.local.processes import Ended, Listener
from tests.bad_files import FAULTS, GOOD, LONG_GZIPPED, Content, flipped, parquet

Runner = Callable[..., "Outcome"]
# run.py itself finds conf/ only as the main program
door = hydra.main(version_base="1.3", config_path=str(PROJECT / "conf"), config_name="config")(
    cli.execute
)


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    status: int
    stdout: str
    stderr: str
    output: Path

    @property
    def left(self) -> list[str]:
        return sorted(str(path.relative_to(self.output)) for path in self.output.rglob("*"))

    @property
    def manifest(self) -> dict[str, object]:
        return dict(json.loads((self.output / "report/manifest.json").read_text("utf-8")))


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Runner:
    """Runs ``python run.py`` on the files given; the label is `click`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HYDRA_FULL_ERROR", os.environ.get("HYDRA_FULL_ERROR", "0"))

    def run(files: Content | None, *overrides: str) -> Outcome:
        for name, content in (files or {}).items():
            path = tmp_path / "data" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        defaults = ["dataset=csv", "dataset.path=data", "dataset.label=click", "output.path=out"]
        named = {each.split("=")[0] for each in overrides}
        kept = [each for each in defaults if each.split("=")[0] not in named]
        monkeypatch.setattr(sys, "argv", ["run.py", *kept, *overrides])
        try:
            status = cli.main(door)
        except SystemExit as exc:
            status = int(exc.code or 0)
        captured = capfd.readouterr()
        return Outcome(status, captured.out, captured.err, tmp_path / "out")

    return run


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the job's processes be calls of what they run."""

    def run(commands: Sequence[Command], _: float, output: Listener, *__: object) -> Ended | None:
        output.started()
        for each in commands:
            status = _called(each)
            if status:
                return Ended(each.host.name, status)
        return None

    monkeypatch.setattr(processes, "run", run)
    monkeypatch.setattr(job_process, "end_on_signals", lambda _: None)
    monkeypatch.setattr(setup, "set_up", lambda *_: None)  # of the memory of a whole process


def _called(command: Command) -> int:
    script = next(word for word in command.argv if word.endswith(".pyz"))
    with pytest.MonkeyPatch.context() as environment, zipfile.ZipFile(script) as archive:
        environment.setenv(
            job_process.ROOT_VARIABLE, command.environment[job_process.ROOT_VARIABLE]
        )
        with redirect_stderr(io.StringIO()):
            return job_process.main(archive.read(JOB_FILE).decode())


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.usefixtures("in_this_process")
def test_bad_data(command: Runner, fault: str) -> None:
    check_bad_data(command, fault)


@pytest.mark.parametrize("fault", ["label that is no number", "too few rows to shuffle"])
def test_bad_data_in_a_process_of_its_own(command: Runner, fault: str) -> None:
    check_bad_data(command, fault)


NO_COLUMN = ("column missing", "column missing, nothing like it")
"""The header of the first file tells before anything runs: the configuration is wrong."""


def check_bad_data(command: Runner, fault: str) -> None:
    files, overrides, message = FAULTS[fault]
    ended = command(files, *overrides)
    assert ended.stderr == f"{message}\n"
    assert ended.status == (2 if message.startswith("transform.") or fault in NO_COLUMN else 1)
    assert ended.left == []


@pytest.mark.usefixtures("in_this_process")
def test_broken_gzip(command: Runner) -> None:
    """Where exactly zlib notices is its own affair."""
    ended = command({"d.csv.gz": flipped(LONG_GZIPPED)})
    assert ended.status == 1
    assert ended.stderr.startswith("d.csv.gz: the gzip data is broken (")
    assert ended.stderr.count("\n") == 1
    assert ended.left == []


@pytest.mark.usefixtures("in_this_process")
def test_broken_parquet(command: Runner) -> None:
    content = parquet(pa.table({"click": ["1"] * 5000, "a": [str(i) for i in range(5000)]}))
    ended = command({"d.parquet": content[:4] + b"\xff" * 40 + content[44:]})
    assert ended.status == 1
    assert ended.stderr.startswith("d.parquet: the Parquet data is broken (")
    assert "Traceback" not in ended.stderr
    assert ended.left == []


HEADED = "1 problem in the configuration:\n  "


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nowhere.csv", "dataset.path: there is no file or folder '{here}/nowhere.csv'"),
        ("'data/*.parquet'", "dataset.path: no file matches '{here}/data/*.parquet'"),
    ],
)
def test_no_such_file(command: Runner, tmp_path: Path, path: str, message: str) -> None:
    ended = command({"d.csv": GOOD}, f"dataset.path={path}")
    expected = f"{HEADED}{message.format(here=tmp_path)}\n"
    assert (ended.stderr, ended.status, ended.left) == (expected, 2, [])


CHAINS: dict[str, tuple[tuple[str, ...], str]] = {
    "a step that needs another column": (
        ("transform=time_hashing",),
        "transform.steps.time_features: there is no column 'hour' at this point of the chain",
    ),
    "an output format for numbers": (
        ("transform=split",),
        "output.format: npz holds numbers, but column 'a' holds text; add a step that makes "
        "numbers of it (vocabulary, one_hot, feature_hasher), or use output.format=parquet",
    ),
    "no feature is left": (
        ("dataset.categorical=[]",),
        "transform.steps.feature_hasher: there is no feature column left to hash",
    ),
    "a step behind the hasher": (
        ("+transform.steps.rare_values={}",),
        "transform.steps.rare_values: there is no categorical column at this point of the chain; "
        "it stands behind 'feature_hasher', which hashes all features: put it before that "
        "(before: feature_hasher)",
    ),
    "a number of another kind": (
        ("transform.steps.split.method=time", "transform.steps.split.column=a",
         "transform.steps.split.before=5.5"),
        "transform.steps.split: before should be a point in time, written from the year "
        "down: 14102100, 2014-10-21, 2014-10-21T05:00:00Z (got '5.5')",
    ),
}  # fmt: skip


@pytest.mark.parametrize("action", ["plan", "run"])
@pytest.mark.parametrize("fault", CHAINS)
@pytest.mark.usefixtures("in_this_process")
def test_a_chain_that_does_not_fit_the_data(command: Runner, fault: str, action: str) -> None:
    overrides, message = CHAINS[fault]
    ended = command({"d.csv": GOOD}, f"action={action}", *overrides)
    expected = f"{HEADED if action == 'plan' else ''}{message}\n"
    assert (ended.stderr, ended.status, ended.left) == (expected, 2, [])


@pytest.mark.parametrize("action", ["plan", "run"])
@pytest.mark.usefixtures("in_this_process")
def test_times_that_do_not_sort_as_texts(command: Runner, action: str) -> None:
    ended = command(
        {"d.csv": "click,t\n1,11/06/2017\n0,01/02/2018\n"},
        f"action={action}",
        "transform.steps.split.method=time",
        "transform.steps.split.column=t",
        "transform.steps.split.before=11/07/2017",
    )
    message = (
        "transform.steps.split: before should be a point in time, written from the year "
        "down: 14102100, 2014-10-21, 2014-10-21T05:00:00Z (got '11/07/2017')"
    )
    assert (ended.stderr, ended.status, ended.left) == (f"{HEADED}{message}\n", 2, [])


@pytest.mark.parametrize("action", ["plan", "run"])
@pytest.mark.parametrize("name", ["a.csv", "d.jsonl"])
@pytest.mark.usefixtures("in_this_process")
def test_names_for_columns_of_files_that_name_their_own(
    command: Runner, action: str, name: str
) -> None:
    """Wherever the file stands among the others, which are never read."""
    files = {name: '{"click": 1}', "c.csv": "1,x\n", "z.jsonl": '{"click": 1, "a": "x"}'}
    ended = command(files, f"action={action}", "dataset.columns=[click,a]")
    first = "z.jsonl" if name == "a.csv" else name
    message = (
        "dataset.columns: names the columns of CSV and TSV files without a header; "
        f"{first} is read as jsonl, which names its own: leave it out"
    )
    expected = f"{HEADED if action == 'plan' else ''}{message}\n"
    assert (ended.stderr, ended.status, ended.left) == (expected, 2, [])


@pytest.mark.usefixtures("in_this_process")
def test_an_advice_does_not_lead_to_another_error(command: Runner) -> None:
    rows = ['{"click": 1, "a": "x"}'] * 1200 + ['{"click": 0, "a": "q", "z": "1", "w": [1]}']
    files = {"d.jsonl": "\n".join(rows)}
    ended = command(files)
    assert (ended.status, ended.stderr) == (
        1,
        "d.jsonl, line 1201: key 'z' does not stand in the first 1000 rows; "
        "name the columns in dataset.categorical\n",
    )
    for columns in ("[a]", "[a,z]"):
        ended = command(files, f"dataset.categorical={columns}", f"output.path=out{len(columns)}")
        assert (ended.status, ended.stderr) == (0, "")


BAD_ROWS = (
    "id,click,n,a\n1,1,1,x\n2,no,1,x\n3,1\n,1,1,x\n4,0,one,x\n5,0,,\n6,1,1,caf\xe9\n7,1,1,x,y\n8,1,1,z\n"
).encode("latin-1")


@pytest.mark.parametrize("block_bytes", [1, 30, 1 << 20])
@pytest.mark.usefixtures("in_this_process")
def test_bad_rows_are_skipped_and_counted(command: Runner, block_bytes: int) -> None:
    ended = command(
        {"d.csv": BAD_ROWS},
        "dataset.id=id",
        "dataset.numeric=[n]",
        "dataset.on_bad_rows=skip",
        "transform=split",
        "output.format=parquet",
        f"runtime.block_bytes={block_bytes}",
    )
    assert (ended.status, ended.stderr) == (0, "")
    assert ended.manifest["rows"] == {"read": 9, "written": 3, "rejected": 6}
    parts = [pq.ParquetFile(path).read() for path in sorted(ended.output.glob("*/part-*"))]
    assert sorted(pa.concat_tables(parts)["id"].to_pylist()) == ["1", "5", "8"]


@pytest.mark.usefixtures("in_this_process")
def test_what_a_file_is_called_makes_no_difference_to_the_shell(command: Runner) -> None:
    """A file's name goes into messages as it is."""
    ended = command({"a file, (1) 'x' é.csv": ""})
    assert ended.stderr == "a file, (1) 'x' é.csv: the file is empty\n"


def test_good_data(command: Runner) -> None:
    """The same command with nothing wrong, so that the tests above do test something."""
    ended = command({"d.csv": GOOD})
    assert (ended.status, ended.stderr) == (0, "")
    assert ended.manifest["rows"] == {"read": 2, "written": 2, "rejected": 0}
