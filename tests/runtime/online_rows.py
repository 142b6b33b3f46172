"""Single rows of a job's result, and what its folder says: for the tests of `headrace.load`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from headrace.runtime.errors import HeadraceError
from headrace.runtime.online import RowTransformer, load
from headrace.runtime.output.seal import sealed
from headrace.runtime.spec import JobSpec
from tests.runtime.jobs import Files, Result, run

Rows = Sequence[Mapping[str, Any]]


def loaded(root: Path, files: Files, spec: JobSpec) -> tuple[Result, RowTransformer]:
    result = run(root, files, spec)
    transformer = load(result.output)
    assert isinstance(transformer, RowTransformer)
    return result, transformer


def written(result: Result) -> sp.csr_matrix:
    """All rows that a job wrote, in the order of their ids."""
    channels = [each for each in ("train", "validation", "test") if result.parts(each)]
    matrix = sp.vstack([result.matrix(each) for each in channels], "csr")
    return matrix[np.argsort(np.concatenate([result.array("id", each) for each in channels]))]


def assert_same(transformer: object, rows: Rows, expected: sp.csr_matrix) -> None:
    """In one batch, in small ones, and row by row: the same pieces, types included."""
    assert isinstance(transformer, RowTransformer)
    assert transformer.n_features == expected.shape[1]
    for size in (len(rows), 7):
        for first in range(0, len(rows), size):
            part = expected[first : first + size]
            sparse = transformer.rows(rows[first : first + size])
            pieces = (sparse.offsets, sparse.indices, sparse.values)
            assert [str(each.dtype) for each in pieces] == ["int32", "int32", str(expected.dtype)]
            assert np.array_equal(sparse.offsets, part.indptr)
            assert np.array_equal(sparse.indices, part.indices)
            assert np.array_equal(sparse.values, part.data)
    for number, row in enumerate(rows):
        indices, values = transformer(row)
        assert np.array_equal(indices, expected[number].indices)
        assert np.array_equal(values, expected[number].data)
        assert values.dtype == expected.dtype


def plain_row(row: Any) -> tuple[list[int], list[float]]:
    return row[0].tolist(), row[1].tolist()


def change(folder: Path, **values: Any) -> None:
    """Write other values into a manifest, as if made so; None takes a key away."""
    file = folder / "report/manifest.json"
    changed = {**json.loads(file.read_text()), **values}
    kept = {key: value for key, value in changed.items() if value is not None}
    file.write_text(json.dumps(sealed(kept, kept["files"])))


def refusal(folder: Path) -> str:
    with pytest.raises(HeadraceError) as caught:
        load(folder)
    return str(caught.value)
