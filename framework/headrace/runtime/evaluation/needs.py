"""The needs of an evaluation, all of which are known before any row is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from headrace.runtime.shown import quoted
from headrace.runtime.spec import TRAIN
from headrace.runtime.transform import (
    Role,
    encoding_of,
    features,
    is_pending,
    positions,
    role_of,
)

if TYPE_CHECKING:
    import pyarrow as pa


def judged(channels: Sequence[str]) -> list[str]:
    """Return the channels that a model is judged on: all but the one that it learns from."""
    return [name for name in channels if name != TRAIN]


def missing(channels: Sequence[str], *, has_label: bool) -> Iterator[str]:
    """Yield what rows lack to be evaluated, each in the words for the user."""
    if not has_label:
        yield "needs a label to learn; say which column it is (dataset.label)"
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

    for what in missing(channels, has_label=bool(positions(schema, Role.LABEL))):
        raise ChainError("evaluation", what)
    if positions(schema, Role.INDICES):
        return
    fields = [schema.field(place) for place in features(schema)]
    if not fields:
        raise ChainError("evaluation", "needs features, and the chain ends without any")
    for field in fields:
        if not _is_for_a_model(field):
            raise ChainError(
                "evaluation",
                f"needs numbers, and column {quoted(field.name)} holds text; add vocabulary, "
                "one_hot or feature_hasher, or use evaluation=none",
            )


def _is_for_a_model(field: pa.Field) -> bool:
    is_number = role_of(field) is Role.NUMERIC or encoding_of(field) is not None
    return is_number or is_pending(field)
