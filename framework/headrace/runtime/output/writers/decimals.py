"""Numbers as decimal text without an exponent: the shortest digits that read back as the number.

Arrow finds the digits, and writes an exponent where that is shorter; such texts are written out
here. The text of a number depends on the number alone, not on those beside it.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headrace.runtime.kernels import dense_calls
from headrace.runtime.kernels.library import library
from headrace.runtime.output.writers.base import Floats

_EXPONENT_FROM, _EXPONENT_BELOW = 1e9, 1e-6
"""Bounds between which, and a little beyond, Arrow writes no exponent."""
_FIRST = 64
"""Numbers that are looked at before all are, to see whether they are whole."""
_SCIENTIFIC = r"^(?P<sign>-?)(?P<first>\d)(?:\.(?P<rest>\d+))?e\+?(?P<exponent>-?\d+)$"


class NotFiniteError(ValueError):
    """A number for which there is no decimal text: infinite, or none."""


def decimals(column: pa.Array) -> pa.StringArray:
    """Return the text of each number of an integer or floating-point column; null stays null.

    float32 numbers get the shortest digits that tell float32 numbers apart: 0.1, not
    0.10000000149011612.

    Raises:
        NotFiniteError: A number is infinite or NaN.
    """
    kernels = library()
    made = None if kernels is None else dense_calls.decimals(kernels, column)
    if made is not None:
        return made
    if not pa.types.is_floating(column.type):
        return column.cast(pa.string())
    numbers: Floats = (column.drop_null() if column.null_count else column).to_numpy()
    sizes = np.abs(numbers)
    largest = sizes.max(initial=0)
    if not np.isfinite(largest):
        raise NotFiniteError
    if largest >= _EXPONENT_FROM:
        return _written_out(column.cast(pa.string()))
    if not column.null_count and are_whole(numbers):
        return pa.array(numbers.astype(np.int64)).cast(pa.string())
    texts = column.cast(pa.string())
    has_tiny = sizes.min(initial=1) < _EXPONENT_BELOW
    if has_tiny and ((sizes < _EXPONENT_BELOW) & (sizes > 0)).any():
        return _written_out(texts)
    return texts


def are_whole(numbers: Floats) -> bool:
    """Return whether all numbers are integers, whose text is made several times as fast.

    Args:
        numbers: Below 2**63 and finite.
    """
    return all(
        # By their bits: -0.0 is no integer.
        some.astype(np.int64).astype(some.dtype).tobytes() == some.tobytes()
        for some in (numbers[:_FIRST], numbers)
    )


def _written_out(texts: pa.StringArray) -> pa.StringArray:
    """Return the texts with those that have an exponent written without one."""
    has_exponent = pc.fill_null(pc.match_substring(texts, "e"), False)
    if not pc.any(has_exponent).as_py():
        return texts
    pieces = pc.extract_regex(texts.filter(has_exponent), _SCIENTIFIC)
    sign, first, rest = (pieces.field(name) for name in ("sign", "first", "rest"))
    digits = pc.binary_join_element_wise(first, rest, "")
    exponents = pieces.field("exponent").cast(pa.int32()).to_numpy()
    distinct = np.unique(exponents)
    order = np.argsort(exponents, kind="stable")
    ends = np.searchsorted(exponents[order], distinct, side="right")
    made, start = [], 0
    for exponent, end in zip(distinct.tolist(), ends.tolist(), strict=True):
        rows = pa.array(order[start:end])
        made.append(_shifted(sign.take(rows), digits.take(rows), exponent))
        start = end
    back = np.empty(len(order), np.int64)
    back[order] = np.arange(len(order))
    replaced = pa.concat_arrays(made).take(pa.array(back))
    return pc.replace_with_mask(texts, has_exponent, replaced)


def _shifted(sign: pa.StringArray, digits: pa.StringArray, exponent: int) -> pa.StringArray:
    """Return ``d.ddd * 10 ** exponent`` in digits; the first digit is no zero, nor the last."""
    if exponent < 0:
        return _joined(sign, "0." + "0" * (-exponent - 1), digits)
    before = exponent + 1
    whole = pc.utf8_slice_codeunits(pc.utf8_rpad(digits, before, "0"), 0, before)
    behind = pc.utf8_slice_codeunits(digits, before)
    point = pc.if_else(pc.equal(pc.utf8_length(behind), 0), "", ".")
    return _joined(sign, whole, point, behind)


def _joined(*pieces: pa.StringArray | str) -> pa.StringArray:
    return pc.binary_join_element_wise(*pieces, "")
