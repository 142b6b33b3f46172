"""Of all that want to write to a prefix one may, and a lock that nobody holds stops nobody."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Barrier, Event, Thread
from typing import Any

import pytest

from headrace.aws import lock as locks
from headrace.aws.lock import Holder, Lock, held_by, locked
from headrace.errors import JobFailed
from tests import children
from tests.s3.faults import error, stall_request, without
from tests.s3.proxy import Exchange, Proxy, pass_on

pytestmark = pytest.mark.usefixtures("patient")
OUT = "s3://logs/out"
KEY = "out/.headrace.lock"
URI = f"s3://logs/{KEY}"
ADVICE = "a lock that nobody renews ends after two minutes"


def nothing() -> None:
    """Nobody wants an end."""


@contextmanager
def taken(job: str = "mine") -> Iterator[Lock]:
    with locked(OUT, job, None, nothing) as lock:
        yield lock


def refused(job: str = "mine") -> str:
    with pytest.raises(JobFailed) as caught, taken(job):
        pass
    return str(caught.value)


@pytest.fixture
def theirs(put: Callable[..., None]) -> Callable[..., Holder]:
    """Puts a lock of somebody else."""

    def theirs(**changes: object) -> Holder:
        holder = Holder(**{**vars(Holder.here("theirs")), "token": "t", **changes})
        put({KEY: holder.to_json()})
        return holder

    return theirs


def ended() -> dict[str, object]:
    """A process that was here."""
    done = children.run([sys.executable, "-c", "import os; print(os.getpid())"],
                          capture_output=True, text=True, check=True)  # fmt: skip
    return {"pid": int(done.stdout)}


def test_a_lock_is_there_while_it_is_held(
    s3: Any, keys: Callable[[], list[str]], content: Callable[[str], bytes]
) -> None:
    assert held_by(OUT) is None
    with taken() as lock:
        assert keys() == [KEY]
        told = json.loads(content(KEY))
        assert (told["job"], told["pid"]) == ("mine", os.getpid())
        assert str(held_by(OUT)).startswith(f"the job mine (process {os.getpid()} on ")
        lock.confirm()
        assert content(KEY) != json.dumps(told).encode()
        assert held_by(OUT) is not None
    assert keys() == []
    assert held_by(OUT) is None


def test_the_second_is_refused_by_the_name_of_the_first(
    s3: Any, keys: Callable[[], list[str]]
) -> None:
    with taken("first"):
        message = refused("second")
        assert keys() == [KEY]
    host = Holder.here("").host
    assert message == (
        f"the job first (process {os.getpid()} on {host}) is writing to '{OUT}'; "
        f"wait for its end ({ADVICE}), or choose another prefix"
    )


def test_of_many_at_once_one_gets_it(s3: Any) -> None:
    count = 6
    together, got, over = Barrier(count), list[str](), Event()

    def work(name: str) -> None:
        together.wait()
        try:
            with taken(name):
                got.append(name)
                over.wait(30)
        except JobFailed:
            got.append("")
        if len(got) == count:
            over.set()

    threads = [Thread(target=work, args=(str(number),)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([name for name in got if name]) == 1


def test_prefixes_beside_and_inside_each_other_are_apart(s3: Any) -> None:
    with taken(), locked(f"{OUT}er", "b", None, nothing), locked(f"{OUT}/in", "c", None, nothing):
        pass


def test_the_bucket_itself(s3: Any, keys: Callable[[], list[str]]) -> None:
    with locked("s3://logs", "mine", None, nothing):
        assert keys() == [".headrace.lock"]


def test_the_lock_of_a_process_that_is_gone_is_taken_over(
    s3: Any,
    theirs: Callable[..., Holder],
    keys: Callable[[], list[str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    gone = theirs(**ended())
    assert held_by(OUT) is None
    with taken():
        assert str(held_by(OUT)).startswith("the job mine ")
    assert capsys.readouterr().err == f"note: {gone} ended and left its lock behind; going on\n"
    assert keys() == []


def test_another_process_of_the_same_number_is_not_the_holder(
    s3: Any, theirs: Callable[..., Holder]
) -> None:
    theirs(begun=1)
    assert held_by(OUT) is None


def test_of_another_machine_nobody_knows_who_is_alive(
    s3: Any, theirs: Callable[..., Holder]
) -> None:
    theirs(**ended(), machine="another", host="far\x1b[31m")
    assert " on far\\x1b[31m) is writing to 's3://logs/out'; wait for its end" in refused()


def test_a_lock_that_nobody_renews_ends(
    s3: Any,
    theirs: Callable[..., Holder],
    content: Callable[[str], bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    theirs(machine="another")
    monkeypatch.setattr(locks, "LEASE_SECONDS", 0.5)
    time.sleep(2)  # the times of objects are whole seconds
    assert held_by(OUT) is None
    with taken():
        assert json.loads(content(KEY))["job"] == "mine"


def test_a_lock_is_kept_alive(
    s3: Any, content: Callable[[str], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "RENEWAL_SECONDS", 0.05)
    with taken():
        seen = set[bytes]()
        deadline = time.monotonic() + 30
        while len(seen) < 4 and time.monotonic() < deadline:
            seen.add(content(KEY))
            time.sleep(0.05)
    assert len(seen) == 4


def test_whoever_was_taken_over_hears_of_it_and_leaves_the_lock_alone(
    s3: Any, theirs: Callable[..., Holder], keys: Callable[[], list[str]]
) -> None:
    with taken() as lock:
        holder = theirs()
        with pytest.raises(JobFailed) as caught:
            lock.confirm()
    message = f"the lock {URI} is lost: {holder} has taken it over; nothing more is written"
    assert str(caught.value) == message
    assert keys() == [KEY]


def test_a_lock_that_somebody_removed_is_lost(
    s3: Any, keys: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "RENEWAL_SECONDS", 0.05)
    with taken() as lock:
        s3.delete_object(Bucket="logs", Key=KEY)
        deadline = time.monotonic() + 30
        while lock._lost is None and time.monotonic() < deadline:
            time.sleep(0.05)
        with pytest.raises(JobFailed) as caught:
            lock.confirm()
    message = f"the lock {URI} is lost: somebody has removed it; nothing more is written"
    assert str(caught.value) == message
    assert keys() == []


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"mine", b'{"job": 1}', b"\xff", b"[" * 100_000,
     Holder.here("x").to_json().replace(b'"pid": ', b'"pid": -'),
     Holder.here("x").to_json().replace(b'"x"', b"7")],
)  # fmt: skip
def test_somebodys_own_file_is_no_lock(
    s3: Any, put: Callable[..., None], content: Callable[[str], bytes], body: bytes
) -> None:
    put({KEY: body})
    message = f"{URI} is no lock of headrace; remove it or choose another prefix"
    assert refused() == message
    with pytest.raises(JobFailed) as caught:
        held_by(OUT)
    assert str(caught.value) == message
    assert content(KEY) == body


def test_the_key_of_the_result_encrypts_the_lock(s3: Any) -> None:
    key = "arn:aws:kms:us-east-1:123456789012:key/6f1ad9a0-0f7b-4a5e-8b0c-1f6b1b9f0a11"
    with locked(OUT, "mine", key, nothing) as lock:
        lock.confirm()
        head = s3.head_object(Bucket="logs", Key=KEY)
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", key)


# -- what goes wrong on the way


def lose_answer(exchange: Exchange) -> None:
    """The server has done it, and nobody hears."""
    exchange.forward(exchange.read())
    exchange.reset()


@pytest.mark.parametrize("number", [1, 2])
def test_an_answer_that_got_lost_does_not_lose_the_lock(
    s3: Any, proxy: Proxy, keys: Callable[[], list[str]], number: int
) -> None:
    proxy.on("PUT", KEY, pass_on, times=number - 1)
    proxy.on("PUT", KEY, lose_answer, times=1)
    with taken() as lock:
        lock.confirm()
        lock.confirm()
        assert keys() == [KEY]
    assert keys() == []


def test_a_conflict_of_two_puts_is_looked_at_again(s3: Any, proxy: Proxy) -> None:
    proxy.on("PUT", KEY, error(409, "ConditionalRequestConflict"), times=1)
    with taken() as lock:
        lock.confirm()


def test_a_place_where_locks_come_and_go(s3: Any, proxy: Proxy) -> None:
    proxy.on("PUT", KEY, error(412, "PreconditionFailed"))
    assert refused() == f"{URI} changes all the time: several jobs begin to write there"


def test_a_store_without_conditional_puts(
    s3: Any,
    proxy: Proxy,
    keys: Callable[[], list[str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    def act(exchange: Exchange) -> None:
        if "if-none-match" in exchange.headers or "if-match" in exchange.headers:
            error(501, "NotImplemented")(exchange)
        else:
            pass_on(exchange)

    for method in ("PUT", "DELETE"):
        proxy.on(method, KEY, act)
    with taken("first") as lock:
        assert "the job first " in refused("second")
        lock.confirm()
    assert capsys.readouterr().err == (
        f"note: {OUT}: this store has no conditional puts, so two jobs that begin in the same "
        "moment are not kept apart\n"
    )
    assert keys() == []


def test_a_store_that_only_lacks_conditional_deletions(
    s3: Any, proxy: Proxy, keys: Callable[[], list[str]]
) -> None:
    proxy.on("DELETE", KEY, error(501, "NotImplemented"), times=1)
    with taken():
        pass
    assert keys() == []


def test_a_store_that_overlooks_conditions_still_refuses_a_later_one(s3: Any, proxy: Proxy) -> None:
    proxy.on("PUT", KEY, without("if-none-match"))
    with taken("first"):
        assert "the job first " in refused("second")


def test_a_place_that_takes_no_lock(s3: Any, proxy: Proxy) -> None:
    proxy.on("PUT", KEY, error(403, "AccessDenied", "Access Denied"))
    assert refused() == "AWS refused PutObject: AccessDenied: Access Denied"


def test_a_lock_that_cannot_be_removed(
    s3: Any, proxy: Proxy, capsys: pytest.CaptureFixture[str]
) -> None:
    proxy.on("DELETE", KEY, error(403, "AccessDenied", "Access Denied"))
    with taken():
        pass
    why = "AWS refused DeleteObject: AccessDenied: Access Denied"
    assert capsys.readouterr().err == f"{URI} could not be removed ({why}); {ADVICE}\n"


def test_nobody_waits_for_a_removal_for_ever(
    s3: Any, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(locks, "RELEASE_SECONDS", 0.2)
    started = Event()
    proxy.on("DELETE", KEY, stall_request(started, proxy.over))
    with taken():
        pass
    why = "that takes too long"
    assert capsys.readouterr().err == f"{URI} could not be removed ({why}); {ADVICE}\n"


def test_ctrl_c_while_the_lock_is_being_taken(
    s3: Any, proxy: Proxy, keys: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is under way comes to its end, and then goes again."""
    arrived = Event()

    def slow(exchange: Exchange) -> None:
        arrived.set()
        time.sleep(0.5)
        pass_on(exchange)

    def check() -> None:
        if arrived.is_set():
            raise KeyboardInterrupt

    proxy.on("PUT", KEY, slow)
    with pytest.raises(KeyboardInterrupt), locked(OUT, "mine", None, check):
        pass
    assert keys() == []


KILLED = """
import sys, time
from headrace.aws.lock import locked
with locked("s3://logs/out", "killed", None, lambda: None):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_holder_that_is_killed_stops_nobody(
    s3: Any, aws: str, keys: Callable[[], list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    process = children.start([sys.executable, "-c", KILLED], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        assert re.search(rf"the job killed \(process {process.pid} on ", refused())
    finally:
        process.kill()  # a zombie from now on: its parent has not asked
    deadline = time.monotonic() + 30
    while held_by(OUT) and time.monotonic() < deadline:
        time.sleep(0.05)
    with taken():
        process.wait()
        process.stdout.close()
    assert f"note: the job killed (process {process.pid} on " in capsys.readouterr().err
    assert keys() == []
