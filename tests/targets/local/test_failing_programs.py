"""A user's script that fails on this machine, or is refused: what is told of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from headrace.errors import ConfigError, HeadraceError, JobFailed
from headrace.job.job import Job
from headrace.targets.local.private_root.access import refusal
from headrace.targets.local.private_root.program import check_program
from tests.targets.by_hand import data_input, everything_below, make_script, run_here

pytestmark = pytest.mark.skipif(
    refusal() is not None, reason="mount namespaces are forbidden on this machine"
)


def failure(job: Job, output: Path, **settings: Any) -> str:
    with pytest.raises(HeadraceError) as caught:
        run_here(job, output, **settings)
    assert everything_below(output.parent) == []
    return str(caught.value)


def test_instances_do_not_overwrite_each_other(output: Path) -> None:
    text = """
    import os
    open("/opt/ml/processing/output/train/a", "w").write(os.environ["SM_CURRENT_HOST"])
    """
    assert failure(make_script(output, text, instances=2), output) == (
        "output 'train': algo-1 and algo-2 both wrote a"
    )


FAILURES = {
    "status": (
        """
        import sys
        print("something", file=sys.stderr)
        sys.exit("what is wrong")
        """,
        "algo-1 ended with status 1; the last lines of its stderr:\n  something\n  what is wrong",
    ),
    "message": (
        """
        open("/opt/ml/output/message", "w").write("no customers")
        raise SystemExit(2)
        """,
        "algo-1 ended with status 2; it left the message: no customers; it wrote nothing to stderr",
    ),
    "message that is a pipe": (
        """
        import os
        os.mkfifo("/opt/ml/output/message")
        raise SystemExit(2)
        """,
        "algo-1 ended with status 2; it wrote nothing to stderr",
    ),
    "message that is a link": (
        """
        import os
        os.symlink("/etc/passwd", "/opt/ml/output/message")
        raise SystemExit(2)
        """,
        "algo-1 ended with status 2; it wrote nothing to stderr",
    ),
    "message that is a folder": (
        """
        import os
        os.mkdir("/opt/ml/output/message")
        raise SystemExit(2)
        """,
        "algo-1 ended with status 2; it wrote nothing to stderr",
    ),
    "killed": (
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        "algo-1 was killed by SIGKILL, perhaps for want of memory; it wrote nothing to stderr",
    ),
    "memory": (
        """
        import resource, sys
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
        sys.tracebacklimit = 0
        bytearray(1 << 40)
        """,
        "algo-1 ended with status 1; it ran out of memory; the last lines of its stderr:\n"
        "  MemoryError",
    ),
    "module": (
        "import sys; sys.tracebacklimit = 0; import nowhere.at_all",
        "algo-1 ended with status 1; name the package in backend.requirements, or install it "
        "beside headrace; the last lines of its stderr:\n"
        "  ModuleNotFoundError: No module named 'nowhere'",
    ),
    "file": (
        """
        import os
        os.rmdir("/opt/ml/processing/output/train")
        open("/opt/ml/processing/output/train", "w").close()
        """,
        "output 'train': the program made a file of its folder /opt/ml/processing/output/train; "
        "write into the folder instead",
    ),
    "name": (
        "open(b'/opt/ml/processing/output/train/\\xff', 'w').close()",
        "an output holds 'train/\\udcff'; a result has no such names",
    ),
}


@pytest.mark.parametrize("what", FAILURES)
def test_a_failure_is_told_and_nothing_is_delivered(output: Path, what: str) -> None:
    text, message = FAILURES[what]
    assert failure(make_script(output, text), output) == message


@pytest.mark.parametrize("linked", ["output/train", "output"])
def test_what_is_behind_a_link_of_a_script_stays_as_it_is(
    output: Path, tmp_path: Path, linked: str
) -> None:
    outside = tmp_path / "outside"
    (outside / "train").mkdir(parents=True)
    for folder in (outside, outside / "train"):
        (folder / "closed").touch(mode=0o200)
        (folder / "link").symlink_to("/etc/passwd")
    text = f"""
    import os, shutil
    shutil.rmtree("/opt/ml/processing/{linked}")
    os.symlink({str(outside)!r}, "/opt/ml/processing/{linked}")
    """
    job = make_script(output, text)
    with pytest.raises(JobFailed) as caught:
        run_here(job, output)
    assert str(caught.value) == (
        "output 'train': the program made a link of its folder /opt/ml/processing/output/train; "
        "write into the folder instead"
    )
    assert everything_below(outside) == ["closed", "link", "train", "train/closed", "train/link"]
    for folder in (outside, outside / "train"):
        assert (folder / "link").is_symlink()
        assert (folder / "closed").stat().st_mode & 0o777 == 0o200


def test_a_script_that_takes_too_long_is_stopped(output: Path) -> None:
    limit = {"MaxRuntimeInSeconds": 1}
    job = make_script(output, "import time; time.sleep(600)", StoppingCondition=limit)
    assert failure(job, output) == (
        "the job was stopped after 1 second (resources.max_runtime_minutes); allow more, or give "
        "it less to do"
    )


def test_a_program_that_is_not_here_is_told_before_anything_runs(output: Path) -> None:
    job = make_script(output, "")
    job.request["AppSpecification"]["ContainerEntrypoint"] = ["no-such-program"]
    assert failure(job, output) == (
        "the entrypoint 'no-such-program' is no program of this machine; install it, or use "
        "target=container"
    )


def test_a_report_of_its_own_may_not_take_the_place_of_ours(output: Path) -> None:
    text = "open('/opt/ml/processing/output/report/manifest.json', 'w').close()"
    assert failure(make_script(output, text, ("report",)), output) == (
        "an output holds 'report/manifest.json', which headrace itself writes; have the program "
        "give its file another name"
    )


def test_spark_cannot_share_an_input_here(output: Path) -> None:
    shared = data_input("file:///data", distribution="ShardedByS3Key")
    job = make_script(output, "", inputs=(shared,), instances=2)
    job.request["AppSpecification"]["ContainerEntrypoint"] = ["smspark-submit", "a.py"]
    with pytest.raises(ConfigError) as caught:
        check_program(job.view)
    assert str(caught.value) == (
        "1 problem in the configuration:\n"
        "  inputs.data.sharded: Spark's executors have one /opt/ml on this machine, and would all "
        "see one share; set sharded to false, or use target=aws"
    )


def test_an_images_own_command_cannot_run_here(output: Path) -> None:
    job = make_script(output, "")
    del job.request["AppSpecification"]["ContainerEntrypoint"]
    with pytest.raises(ConfigError) as caught:
        check_program(job.view)
    assert str(caught.value) == (
        "1 problem in the configuration:\n"
        "  program: this machine cannot run an image's own command; name it in program.entrypoint, "
        "or use target=container"
    )
