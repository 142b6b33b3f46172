"""What stands in the place of a result on S3: ours is replaced, if the user says so, no other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headrace import targets
from headrace.aws import lock as locks
from headrace.aws.lock import Holder
from headrace.errors import ConfigError, JobFailed
from headrace.results.layout import receipt
from headrace.runtime.output.seal import sealed
from tests import children
from tests.s3.faults import after, error
from tests.s3.proxy import Proxy, pass_on
from tests.s3.results import (
    MANIFEST,
    OUT,
    PART,
    RECEIPT,
    REQUEST,
    RESULT,
    WRITE_RESULT,
    manifest,
    writing,
)
from tests.targets.by_hand import make_config, make_job

pytestmark = pytest.mark.usefixtures("patient", "scratch")
Put = Callable[..., None]
Keys = Callable[[], list[str]]
Content = Callable[[str], bytes]
LOCK = "out/.headrace.lock"
NEW = writing(b"54321")
NO_MANIFEST = "there is no report/manifest.json"
STRANGE_MANIFEST = "report/manifest.json is none of headrace's, or has been changed"


def run(script: str = NEW, *, overwrite: bool = False) -> Any:
    return targets.run(make_job(OUT, script), make_config(OUT, overwrite=overwrite))


def refused(*, overwrite: bool = False) -> str:
    with pytest.raises(ConfigError) as caught:
        run(overwrite=overwrite)
    (problem,) = caught.value.problems
    assert problem.where == "output.path"
    return problem.what


def failed(script: str = NEW, *, overwrite: bool = False) -> str:
    with pytest.raises(JobFailed) as caught:
        run(script, overwrite=overwrite)
    return str(caught.value)


@pytest.fixture
def everything(s3: Any, keys: Keys, content: Content) -> Callable[[], dict[str, bytes]]:
    """All objects and what they hold."""
    return lambda: {key: content(key) for key in keys()}


@pytest.fixture
def result(s3: Any, aws: str) -> None:
    """A result is there."""
    run(WRITE_RESULT)


# -- nothing of ours


FOREIGN = [
    "train/part-7.npz", "x", ".x/y", "/x", "request.json", "code/entry.pyz", "config/job.json",
    "packages/mine.whl", "input.manifest", "input/data/a.csv", "run.log", ".hydra/config.yaml",
    "report/metrics.json",
]  # fmt: skip


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_prefix_with_somebodys_objects_is_refused(
    put: Put, aws: str, everything: Callable[[], dict[str, bytes]], name: str, overwrite: bool
) -> None:
    put({f"out/{name}": b"precious", "out/": b"", "output/train/a": b"", "out": b""})
    before = everything()
    why = f", and is not taken for a result of headrace: {NO_MANIFEST}" if overwrite else ""
    assert refused(overwrite=overwrite) == (
        f"the prefix '{OUT}' is not empty ('{name}'){why}; choose another prefix"
    )
    assert everything() == before


def test_of_many_objects_a_few_are_named(put: Put, aws: str) -> None:
    put({f"out/{name}\x1b[31m": b"" for name in "abcde"})
    names = r"'a\x1b[31m', 'b\x1b[31m', 'c\x1b[31m', and more"
    assert refused() == f"the prefix '{OUT}' is not empty ({names}); choose another prefix"


def test_folders_markers_and_neighbours_do_not_count(put: Put, aws: str, keys: Keys) -> None:
    others = ("out/", "out/train/", "output/train/a", "out", "outer")
    put(dict.fromkeys(others, b""))
    run()
    assert keys() == sorted([*RESULT, *others])


def tampered() -> list[bytes]:
    """Manifests that are none of ours, or not as they were written."""
    good = json.loads(manifest())
    return [
        json.dumps({**good, "files": [*good["files"], "mine.txt"]}).encode(),
        json.dumps({key: value for key, value in good.items() if key != "sha256"}).encode(),
        json.dumps(sealed(good, ["../mine.txt", *good["files"]])).encode(),
        json.dumps(sealed(good, ["/mine.txt", *good["files"]])).encode(),
        *(b"", b"{}", b"[]", b"\xff", b"{" * 10_000),
    ]


@pytest.mark.parametrize("strange", tampered(), ids=range(9))
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_manifest_that_is_not_as_we_wrote_it_lists_nothing(
    put: Put, aws: str, everything: Callable[[], dict[str, bytes]], strange: bytes, overwrite: bool
) -> None:
    put(dict.fromkeys(RESULT, b"12345") | {MANIFEST: strange, "out/mine.txt": b"precious"})
    before = everything()
    message = refused(overwrite=overwrite)
    why = f", and is not taken for a result of headrace: {STRANGE_MANIFEST}" if overwrite else ""
    names = "'report/manifest.json', 'code/entry.pyz', 'mine.txt', and more"
    assert message == f"the prefix '{OUT}' is not empty ({names}){why}; choose another prefix"
    assert everything() == before


def test_somebody_who_writes_there_meanwhile(s3: Any, aws: str, keys: Keys) -> None:
    script = f"""
    import boto3
    boto3.client("s3", endpoint_url="{aws}", region_name="us-east-1", aws_access_key_id="x",
        aws_secret_access_key="x").put_object(Bucket="logs", Key="out/train/x", Body=b"theirs")
    """
    message = f"the prefix '{OUT}' is not empty ('train/x'); choose another prefix"
    assert failed(script) == message
    assert keys() == ["out/train/x"]


# -- a result of ours


def test_a_result_is_not_replaced_unasked(
    result: None, everything: Callable[[], dict[str, bytes]]
) -> None:
    before = everything()
    what = "choose another or set output.overwrite=true"
    assert refused() == f"the prefix '{OUT}' holds a result; {what}"
    assert everything() == before


MINE = [f"out/{name}" for name in (
    "mine.txt", "train/mine.csv", "test/a", "report/mine/a", "packages/mine.whl", "code/b.py",
    "config/job.json", "input/data/a.csv", ".x", "validation/part-00000.npz",
)]  # fmt: skip


def test_overwrite_replaces_the_result_and_nothing_else(
    result: None, put: Put, proxy: Proxy, keys: Keys, content: Content
) -> None:
    put(dict.fromkeys(MINE, b"precious"))
    run(overwrite=True)
    assert keys() == sorted([*RESULT, *MINE])
    assert content(PART) == b"54321"
    assert {content(key) for key in MINE} == {b"precious"}
    changes = [each for each in proxy.seen if each.startswith(("PUT", "POST"))]
    changes = [each.removeprefix("PUT /logs/") for each in changes if LOCK not in each]
    remove = "POST /logs?delete"
    assert changes[:4] == [RECEIPT, remove, remove, RECEIPT]
    assert sorted(changes[4:-2]) == sorted(key for key in RESULT if key != MANIFEST)
    assert changes[-2:] == [MANIFEST, remove]


def test_nothing_is_left_that_the_new_manifest_does_not_list(
    put: Put, aws: str, keys: Keys
) -> None:
    """A channel fewer, a package fewer, hosts fewer: what only the old manifest lists goes."""
    old = ["out/test/part-00000.npz", "out/packages/old.whl", "out/report/algo-2/manifest.json"]
    content = sealed(json.loads(manifest()), [*(key[4:] for key in (*RESULT, *old)), "gone"])
    put(dict.fromkeys((*RESULT, *old), b"12345") | {MANIFEST: json.dumps(content).encode()})
    run(overwrite=True)
    assert keys() == RESULT


@pytest.mark.parametrize("size", [5, 9])
def test_a_part_that_somebody_changed_is_not_ours_any_more(
    result: None, put: Put, everything: Callable[[], dict[str, bytes]], size: int
) -> None:
    put({PART: b"x" * size})
    before = everything()
    what = "'train/part-00000.npz' changed since it was written, so it is not replaced"
    assert refused(overwrite=True) == (
        f"the prefix '{OUT}': {what}; move it away or choose another prefix"
    )
    assert everything() == before


def test_what_is_older_than_the_manifest_is_not_read_again(
    result: None, s3: Any, proxy: Proxy
) -> None:
    time.sleep(1.1)  # times on S3 are whole seconds
    s3.copy_object(
        Bucket="logs", Key=MANIFEST, CopySource=f"logs/{MANIFEST}", MetadataDirective="REPLACE"
    )
    run(overwrite=True)
    assert proxy.count("GET", PART) == 0


def test_a_file_of_somebody_else_is_not_written_over(
    result: None, put: Put, everything: Callable[[], dict[str, bytes]]
) -> None:
    put({"out/train/other.npz": b"precious", RECEIPT: b"mine"})
    what = "'plan.json' is in the way and belongs to no earlier result"
    expected = f"the prefix '{OUT}': {what}; move it away or choose another prefix"
    assert refused(overwrite=True) == expected
    put({RECEIPT: receipt("x", {})})
    before = everything()
    script = NEW.replace("train/part-00000", "train/other")
    what = "'train/other.npz' is in the way and belongs to no earlier result"
    expected = f"the prefix '{OUT}': {what}; move it away or choose another prefix"
    assert failed(script, overwrite=True) == expected
    assert everything() == before


def test_a_request_that_claims_everything_is_not_believed(
    result: None, put: Put, content: Content
) -> None:
    request = make_job(OUT, "", outputs=("train",)).request
    request["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"] = "s3://logs/out"
    put({REQUEST: json.dumps(request).encode(), "out/mine.txt": b"precious"})
    run(overwrite=True)
    assert content("out/mine.txt") == b"precious"


# -- what fails on the way


@pytest.mark.parametrize(
    ("method", "path", "nth"),
    [("PUT", RECEIPT, 0), ("POST", "delete", 0), ("POST", "delete", 1), ("PUT", RECEIPT, 1),
     *(("PUT", key, 0) for key in RESULT)],
)  # fmt: skip
def test_a_failure_leaves_the_old_result_or_nothing(
    result: None,
    put: Put,
    proxy: Proxy,
    keys: Keys,
    content: Content,
    method: str,
    path: str,
    nth: int,
) -> None:
    put({"out/mine.txt": b"precious"})
    proxy.on(method, path, pass_on, times=nth)
    proxy.on(method, path, error(403, "AccessDenied", "Access Denied"), times=1)
    assert failed(overwrite=True).endswith("AccessDenied: Access Denied")
    if (path, nth) in ((RECEIPT, 0), ("delete", 0)):  # nothing has been touched yet
        assert set(RESULT) <= set(keys())
        assert content(PART) == b"12345"
        run(overwrite=True)
    else:
        assert not [key for key in keys() if key.endswith("manifest.json")]
        assert PART not in keys() or RECEIPT in keys()
    assert content("out/mine.txt") == b"precious"


KILLED = """
import os, sys
sys.path.insert(0, {project!r})
from headrace import targets
from tests.targets.by_hand import make_config, make_job
from tests.s3.results import OUT, writing
targets.run(make_job(OUT, writing(b"54321")), make_config(OUT, overwrite=True))
"""
STEPS = [
    ("PUT", RECEIPT, 0), ("POST", "delete", 0), ("POST", "delete", 1), ("PUT", RECEIPT, 1),
    ("PUT", PART, 0), ("PUT", REQUEST, 0), ("PUT", MANIFEST, 0), ("POST", "delete", 2),
]  # fmt: skip
SAMPLED = (1, 4, 6)
"""Steps of `STEPS`: while the old one is removed, while the new one comes, and the last."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "step",
    [
        pytest.param(step, marks=() if step in SAMPLED else pytest.mark.long)
        for step in range(len(STEPS))
    ],
)
def test_whoever_is_killed_on_the_way_blocks_nobody(
    result: None,
    proxy: Proxy,
    keys: Keys,
    content: Content,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    step: int,
) -> None:
    """The next job replaces exactly what is left, and the old result if that is still whole."""
    method, path, nth = STEPS[step]
    project = str(Path(__file__).parents[2])
    program = tmp_path / "killed.py"
    program.write_text(KILLED.format(project=project))
    started: list[subprocess.Popen[bytes]] = []
    ready = threading.Event()

    def kill() -> None:
        assert ready.wait(30)
        started[0].kill()
        started[0].wait()

    def killing(exchange: Any) -> None:
        exchange.forward(exchange.read())
        kill()
        exchange.reset()

    proxy.on(method, path, pass_on, times=nth)
    proxy.on(method, path, killing, times=1)
    environment = {**os.environ, "TMPDIR": str(tmp_path)}  # it leaves its scratch there
    started.append(children.start([sys.executable, str(program)], cwd=tmp_path, env=environment))
    ready.set()
    assert started[0].wait(60) == -9
    assert LOCK in keys()
    is_whole = MANIFEST in keys()
    if is_whole:
        assert set(RESULT) <= set(keys())
        assert "holds a result" in refused()
    run(writing(b"67890"), overwrite=is_whole)
    assert keys() == RESULT
    assert content(PART) == b"67890"
    assert "ended and left its lock behind; going on" in capsys.readouterr().err


