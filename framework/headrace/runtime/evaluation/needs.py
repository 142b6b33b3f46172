"""The needs of an evaluation, all of which are known before any row is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from headrace.runtime.spec import TRAIN

if TYPE_CHECKING:
    import pyarrow as pa


def judged(channels: Sequence[str]) -> list[str]:
    """Return the channels that a model is judged on: all but the one that it learns from."""
    return [name for name in channels if name != TRAIN]


def missing(channels: Sequence[str], *, has_label: bool, is_hashed: bool) -> Iterator[str]:
    """Yield what rows lack to be evaluated, each in the words for the user."""
    if not has_label:
        yield "needs a label to learn; say which column it is (dataset.label)"
    if not is_hashed:
        yield "needs hashed rows, but no step of the chain hashes; add one, or use evaluation=none"
    if TRAIN not in channels or not judged(channels):
        yield (
            f"needs the channel {TRAIN!r} and another one to judge on "
            f"(got {', '.join(channels)}); add the step 'split', or use evaluation=none"
        )


def check(schema: pa.Schema, channels: Sequence[str]) -> None:
    """Make sure that rows of these columns can be evaluated.

    Raises:
        ChainError: They cannot.
    """
    from headrace.runtime.chain.chain import ChainError
    from headrace.runtime.output.writers.base import Layout

    layout = Layout.of(schema)
    has_label, is_hashed = layout.label is not None, layout.indices is not None
    for what in missing(channels, has_label=has_label, is_hashed=is_hashed):
        raise ChainError("evaluation", what)
