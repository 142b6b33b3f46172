"""Draw faults from a seed: the same seed and number give the same fault."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

from tests.faults.judge import Trial
from tests.faults.runs import Moment
from tests.faults.scenarios import SAMPLED, Scenario
from tests.faults.shim import KINDS, Control, Plan

FULL = ("write", "make", "open")
"""What a full disk refuses; it goes on renaming and removing."""
CHANGING = tuple(kind for kind in KINDS if kind not in ("noreplace", "any"))
ERRORS = {
    "write": (errno.ENOSPC, errno.EDQUOT, errno.EIO),
    "sync": (errno.EIO, errno.ENOSPC, errno.EDQUOT),
    "rename": (errno.EIO, errno.EACCES, errno.ENOSPC, errno.EDQUOT),
    "make": (errno.EACCES, errno.ENOSPC, errno.EDQUOT, errno.EIO),
    "open": (errno.EACCES, errno.ENOSPC, errno.EDQUOT, errno.EIO),
    "close": (errno.EIO, errno.ENOSPC, errno.EDQUOT),
    "remove": (errno.EIO, errno.EACCES),
}
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
WAYS = {
    "fails": 8,  # one call fails; on a full disk all that need room
    "readonly": 1,  # from one call on the disk takes no change at all
    "killed": 2,  # SIGKILL at one call
    "killed twice": 1,  # and once more in the run that puts it in order
    "killed first": 2,  # and the run that puts it in order fails
    "signalled": 3,  # the client gets a signal at one call
    "moment": 2,  # a signal or SIGKILL after some time, wherever the run then is
}
"""What can happen → how often, in parts."""

INTERRUPT = Trial((0, 130), ("interrupted",))
KILLED = {
    "client": Trial((0, -signal.SIGKILL), may_leave=True),
    "child": Trial((0, 1), ("killed by SIGKILL",)),
}


@dataclass(frozen=True)
class Fault:
    """One of the faults of a seed.

    Attributes:
        seed: Given by the environment.
        index: Of the fault among those of the seed.
        scenario: The job that it meets.
        way: One of `WAYS`.
    """

    seed: str
    index: int
    scenario: Scenario
    way: str

    @property
    def name(self) -> str:
        """For the name of its test."""
        return f"{self.index}-{self.scenario.name}-{self.way.replace(' ', '-')}"

    def drawn(self, counted: Control, seconds: float) -> list[tuple[Plan | Moment, Trial]]:
        """What goes wrong in one run after the other, and how each may end then.

        Args:
            counted: Calls of a run of the same scenario without faults.
            seconds: That such a run takes.
        """
        random = Random(f"{self.seed} {self.index} {self.way}")  # noqa: S311 - no secret
        roles = [role for role in ("client", "child") if counted.seen(role, "any")]
        role = random.choice(roles)
        number = random.randint(1, counted.seen(role, "any"))
        match self.way:
            case "fails":
                return [_failing(random, counted, role)]
            case "readonly":
                plan = Plan(role, "any", number, "fail", errno.EROFS, CHANGING)
                return [(plan, Trial((0, 1, 2), (os.strerror(errno.EROFS),), may_leave=True))]
            case "killed":
                return [_killed(role, number)]
            case "killed twice":
                kills = [random.randint(1, counted.seen("client", "any")) for _ in range(2)]
                return [_killed("client", number) for number in kills]
            case "killed first":
                number = random.randint(1, counted.seen("client", "any"))
                again, trial = _killed(roles[-1], 1)
                return [_killed("client", number), (again, replace(trial, follows_a_kill=True))]
            case "signalled":
                plan = Plan(role, "any", number, "signal client", random.choice(SIGNALS))
                return [(plan, INTERRUPT)]
        return [_moment(random, seconds)]


def faults(seed: str, count: int) -> Iterator[Fault]:
    """The first faults of a seed: the scenarios one after the other, the ways by lot."""
    for index in range(count):
        random = Random(f"{seed} {index}")  # noqa: S311 - no secret
        (way,) = random.choices(list(WAYS), list(WAYS.values()))
        yield Fault(seed, index, SAMPLED[index % len(SAMPLED)], way)


def _failing(random: Random, counted: Control, role: str) -> tuple[Plan, Trial]:
    kind = random.choice([each for each in ERRORS if counted.seen(role, each)])
    number = random.randint(1, counted.seen(role, kind))
    value = random.choice(ERRORS[kind])
    is_full = value in (errno.ENOSPC, errno.EDQUOT)
    plan = Plan(role, kind, number, "fail", value, FULL if is_full else ())
    return plan, Trial((0, 1, 2), (os.strerror(value),), may_leave=kind == "remove")


def _moment(random: Random, seconds: float) -> tuple[Moment, Trial]:
    number = random.choice((signal.SIGKILL, *SIGNALS))
    after = random.uniform(0.1, 1.0) * seconds
    role = random.choice(("client", "client", "child"))
    if role == "child":
        return Moment(after, role, signal.SIGKILL, random.random()), KILLED[role]
    return Moment(after, role, number), KILLED[role] if number == signal.SIGKILL else INTERRUPT


def _killed(role: str, number: int) -> tuple[Plan, Trial]:
    return Plan(role, "any", number, "signal self", signal.SIGKILL), KILLED[role]