def test_a_receipt_that_cannot_be_removed_does_no_harm(
    s3: Any, proxy: Proxy, keys: Keys, capsys: pytest.CaptureFixture[str]
) -> None:
    proxy.on("POST", "delete", error(403, "AccessDenied", "Access Denied"))
    run()
    assert keys() == sorted([*RESULT, RECEIPT])
    why = "AWS refused DeleteObjects: AccessDenied: Access Denied"
    left = f"note: s3://logs/{RECEIPT} is left over, and means nothing: {why}\n"
    assert left in capsys.readouterr().err


def test_what_a_receipt_lists_is_replaced_unless_somebody_changed_it(
    s3: Any, put: Put, aws: str, keys: Keys
) -> None:
    contents = {"request.json": b"{}", "train/part-00000.npz": b"12345", "gone": b""}
    put({f"out/{name}": content for name, content in contents.items() if name != "gone"})
    put({RECEIPT: receipt("job-0", contents), REQUEST: b"[]"})
    what = "'request.json' changed since it was written, so it is not replaced"
    expected = f"the prefix '{OUT}': {what}; move it away or choose another prefix"
    assert refused() == expected
    put({REQUEST: b"{}", "out/mine": b""})
    assert refused() == f"the prefix '{OUT}' is not empty ('mine'); choose another prefix"
    s3.delete_object(Bucket="logs", Key="out/mine")
    run()
    assert keys() == RESULT


