"""One case: prepare the folders, run under a fault, judge, run once more, judge again."""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.faults import scenarios
from tests.faults.judge import (
    MANIFEST,
    TRANSIENT,
    UNHARMED,
    Expected,
    State,
    Stored,
    Trial,
    judge,
    leftovers,
)
from tests.faults.runs import End, Moment, Place, Run
from tests.faults.scenarios import OWN, Scenario
from tests.faults.shim import Control, Plan, build

CLEANED = " while it wrote to "
"""What a run says if it found something that the run before had left."""


@dataclass(frozen=True)
class Reference:
    """A run of a scenario without faults.

    Attributes:
        place: Where its result lies.
        seconds: How long it took.
    """

    place: Place
    seconds: float

    @property
    def control(self) -> Control:
        """Its counters."""
        return Control(self.place.root / "control-0")


@dataclass(frozen=True)
class Workshop:
    """What all cases share, all workers of one test run included.

    Attributes:
        folder: Holds the shim, the inputs and the references.
        library: The shim.
    """

    folder: Path
    library: Path

    @classmethod
    def open(cls, folder: Path) -> Workshop | str:
        """Build the shim and write the inputs, once; the reason if there can be none."""
        folder.mkdir(exist_ok=True)
        library = folder / "shim.so"
        with _alone(folder / "lock"):
            if not library.exists():
                built = build(folder)
                if isinstance(built, str):
                    return built
                scenarios.write_inputs(folder / "inputs")
        return cls(folder, library)

    @property
    def inputs(self) -> Path:
        """What all scenarios read."""
        return self.folder / "inputs"

    def reference(self, scenario: Scenario) -> Reference:
        """The run of a scenario without faults, made by the first who asks."""
        root = self.folder / scenario.name
        with _alone(self.folder / f"{scenario.name}.lock"):
            told = root / "seconds.json"
            if not told.exists():
                shutil.rmtree(root, ignore_errors=True)
                place = self.prepared(root, scenario, with_own=False)
                end = self.start(place, scenario).end()
                assert end.status == 0, end.err
                told.write_text(json.dumps(end.seconds))
            return Reference(Place(root), json.loads(told.read_text()))

    def prepared(self, root: Path, scenario: Scenario, *, with_own: bool = True) -> Place:
        """Make the folders of a case, with what lies there before."""
        root.mkdir(parents=True, exist_ok=True)
        place = Place(root).make()
        if scenario.earlier:
            earlier = self.reference(scenarios.ALL[scenario.earlier])
            shutil.copytree(earlier.place.output, place.output)
        for name, content in OWN.items() if scenario.own and with_own else ():
            file = place.output / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        return place

    def start(self, place: Place, scenario: Scenario, *more: str, plan: Plan | None = None) -> Run:
        """Start the scenario's command, with further overrides behind."""
        arguments = [*scenario.arguments(self.inputs, place.output), *more]
        return Run(place, self.library, arguments, plan)

    def expected(self, scenario: Scenario) -> Expected:
        """What may lie there after a run of a scenario."""
        result = Stored.of(self.reference(scenario).place.output)
        own = OWN if scenario.own else {}
        if not scenario.earlier:
            return Expected(result, own)
        earlier = self.reference(scenarios.ALL[scenario.earlier])
        return Expected(result, own, Stored.of(earlier.place.output))


def verdict(
    shop: Workshop,
    place: Place,
    scenario: Scenario,
    trials: Sequence[tuple[Plan | Moment, Trial]],
) -> list[str]:
    """Run a scenario under faults, then once more without; return all that is not as promised.

    The last run is left out where the one before left the result, or all as it was at first: it
    would show nothing new.
    """
    expected = shop.expected(scenario)
    problems: list[str] = []
    more: list[str] = []
    for wrong, trial in trials:
        plan = wrong if isinstance(wrong, Plan) else None
        run = shop.start(place, scenario, *more, plan=plan)
        end = (run.signalled(wrong) if isinstance(wrong, Moment) else run).end()
        state, found = judge(end, place, expected, trial)
        problems += _told(f"under {wrong}", end, state, found)
        if (place.output / MANIFEST).exists():  # this run, too, was killed too late
            more = ["output.overwrite=true"]
    left = leftovers(place)
    if state is State.BROKEN or left:
        has_to_tell = _tells(place)
        end = shop.start(place, scenario, *more).end()
        state, found = judge(end, place, expected, UNHARMED)
        if has_to_tell and CLEANED not in end.err:
            found.append(f"it does not say that it cleaned up {', '.join(left)}")
        problems += _told("in the next run", end, state, found)
    return problems


def _tells(place: Place) -> bool:
    """Whether something lies there of which the next run has to speak."""
    files = [file for file in (place.output / TRANSIENT).rglob("*") if file.is_file()]
    return any(file.stat().st_size for file in files)


def _told(when: str, end: End, state: State, found: list[str]) -> list[str]:
    told = (
        f"(status {end.status}, {state.value}, fault met: {end.control.fired}; {end.err.strip()})"
    )
    return [f"{when}: {problem} {told}" for problem in found]


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    with file.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
