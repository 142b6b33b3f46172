"""``python run.py`` with ``s3://`` on either end: what comes out, what is said, what is left."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headrace.config.defaults import PROJECT
from tests import children
from tests.s3.faults import cut_answer, cut_request, error, stall, stall_request
from tests.s3.proxy import Act, Proxy

pytestmark = pytest.mark.usefixtures("scratch")
Runner = Callable[..., subprocess.CompletedProcess[str]]
Put = Callable[..., None]
SAMPLE = (PROJECT / "data" / "avazu_sample.csv").read_bytes()
NAMES = ("a b+c.csv", "day=2/é%20ü.csv", "日本.csv")
PROGRESS = re.compile(r"downloading |uploading |[\d,]+ rows, ")
FROM_S3 = ("dataset.path=s3://logs/in/", "output.path=s3://logs/out")


@pytest.fixture
def there(s3: Any) -> Callable[[], dict[str, bytes]]:
    """What lies below the output prefix."""

    def there() -> dict[str, bytes]:
        found = s3.list_objects_v2(Bucket="logs", Prefix="out/").get("Contents", ())
        return {
            each["Key"].removeprefix("out/"): s3.get_object(Bucket="logs", Key=each["Key"])[
                "Body"
            ].read()
            for each in found
        }

    return there


def said(stderr: str) -> list[str]:
    """Its lines, but not those that tell how far a slow machine is."""
    return [line for line in stderr.splitlines() if not PROGRESS.match(line)]


def shares() -> dict[str, bytes]:
    """The sample's rows in three files, each with the header."""
    header, *rows = SAMPLE.splitlines(keepends=True)
    return {name: header + b"".join(rows[at::3]) for at, name in enumerate(NAMES)}


def test_s3_on_both_ends_gives_the_same_bytes(
    headrace: Runner,
    put: Put,
    proxy: Proxy,
    there: Callable[[], dict[str, bytes]],
    tmp_path: Path,
) -> None:
    data, output = tmp_path / "data", tmp_path / "here"
    for name, content in shares().items():
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_bytes(content)
        put({f"in/{name}": content})
    both = (
        *("transform.n_features=4096", "resources.instance_count=2", "output.rows_per_part=1000"),
        "dataset.partitions=false",  # one file is in a folder day=2/, the others are not
    )
    here = headrace(f"dataset.path={data}", f"output.path={output}", *both)
    assert (here.returncode, said(here.stderr)) == (0, [])
    proxy.on("GET", "in/a", error(503, "SlowDown"), times=1)
    proxy.on("GET", "in/day", cut_answer(10_000), times=1)
    proxy.on("PUT", "train", cut_request(10_000), times=1)
    ran = headrace(*FROM_S3, *both)
    assert (ran.returncode, said(ran.stderr)) == (0, [])
    assert ran.stdout.splitlines()[-1] == "s3://logs/out"
    files = [path for path in output.rglob("*") if path.is_file()]
    expected = {path.relative_to(output).as_posix(): path.read_bytes() for path in files}
    made = there()
    assert set(made) == set(expected) - {"report/report.html"}  # a page is made here alone
    rows = [name for name in made if name.startswith(("train/", "validation/", "report/"))]
    assert len(rows) == 18
    for name in rows:
        assert name.endswith("timings.json") or made[name] == expected[name], name
    request = json.loads(made["request.json"])
    assert request["ProcessingInputs"][0]["S3Input"]["S3Uri"] == "s3://logs/in/"


@pytest.mark.parametrize(
    ("method", "path", "fault", "last_line"),
    [
        (
            "GET",
            "/in/a.csv",
            error(400, "ExpiredToken", "The provided token has expired."),
            "s3://logs/in/a.csv cannot be read: the AWS credentials have expired (ExpiredToken); "
            "run 'aws configure', or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY",
        ),
        (
            "GET",
            "/in/a.csv",
            error(412, "PreconditionFailed", "At least one did not hold"),
            "s3://logs/in/a.csv changed while it was read; start again when nobody writes to it",
        ),
        (
            "PUT",
            "/out/report/manifest.json",
            error(403, "AccessDenied", "Access Denied"),
            "s3://logs/out/report/manifest.json cannot be written: AWS refused PutObject: "
            "AccessDenied: Access Denied",
        ),
    ],
)
def test_a_job_that_fails_underway(
    headrace: Runner,
    put: Put,
    proxy: Proxy,
    there: Callable[[], dict[str, bytes]],
    method: str,
    path: str,
    fault: Act,
    last_line: str,
) -> None:
    put({"in/a.csv": SAMPLE, "in/b.csv": SAMPLE})
    proxy.on(method, path, fault)
    ran = headrace(*FROM_S3, "transform.n_features=64")
    assert (ran.returncode, ran.stdout, said(ran.stderr)) == (1, "", [last_line])
    assert there() == {}


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        (
            "dataset.path=s3://elsewhere/in/",
            "dataset.path: cannot list 's3://elsewhere/in/': AWS refused ListObjectsV2: "
            "NoSuchBucket: The specified bucket does not exist",
        ),
        (
            "output.path=s3://elsewhere/out",
            "output.path: cannot list 's3://elsewhere/out': AWS refused ListObjectsV2: "
            "NoSuchBucket: The specified bucket does not exist",
        ),
        ("dataset.path=s3://logs/none/", "dataset.path: nothing is at 's3://logs/none/'"),
    ],
)
def test_a_wrong_place(headrace: Runner, put: Put, override: str, problem: str) -> None:
    put({"in/a.csv": SAMPLE})
    ran = headrace(*FROM_S3, override)
    expected = ["1 problem in the configuration:", f"  {problem}"]
    assert (ran.returncode, ran.stdout, said(ran.stderr)) == (2, "", expected)


@pytest.mark.parametrize(
    ("number", "method", "path", "stalled"),
    [
        pytest.param(signal.SIGINT, "GET", "/in/a.csv", stall, marks=pytest.mark.long),
        (signal.SIGTERM, "PUT", "/out/train/", stall_request),
    ],
)
def test_a_signal_while_nothing_moves(
    put: Put,
    proxy: Proxy,
    there: Callable[[], dict[str, bytes]],
    tmp_path: Path,
    number: signal.Signals,
    method: str,
    path: str,
    stalled: Callable[[threading.Event, threading.Event], Act],
) -> None:
    put({"in/a.csv": SAMPLE})
    started = threading.Event()
    proxy.on(method, path, stalled(started, proxy.over))
    with children.started(
        [sys.executable, PROJECT / "run.py", *FROM_S3],
        cwd=tmp_path,
        env=os.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        assert started.wait(60)
        program.send_signal(number)
        out, err = program.communicate(timeout=60)
    assert (program.returncode, out, said(err)) == (130, "", ["interrupted"])
    assert proxy.count(method, path) == 1
    assert there() == {}
