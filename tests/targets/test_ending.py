"""However a job ends, no process and no file of it is left over."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from headrace import targets
from headrace.errors import JobFailed
from headrace.runtime.process.signals import SIGNALS
from headrace.targets.local import processes
from tests import children
from tests.targets.by_hand import make_config, make_job

REPOSITORY = Path(__file__).parents[2]

SLEEP = """
import os, pathlib, subprocess, sys, time
pids = pathlib.Path({folder!r})
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
(pids / str(child.pid)).touch()
(pids / str(os.getpid())).touch()
time.sleep(60)
"""

CLIENT = """
import json, sys
from pathlib import Path
from headrace import targets
from headrace.targets.local import processes
from tests.targets.by_hand import make_config, make_job
processes.GRACE_SECONDS = 600  # a gentle end has to be enough
output, script, instances = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
try:
    targets.run(make_job(output, script, instances=instances), make_config(output))
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.fixture
def pids(tmp_path: Path) -> Path:
    folder = tmp_path / "pids"
    folder.mkdir()
    return folder


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def is_alive(pid: str) -> bool:
    with contextlib.suppress(ProcessLookupError, FileNotFoundError):
        os.kill(int(pid), 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_to_the_client_ends_everything(
    output: Path, pids: Path, number: signal.Signals
) -> None:
    script = SLEEP.format(folder=str(pids))
    command = [sys.executable, "-c", CLIENT, output, script, "2"]
    with children.started(command, cwd=REPOSITORY, stderr=subprocess.PIPE) as client:
        children.until(lambda: len(list(pids.iterdir())) == 4)
        client.send_signal(number)
        _, err = client.communicate(timeout=60)
    assert (client.returncode, err) == (130, b"")
    assert not [pid for pid in names(pids) if is_alive(pid)]
    assert not output.exists()


IN_A_SESSION_OF_ITS_OWN = """
import os, pathlib, subprocess, sys, time
pids = pathlib.Path({folder!r})
sleep = [sys.executable, "-c", "import signal, time; signal.signal(15, signal.SIG_IGN); "
         "print(flush=True); time.sleep(60)"]
child = subprocess.Popen(sleep, start_new_session=True, stdout=subprocess.PIPE)
child.stdout.readline()
(pids / str(child.pid)).touch()
time.sleep({seconds})
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_grandchild_that_has_gone_its_own_way(
    output: Path, pids: Path, number: signal.Signals
) -> None:
    script = IN_A_SESSION_OF_ITS_OWN.format(folder=str(pids), seconds=60)
    command = [sys.executable, "-c", CLIENT, output, script, "1"]
    with children.started(command, cwd=REPOSITORY) as client:
        children.until(lambda: names(pids))
        client.send_signal(number)
        client.wait(timeout=60)
        children.until(lambda: not is_alive(names(pids)[0]))


def test_one_that_outlives_its_entrypoint(output: Path, pids: Path) -> None:
    script = IN_A_SESSION_OF_ITS_OWN.format(folder=str(pids), seconds=0)
    targets.run(make_job(output, script), make_config(output))
    children.until(lambda: not is_alive(names(pids)[0]))


def test_the_stopping_condition_stops_every_host(output: Path, pids: Path) -> None:
    job = make_job(
        output,
        SLEEP.format(folder=str(pids)),
        instances=2,
        StoppingCondition={"MaxRuntimeInSeconds": 1},
    )
    with pytest.raises(JobFailed) as caught:
        targets.run(job, make_config(output))
    assert str(caught.value) == (
        "the job was stopped after 1 second (resources.max_runtime_minutes); "
        "allow more, or give it less to do"
    )
    assert not [pid for pid in names(pids) if is_alive(pid)]
    assert not output.exists()


def test_a_process_that_never_pauses_is_stopped_all_the_same(output: Path) -> None:
    condition = {"MaxRuntimeInSeconds": 1}
    job = make_job(output, "while True: print('x')", StoppingCondition=condition)
    with pytest.raises(JobFailed, match=r"^the job was stopped after 1 second"):
        targets.run(job, make_config(output, logs=False))


def test_minutes_are_called_minutes() -> None:
    from headrace.targets.local.target import _duration

    assert [_duration(seconds) for seconds in (60, 7200, 1, 90)] == [
        *("1 minute", "120 minutes", "1 second", "90 seconds")
    ]


def test_one_host_that_fails_ends_the_others_even_if_they_do_not_listen(
    output: Path, pids: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "GRACE_SECONDS", 0.2)
    script = f"""
    import json, os, pathlib, signal, sys, time
    ml = pathlib.Path(os.environ["HEADRACE_ML_ROOT"])
    config = json.loads((ml / "config/resourceconfig.json").read_text())
    pids = pathlib.Path({str(pids)!r})
    if config["current_host"] == "algo-2":
        while not list(pids.iterdir()):
            time.sleep(0.01)
        (ml / "output/message").write_text("disk on fire")
        sys.exit(1)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    (pids / str(os.getpid())).touch()
    time.sleep(60)
    """
    with pytest.raises(JobFailed) as caught:
        targets.run(make_job(output, script, instances=2), make_config(output))
    assert str(caught.value) == "disk on fire"
    (pid,) = names(pids)
    assert not is_alive(pid)


def test_what_an_entrypoint_leaves_running_dies_with_it(output: Path, pids: Path) -> None:
    """A client that waited for the other one's end would wait ten minutes."""
    script = SLEEP.format(folder=str(pids)).replace("\ntime.sleep(60)\n", "\n")
    targets.run(make_job(output, script.replace("60", "600")), make_config(output))
    children.until(lambda: not [pid for pid in names(pids) if is_alive(pid)])


def test_nobody_looks_again_and_again_whether_a_process_has_ended(
    output: Path, pids: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its end is noticed at once; `subprocess`, too, sleeps between looks if it has a limit."""
    pauses: list[float] = []
    pause = time.sleep

    def sleep(seconds: float) -> None:
        if not names(pids):
            pauses.append(seconds)
        pause(seconds)

    monkeypatch.setattr(time, "sleep", sleep)
    script = f"import pathlib, time; time.sleep(0.2); pathlib.Path({str(pids)!r}, 'end').touch()"
    targets.run(make_job(output, script), make_config(output))
    assert pauses == []


def test_the_signal_handlers_are_put_back(output: Path) -> None:
    before = [signal.getsignal(each) for each in SIGNALS]
    targets.run(make_job(output, "pass"), make_config(output))
    assert [signal.getsignal(each) for each in SIGNALS] == before


def test_the_request_may_ask_for_no_stopping_condition(output: Path) -> None:
    job = make_job(output, "pass")
    del job.request["StoppingCondition"]
    targets.run(job, make_config(output))
    assert "StoppingCondition" not in json.loads((output / "request.json").read_text())