# -- two at once


def test_the_second_of_two_is_refused_at_once(s3: Any, proxy: Proxy, keys: Keys) -> None:
    """It comes while the first computes, and runs nothing."""
    got: list[str] = []
    proxy.on("PUT", PART, after(lambda: got.append(refused(overwrite=True))), times=1)
    run()
    host = Holder.here("").host
    assert got == [
        f"the job job-1 (process {os.getpid()} on {host}) is writing to '{OUT}'; "
        f"wait for its end ({locks.ADVICE}), or choose another prefix"
    ]
    assert keys() == RESULT


def test_two_that_begin_in_the_same_moment(s3: Any, proxy: Proxy, keys: Keys) -> None:
    """Both have found the prefix empty; one of them gets the lock."""
    got: list[str] = []
    proxy.on("PUT", LOCK, after(lambda: got.append(str(run()))), times=1)
    what = "choose another or set output.overwrite=true"
    assert failed() == f"the prefix '{OUT}' holds a result; {what}"
    assert len(got) == 1
    assert keys() == RESULT


def test_whoever_was_taken_over_publishes_nothing(
    result: None, aws: str, keys: Keys, content: Content
) -> None:
    """It stood still for so long that another one took the lock."""
    theirs = Holder.here("theirs")
    script = f"""
import boto3
boto3.client("s3", endpoint_url="{aws}", region_name="us-east-1", aws_access_key_id="x",
    aws_secret_access_key="x").put_object(
    Bucket="logs", Key="{LOCK}", Body={theirs.to_json()!r})
"""
    lost = f"the lock s3://logs/{LOCK} is lost: {theirs} has taken it over"
    assert failed(NEW + script, overwrite=True) == f"{lost}; nothing more is written"
    assert keys() == sorted([LOCK, *RESULT])
    assert content(PART) == b"12345"


def test_a_lock_that_is_lost_while_parts_are_uploaded(
    s3: Any, put: Put, proxy: Proxy, keys: Keys
) -> None:
    theirs = Holder.here("theirs")
    proxy.on("PUT", PART, after(lambda: put({LOCK: theirs.to_json()})))
    lost = f"the lock s3://logs/{LOCK} is lost: {theirs} has taken it over"
    assert failed() == f"{lost}; nothing more is written"
    assert keys() == [LOCK]
