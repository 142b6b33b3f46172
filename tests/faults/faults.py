"""Draw faults from a seed: the same seed and number give the same fault."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from tests.faults.judge import Trial
from tests.faults.runs import Moment
from tests.faults.scenarios import SAMPLED, Scenario
from tests.faults.shim import KINDS, Control, Plan

INTERRUPTED = 130
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
    "readonly": 1,  # from one call on the disk takes no change
    "killed": 4,  # SIGKILL at one call
    "signalled": 3,  # the client gets a signal at one call
    "moment": 2,  # a signal or SIGKILL after some time, wherever the run then is
}
"""What can happen → how often, in parts."""


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
        return f"{self.index}-{self.scenario.name}-{self.way}"

    def drawn(self, counted: Control, seconds: float) -> tuple[Plan | Moment, Trial]:
        """What goes wrong, and how the run may end then.

        Args:
            counted: Calls of a run of the same scenario without faults.
            seconds: That such a run takes.
        """
        random = Random(f"{self.seed} {self.index} {self.way}")  # noqa: S311 - no secret
        roles = [role for role in ("client", "child") if counted.seen(role, "any")]
        role = random.choice(roles)
        if self.way == "fails":
            return _failing(random, counted, role)
        if self.way == "moment":
            return _moment(random, seconds)
        number = random.randint(1, counted.seen(role, "any"))
        if self.way == "readonly":
            plan = Plan(role, "any", number, "fail", errno.EROFS, CHANGING)
            return plan, Trial((0, 1, 2), (os.strerror(errno.EROFS),), may_leave=True)
        if self.way == "killed":
            return Plan(role, "any", number, "signal self", signal.SIGKILL), _killed(role)
        value = random.choice(SIGNALS)
        return Plan(role, "any", number, "signal client", value), INTERRUPT


INTERRUPT = Trial((0, INTERRUPTED), ("interrupted",))


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
        return Moment(after, role, signal.SIGKILL), _killed(role)
    killed = Trial((0, -signal.SIGKILL), may_leave=True)
    return Moment(after, role, number), killed if number == signal.SIGKILL else INTERRUPT


def _killed(role: str) -> Trial:
    if role == "client":
        return Trial((0, -signal.SIGKILL), may_leave=True)
    return Trial((0, 1), ("killed by SIGKILL",))
