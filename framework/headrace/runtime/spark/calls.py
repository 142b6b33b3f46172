"""Calls of the functions of `headrace.runtime.spark.tasks` on executors, and their results.

Spark sends these objects to its own Python processes. They hold text and numbers, and import
nothing heavy before the packages that the job ships are in their place.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from pyspark import AccumulatorParam

from headrace.runtime.errors import HeadraceError
from headrace.runtime.process.packages import use
from headrace.runtime.spark.between import leave
from headrace.runtime.spark.order import Learned, Order, Place

if TYPE_CHECKING:
    from pyspark import Accumulator, Broadcast

    from headrace.runtime.spark.scan import Seen
    from headrace.runtime.spark.tasks import Learning, Writing

T = TypeVar("T")
Failure = tuple[str, int]
"""A message, and the exit status that follows."""


class Failures(AccumulatorParam[list[Failure]]):
    """Adds up messages for Spark."""

    def zero(self, value: list[Failure]) -> list[Failure]:
        """Return the sum of no failures."""
        return []

    def addInPlace(self, value1: list[Failure], value2: list[Failure]) -> list[Failure]:  # noqa: N802 - Spark's name
        """Return the failures of both."""
        return value1 + value2


@dataclass(frozen=True)
class Counters:
    """Counters and messages that executors send the driver on the way.

    Attributes:
        failures: Mistakes of the user's that were met.
        bytes: Bytes that have been read.
        rows: Rows that have been written.
    """

    failures: Accumulator[list[Failure]]
    bytes: Accumulator[int]
    rows: Accumulator[int]


@dataclass(frozen=True)
class Call(Generic[T]):
    """One function, to be called for many items."""

    order: Order
    counters: Counters

    def __call__(self, item: tuple[str, int]) -> T | None:
        """Call it.

        Args:
            item: The text that it takes, and the bytes that it reads.

        Returns:
            None where a mistake of the user's was met: Spark would try again what raises it.
        """
        text, size = item
        try:
            _provide(self.order)
            made = self.do(text)
        except HeadraceError as error:
            self.counters.failures.add([(str(error), error.exit_status)])
            return None
        finally:
            leave()
        self.counters.bytes.add(size)
        return made

    @abstractmethod
    def do(self, text: str) -> T:
        """Call the function itself."""


@dataclass(frozen=True)
class Merging(Call[T]):
    """One whose results can be put together."""

    def together(self, results: Iterable[T | None]) -> Iterator[T]:
        """Yield one result for several; none if nothing came of them."""
        if found := [result for result in results if result is not None]:
            _provide(self.order)
            yield self.merge(found)

    @abstractmethod
    def merge(self, results: Sequence[T]) -> T:
        """Return one result for several, at least one, whatever their order."""


@dataclass(frozen=True)
class Scan(Call["list[Seen]"]):
    """Looks where files can be cut."""

    def do(self, text: str) -> list[Seen]:
        """Look at some windows."""
        from headrace.runtime.spark import tasks

        return tasks.scan(self.order, text)


@dataclass(frozen=True)
class Learn(Merging["Learning"]):
    """Lets steps learn.

    Attributes:
        known: What steps have learned before.
        place: The pass.
    """

    known: Broadcast[Learned]
    place: Place

    def do(self, text: str) -> Learning:
        """Learn from one split."""
        from headrace.runtime.spark import tasks

        return tasks.learn(self.order, self.known.value, self.place, text)

    def merge(self, results: Sequence[Learning]) -> Learning:
        """Put together what was learned."""
        from headrace.runtime.spark import tasks

        return tasks.learned_together(self.order, self.known.value, self.place, results)


@dataclass(frozen=True)
class Write(Merging["Writing"]):
    """Writes parts.

    Attributes:
        known: What steps have learned; None if no step has.
    """

    known: Broadcast[Learned] | None

    def do(self, text: str) -> Writing:
        """Write the parts of some splits."""
        from headrace.runtime.spark import tasks

        learned = () if self.known is None else self.known.value
        made = tasks.write(self.order, learned, text)
        parts = (part for each in made[0].values() for part in each)
        self.counters.rows.add(sum(part["rows"] for part in parts))
        return made

    def merge(self, results: Sequence[Writing]) -> Writing:
        """Put together what was written."""
        from headrace.runtime.spark import tasks

        return tasks.written_together(results).to_plain()


@lru_cache(maxsize=1)
def _provide(order: Order) -> None:
    """Put the packages that the job ships on this process's path, once."""
    if packages := order.job.packages:
        use(Path(order.root), packages)
