"""Two runs into one folder: one of them is refused, and what lies there in the end is whole."""

from __future__ import annotations

import errno
import signal
from pathlib import Path

import pytest

from tests.faults import scenarios
from tests.faults.cases import Workshop
from tests.faults.judge import UNHARMED, State, Trial, judge, look
from tests.faults.runs import End
from tests.faults.shim import Plan

pytestmark = pytest.mark.slow
REFUSED = (1, 2)
HOLDER = "the job faults (process {}) is writing to "


def refusal(end: End) -> str:
    """The last line on stderr of a run that had no chance."""
    assert end.status in REFUSED, end.err
    assert "Traceback" not in end.err
    return end.err.strip().splitlines()[-1]


@pytest.mark.parametrize(
    ("scenario", "share"),
    [
        ("fresh", 0.3),
        pytest.param("fresh", 0.9, marks=pytest.mark.long),
        *(pytest.param("overwrite", share, marks=pytest.mark.long) for share in (0.3, 0.6)),
        ("overwrite", 0.9),
        ("plan", 0.6),
    ],
)
def test_a_second_run_is_refused_while_the_first_one_is_at_work(
    shop: Workshop, root: Path, scenario: str, share: float
) -> None:
    job = scenarios.ALL[scenario]
    expected = shop.expected(job)
    calls = shop.reference(job).control.seen("client", "any")
    place = shop.prepared(root / "case", job)
    stop = Plan("client", "any", int(share * calls), "signal self", signal.SIGSTOP)
    first = shop.start(place, job, plan=stop)
    assert first.stopped()
    second = shop.start(place, job, "job.name=second").end()
    assert HOLDER.format(first.pid) in refusal(second)
    assert judge(first.continued().end(), place, expected, UNHARMED) == (State.RESULT, [])


@pytest.mark.parametrize("scenario", ["fresh", pytest.param("overwrite", marks=pytest.mark.long)])
def test_two_runs_that_start_at_once(shop: Workshop, root: Path, scenario: str) -> None:
    job = scenarios.ALL[scenario]
    expected = shop.expected(job)
    place = shop.prepared(root / "case", job)
    both = [shop.start(place, job, f"job.name={name}") for name in ("one", "two")]
    ends = [run.end() for run in both]
    assert look(place.output, expected) == (State.RESULT, "")
    assert any(end.status == 0 for end in ends)
    for end in ends:
        # The second one may also have begun when the first one was done.
        trial = UNHARMED if end.status == 0 else Trial(REFUSED, ("is writing to", "a result"))
        _, wrong = judge(end, place, expected, trial)
        assert [each for each in wrong if not each.startswith("with status")] == []
    if scenario == "fresh":
        assert sorted(end.status == 0 for end in ends) == [False, True]


@pytest.mark.parametrize("scenario", [pytest.param("fresh", marks=pytest.mark.long), "overwrite"])
def test_file_systems_that_cannot_rename_without_replacing(
    shop: Workshop, root: Path, scenario: str
) -> None:
    job = scenarios.ALL[scenario]
    plan = Plan("client", "noreplace", 1, "fail", errno.EINVAL, ("noreplace",))
    place = shop.prepared(root / "case", job)
    end = shop.start(place, job, plan=plan).end()
    assert end.control.fired
    assert judge(end, place, shop.expected(job), UNHARMED) == (State.RESULT, [])
