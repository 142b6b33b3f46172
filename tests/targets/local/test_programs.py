"""A user's script on this machine, from the request to the files that are delivered."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

import headrace
from headrace.config.defaults import PROJECT
from headrace.errors import ConfigError, HeadraceError
from headrace.results import compare, pages
from headrace.results.layout import listed
from headrace.results.pages.script_page import LINES
from headrace.results.result import summary
from headrace.results.stored import RunRecord
from headrace.targets.local.private_root.access import refusal
from headrace.targets.local.private_root.program import ProgramRun
from headrace.targets.local.sandbox import Sandbox
from headrace.targets.shutdown.interrupts import Interrupts
from tests import children
from tests.targets.by_hand import CODE, data_input, everything_below, make_script, run_here

pytestmark = pytest.mark.skipif(
    refusal() is not None, reason="mount namespaces are forbidden on this machine"
)
ENTRY = "code/entry.pyz"


COPY = """
from pathlib import Path
text = Path("/opt/ml/processing/input/data/a.csv").read_text()
Path("/opt/ml/processing/output/train/deep").mkdir()
Path("/opt/ml/processing/output/train/deep/b.csv").write_text(text.upper())
"""


def test_what_it_writes_is_delivered_with_a_manifest(
    output: Path, folder: Callable[..., Path], capfd: pytest.CaptureFixture[str]
) -> None:
    data = folder("a.csv")
    job = make_script(output, COPY, inputs=(data_input(data.as_uri()),))
    result = run_here(job, output)
    assert capfd.readouterr() == ("", "")
    assert everything_below(output) == [
        "code",
        ENTRY,
        "report",
        "report/log.txt",
        "report/manifest.json",
        "report/timings.json",
        "request.json",
        "train",
        "train/deep",
        "train/deep/b.csv",
    ]
    content = b"CONTENT OF A.CSV\n"
    assert (output / "train/deep/b.csv").read_bytes() == content
    part = {
        "file": "train/deep/b.csv",
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    manifest = json.loads((output / "report/manifest.json").read_bytes())
    assert manifest == result.manifest
    assert manifest["outputs"] == {"train": {"files": 1, "bytes": len(content), "parts": [part]}}
    assert manifest["inputs"]["data"] == {"files": 1, "bytes": len(content)}
    assert manifest["program"] == {
        "kind": "script",
        "entry": "x.py",
        "sha256": job.program.sha256,
        "command": ["python3", f"{CODE}/entry.pyz"],
    }
    assert manifest["digests"] == {ENTRY: job.program.sha256}
    found = listed((output / "report/manifest.json").read_bytes())
    assert found is not None
    assert found.digests == {ENTRY: job.program.sha256, part["file"]: part["sha256"]}
    *lines, time, place = summary(result).splitlines()
    assert lines == ["output  files  size", "train       1  17 B"]
    assert (time[:8], place) == ("done in ", str(output))
    assert json.loads((output / "report/timings.json").read_bytes()).keys() == {
        "seconds",
        "cpu_seconds",
        "peak_memory_mb",
    }


def test_the_same_job_leaves_the_same_manifest(tmp_path: Path, folder: Callable[..., Path]) -> None:
    manifests = set()
    for name in ("one", "two"):
        inputs = (data_input(folder("a.csv").as_uri()),)
        job = make_script(tmp_path / name, COPY, inputs=inputs, ProcessingJobName=f"job-{name}")
        run_here(job, tmp_path / name)
        manifests.add((tmp_path / name / "report/manifest.json").read_bytes())
    assert len(manifests) == 1


def test_a_result_is_replaced_as_its_manifest_says(output: Path) -> None:
    run_here(
        make_script(output, "open('/opt/ml/processing/output/train/old', 'w').write('1')"), output
    )
    (output / "mine.txt").write_text("mine")
    job = make_script(output, "open('/opt/ml/processing/output/train/new', 'w').write('2')")
    with pytest.raises(ConfigError) as caught:
        run_here(job, output)
    assert "holds a result; choose another or set output.overwrite=true" in str(caught.value)
    run_here(job, output, overwrite=True)
    assert everything_below(output / "train") == ["new"]
    assert (output / "mine.txt").read_text() == "mine"


def test_it_finds_what_the_service_gives(output: Path, folder: Callable[..., Path]) -> None:
    text = """
    import json, os, sys
    config = json.load(open("/opt/ml/config/processingjobconfig.json"))
    resources = json.load(open("/opt/ml/config/resourceconfig.json"))
    ours = [name for name in os.environ if name.startswith(("HEADRACE", "PYTHONPATH"))]
    seen = [config["ProcessingJobName"], resources, sys.argv, os.environ["MINE"], ours]
    open("/opt/ml/output/message", "w").write("said")
    open("/opt/ml/processing/output/train/seen.json", "w").write(json.dumps(seen))
    """
    job = make_script(output, text, Environment={"MINE": "/opt/ml/processing"})
    job.request["AppSpecification"]["ContainerArguments"] = ["--at", "/opt/ml/processing"]
    run_here(job, output)
    assert json.loads((output / "train/seen.json").read_text()) == [
        "job-1",
        {"current_host": "algo-1", "hosts": ["algo-1"]},
        [f"{CODE}/entry.pyz", "--at", "/opt/ml/processing"],
        "/opt/ml/processing",
        [],
    ]


def test_hidden_files_are_a_part_of_an_input(output: Path, folder: Callable[..., Path]) -> None:
    data = folder("_metadata", ".config/a", "b")
    text = """
    import os
    found = [name for _, _, names in os.walk("/opt/ml/processing/input/data") for name in names]
    open("/opt/ml/processing/output/train/seen", "w").write(" ".join(sorted(found)))
    """
    run_here(make_script(output, text, inputs=(data_input(data.as_uri()),)), output)
    assert (output / "train/seen").read_text() == "_metadata a b"


def test_instances_share_and_what_they_write_comes_together(
    output: Path, folder: Callable[..., Path], capfd: pytest.CaptureFixture[str]
) -> None:
    data = folder("a", "b", "c")
    text = """
    import json, os
    from pathlib import Path
    host = json.load(open("/opt/ml/config/resourceconfig.json"))["current_host"]
    names = sorted(os.listdir("/opt/ml/processing/input/data"))
    Path(f"/opt/ml/processing/output/train/{host}").write_text(" ".join(names))
    Path("/opt/ml/processing/output/train/schema").write_text("the same")
    print(host)
    """
    inputs = (data_input(data.as_uri(), distribution="ShardedByS3Key"),)
    run_here(make_script(output, text, inputs=inputs, instances=2), output)
    written = {path.name: path.read_text() for path in (output / "train").iterdir()}
    assert written == {"algo-1": "a c", "algo-2": "b", "schema": "the same"}
    assert sorted(capfd.readouterr().out.split("\n")) == ["", "algo-1: algo-1", "algo-2: algo-2"]


def test_an_output_may_be_called_report(output: Path, capfd: pytest.CaptureFixture[str]) -> None:
    text = """
    for name in ("evaluation.json", "report.html", "timings.json"):
        open(f"/opt/ml/processing/output/report/{name}", "w").write("[1]")
    """
    result = run_here(make_script(output, text, ("report",)), output)
    assert everything_below(output / "report") == [
        "evaluation.json",
        "log.txt",
        "manifest.json",
        "report.html",
        "timings.json",
    ]
    pages.try_run_page(output)
    assert capfd.readouterr().err == (
        "note: report/report.html was not made (FileExistsError: the program has written a file of "
        "that name)\n"
    )
    for name in ("report.html", "timings.json"):
        assert (output / "report" / name).read_text() == "[1]"
    assert result.evaluation == {}


def test_credentials_are_in_no_log(
    output: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI")
    text = "import os, sys; print(os.environ); print(dict(os.environ), file=sys.stderr)"
    run_here(make_script(output, text), output)
    printed = capfd.readouterr()
    log = (output / "report" / "log.txt").read_text()
    for each in (printed.out, printed.err, log):
        assert "'AWS_SECRET_ACCESS_KEY': '***'" in each
    assert "wJalrXUtnFEMI" not in f"{printed}{log}"


NOTES = """
import os
from pathlib import Path
Path("/opt/ml/processing/output/other files").mkdir()
Path("/opt/ml/processing/output/other files/a.csv").touch()
Path("/opt/ml/output/message").write_text("fine")
Path("/opt/ml/output/data").touch()
Path("/opt/ml/processing/input/stray").touch()
Path("/opt/ml/model").mkdir()
Path("/opt/ml/model/b.bin").touch()
Path("relative.csv").touch()
os.mkfifo("/opt/ml/processing/output/train/fifo")
os.symlink("/nowhere", "/opt/ml/processing/output/train/link")
"""


def test_what_is_lost_is_told(output: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run_here(make_script(output, NOTES, ("train", "validation")), output)
    assert capfd.readouterr().err.splitlines() == [
        "note: output 'train': entries that are neither files nor folders, or links to no file, "
        "are not delivered: 'fifo', 'link'",
        "note: output 'train' is empty: the program wrote no file to "
        "/opt/ml/processing/output/train",
        "note: output 'validation' is empty: the program wrote no file to "
        "/opt/ml/processing/output/validation",
        "note: 4 paths are in no output and thus lost: '/opt/ml/model/b.bin', "
        "'/opt/ml/output/data', '/opt/ml/processing/input/stray', "
        "'/opt/ml/processing/output/other files/a.csv'; "
        "'outputs.other_files.at=/opt/ml/processing/output/other files' delivers that folder",
        "note: 1 path is in no output and thus lost: '/relative.csv'",
    ]
    assert everything_below(output / "train") == []


@pytest.fixture
def two_results(tmp_path: Path) -> list[str]:
    places = []
    for name in ("a", "b"):
        text = f"""
        for file in ("same", "other"):
            with open("/opt/ml/processing/output/train/" + file, "w") as opened:
                opened.write(file if file == "same" else {name!r})
        print("line\\n" * 300 + "<b>the last</b>")
        """
        run_here(make_script(tmp_path / name, text), tmp_path / name, logs=False)
        places.append(str(tmp_path / name))
    return places


def test_results_are_compared_file_by_file(
    two_results: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare.main(two_results) == compare.DIFFERENT
    assert compare.main([two_results[0], two_results[0], "--recount"]) == compare.SAME
    Path(two_results[0], "train/same").write_text("changed")
    assert compare.main([two_results[0], two_results[0], "--recount"]) == compare.DIFFERENT
    shown = capsys.readouterr().out.splitlines()
    assert shown[3:5] == [
        "output  files A  files B  size A  size B",
        "train         2        2     5 B     5 B",
    ]
    told = [line for line in shown if "same" in line]
    changed = f"{two_results[0]}: train/same is not what the manifest says"
    assert told == [
        "not the same files: train differs in 'train/other'",
        "the same files",
        f"not the same files: {changed}; {changed}",
    ]


def test_a_page_shows_what_ran(two_results: list[str]) -> None:
    page = pages.write_run_page(RunRecord.read(Path(two_results[0]))).read_text()
    assert f"python3 {CODE}/entry.pyz" in page
    assert "&lt;b&gt;the last&lt;/b&gt;</pre>" in page
    assert page.count("line\n") == LINES - 1
    assert "more of them are in <code>report/log.txt</code>" in page
    assert "<td><code>/opt/ml/processing/output/train</code></td>" in page


def test_rows_cannot_be_loaded(two_results: list[str]) -> None:
    with pytest.raises(HeadraceError) as caught:
        headrace.load(two_results[0])
    assert str(caught.value) == (
        f"{two_results[0]}: holds the files of a program, not the rows of a chain"
    )


def test_from_a_configuration_to_a_result(
    tmp_path: Path, folder: Callable[..., Path], capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "copy.py").write_text(COPY + "import sys; print(sys.argv[1:])")
    result = headrace.run(
        {"output.path": str(tmp_path / "out")},
        program={"path": str(tmp_path / "copy.py"), "arguments": {"x": 1}},
        inputs={"data": str(folder("a.csv"))},
        outputs=["train"],
    )
    assert capfd.readouterr().out == "['--x', '1']\n"
    assert (tmp_path / "out/train/deep/b.csv").read_text() == "CONTENT OF A.CSV\n"
    assert repr(result).splitlines()[:2] == ["output  files  size", "train       1  17 B"]
    assert result._repr_html_().count("<tr>") == 2
    with pytest.raises(HeadraceError) as caught:
        result.load()
    assert str(caught.value) == (
        f"{tmp_path / 'out'}: load() reads channels of rows; this is a program's result, of files"
    )


@pytest.mark.skipif(find_spec("pyspark") is None, reason="needs pyspark")
def test_a_spark_script_is_started_by_this_machines_spark(output: Path, tmp_path: Path) -> None:
    job = make_script(output, "", instances=2)
    code = f"{CODE}/entry.pyz"
    job.request["AppSpecification"]["ContainerEntrypoint"] = ["smspark-submit", code]
    job.request["AppSpecification"]["ContainerArguments"] = ["--x", "1"]
    hosts = Sandbox(tmp_path / "a/b/c", str(output), is_private=True).lay_out(job, Interrupts())
    (started,) = ProgramRun(job.view, hosts, logs=True).commands()
    spec = json.loads(Path(started.argv[-1]).read_text())
    home = tmp_path / "a/b/c/algo-1.private/spark/home"
    assert spec["argv"][:2] == [f"{home}/bin/spark-submit", "--master"]
    assert spec["argv"][-3:] == [code, "--x", "1"]
    assert spec["environment"]["SPARK_HOME"] == str(home)
    assert spec["environment"]["SM_HOSTS"] == '["algo-1", "algo-2"]'


CLIENT = """
import sys
from headrace.targets.local.target import LocalTarget
from tests.targets.by_hand import make_config, make_script

output, text = sys.argv[1:]
LocalTarget().run(make_script(output, text), make_config(output))
"""
DAEMON = """
import subprocess, time
subprocess.Popen(["sleep", "1000"], start_new_session=True, env={"PATH": "/bin"})
print("ready", flush=True)
time.sleep(1000)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_nothing_outlives_the_client(output: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-c", CLIENT, output, DAEMON]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    with children.started(command, cwd=PROJECT, **pipes) as client:
        assert client.stdout is not None
        assert client.stdout.readline() == "ready\n"
        below = children.below(client.pid)
        assert len(below) == 5  # the watchdog, two of ours, the script, and what it has started
        client.send_signal(number)
        client.wait(60)
        children.until(lambda: not children.alive(below))
    run_here(make_script(output, "open('/opt/ml/processing/output/train/a', 'w').close()"), output)
    assert "train/a" in everything_below(output)
    assert ".headrace" not in everything_below(output)
