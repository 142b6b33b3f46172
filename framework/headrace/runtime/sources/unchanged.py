"""The files of an input stay as they are while a job reads them, or the job fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from headrace.runtime.errors import DataError
from headrace.runtime.sources.files import name_of


@contextmanager
def unchanged(files: Sequence[Path]) -> Iterator[Callable[[], None]]:
    """Remember size and time of change of each file, to compare them later.

    What goes wrong meanwhile is blamed on a changed file where there is one: two passes over
    different rows fail in many ways.

    Args:
        files: The input.

    Yields:
        To be called when a pass over the input has ended.

    Raises:
        DataError: A file has changed.
    """
    before = {file: _state(file) for file in files}

    def check() -> None:
        for file, state in before.items():
            if (now := _state(file)) != state:
                what = "was removed" if now is None else "changed"
                raise DataError(
                    f"{name_of(file)}: the file {what} while the job read it; start the job again "
                    "when nothing writes to its input"
                )

    try:
        yield check
    except Exception as error:
        try:
            check()
        except DataError as changed:
            raise changed from error
        raise


def _state(file: Path) -> tuple[int, int] | None:
    try:
        now = file.stat()
    except OSError:
        return None
    return now.st_size, now.st_mtime_ns
