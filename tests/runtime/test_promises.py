"""A transform that returns what it may not is told so, by step and file."""

from __future__ import annotations

from collections.abc import Callable
from types import MethodType
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pytest

from headrace.runtime.chain.chain import bind, refuse_absent
from headrace.runtime.errors import BadRows, PluginError
from headrace.runtime.output.digest import digest_of
from headrace.runtime.plugins import promises
from headrace.runtime.plugins.transforms import channels_of
from headrace.runtime.transform import Role, Transform, with_role

SCHEMA = pa.schema(
    [
        with_role(pa.field("id", pa.string()), Role.ID),
        with_role(pa.field("click", pa.float64()), Role.LABEL),
        pa.field("site", pa.string()),
    ]
)
BATCH = pa.RecordBatch.from_pydict({"id": ["1", "2"], "click": [0.0, 1.0], "site": ["a", "b"]})
ROWS = BATCH.cast(SCHEMA)
PLACE = "transform.steps.mine (tests/runtime/test_promises.py): "


class Step:
    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        return schema

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        return batch


def step(method: str, function: Callable[..., object]) -> Transform:
    made = Step()
    setattr(made, method, MethodType(lambda _, given: function(given), made))
    return cast(Transform, made)


def bad(column: str, mask: Any) -> Callable[..., object]:
    def raised(_: pa.RecordBatch) -> None:
        raise BadRows(column, mask, "a site")

    return raised


SCHEMAS: list[tuple[Callable[..., object], str]] = [
    (lambda _: None, "output_schema returned None, not a pyarrow.Schema"),
    (lambda schema: schema.names, "output_schema returned list, not a pyarrow.Schema"),
    (
        lambda schema: schema.append(pa.field("site", pa.string())),
        "output_schema makes several columns called 'site'",
    ),
    (
        lambda schema: schema.remove(1),
        "output_schema leaves out the label 'click'; label and channel stay",
    ),
    (
        lambda schema: schema.append(pa.field("pair", pa.struct([("a", pa.int8())]))),
        "column 'pair' is struct<a: int8>; a feature holds text, a number or a list of these",
    ),
]
BATCHES: list[tuple[Callable[..., object], str]] = [
    (lambda _: None, "apply returned None, not a pyarrow.RecordBatch"),
    (
        lambda batch: pa.Table.from_batches([batch]),
        "apply returned pyarrow.lib.Table, not a pyarrow.RecordBatch",
    ),
    (
        lambda batch: batch.take(pa.array([0, 0, 1])),
        "apply returned 3 rows for 2; it cannot add rows",
    ),
    (
        lambda batch: batch.remove_column(2),
        "apply makes no column 'site', which output_schema promises",
    ),
    (
        lambda batch: batch.append_column("z", batch.column(2)),
        "apply makes the column 'z', which output_schema lacks",
    ),
    (
        lambda batch: batch.set_column(2, "site", pa.array([1, 2])),
        "apply makes the column 'site' as int64; output_schema promises string",
    ),
    (
        lambda batch: batch.select([2, 0, 1]),
        "apply makes the columns 'site', 'id', 'click', output_schema 'id', 'click', 'site'",
    ),
    (
        lambda batch: batch.cast(SCHEMA.set(2, pa.field("site", pa.string(), nullable=False))),
        "apply makes the column 'site' as string not null; output_schema promises string",
    ),
    (bad("web", np.array([True, False])), "BadRows names 'web', which is no column here"),
    (bad("site", [True, False]), "the mask of BadRows is list, not an array of bool"),
    (
        bad("site", np.array([True])),
        "the mask of BadRows has the shape (1,), and the batch 2 rows",
    ),
    (bad("site", np.array([False, False])), "the mask of BadRows is true for no row"),
]
WANTS: list[tuple[Callable[..., object], str]] = [
    (lambda _: Role.LABEL, "wants returned headrace.runtime.transform.Role, not a tuple of roles"),
    (
        lambda _: (Role.NUMERIC,),
        "wants asks for 'numeric'; allowed: id, label, row_number, row_text, unlabeled_text",
    ),
]


@pytest.mark.parametrize(("function", "what"), SCHEMAS, ids=[what for _, what in SCHEMAS])
def test_columns_that_cannot_be_promised(function: Callable[..., object], what: str) -> None:
    with pytest.raises(PluginError) as caught:
        bind([("mine", step("output_schema", function))], SCHEMA)
    assert str(caught.value) == PLACE + what


@pytest.mark.parametrize(("function", "what"), BATCHES, ids=[what for _, what in BATCHES])
def test_rows_that_are_not_the_promised_ones(function: Callable[..., object], what: str) -> None:
    (link,) = bind([("mine", step("apply", function))], SCHEMA)
    with pytest.raises(PluginError) as caught:
        link.apply(ROWS)
    assert str(caught.value) == PLACE + what


@pytest.mark.parametrize(("function", "what"), WANTS, ids=[what for _, what in WANTS])
def test_what_nobody_can_give(function: Callable[..., object], what: str) -> None:
    with pytest.raises(PluginError) as caught:
        refuse_absent("mine", step("wants", function), SCHEMA)
    assert str(caught.value) == PLACE + what


LISTS = [pa.list_(pa.string()), pa.list_(pa.large_string()), pa.list_(pa.int64())]


@pytest.mark.parametrize("kind", LISTS, ids=str)
def test_lists_that_can_be_told_as_text(kind: pa.DataType) -> None:
    field = pa.field("ids", kind)
    cells = pa.array([["7", "8"], None]).cast(kind)
    made = cast(Any, step("apply", lambda batch: batch.append_column(field, cells)))
    made.output_schema = lambda schema: schema.append(field)
    (link,) = bind([("mine", made)], SCHEMA)
    batch = link.apply(ROWS)
    texts = batch.set_column(3, "ids", pa.array([["7", "8"], None]))
    assert digest_of([batch], batch.schema) == digest_of([texts], texts.schema)
    assert batch.column(3).equals(cells)


def test_what_a_step_may_do() -> None:
    """Without the id, with one channel for all rows, with its wants in any collection."""
    (link,) = bind([("mine", step("output_schema", lambda schema: schema.remove(0)))], SCHEMA)
    assert link.after.names == ["click", "site"]
    one = cast(Any, Step())
    one.channels = lambda: ("predict",)
    (link,) = bind([("mine", one)], SCHEMA)
    assert link.apply(ROWS).num_rows == 2
    refuse_absent("mine", step("wants", lambda _: {Role.LABEL}), SCHEMA)


CHANNEL = with_role(pa.field("channel", pa.int8()), Role.CHANNEL)


class Splitting(Step):
    """Declares channels, and is given the column for them."""

    def __init__(self, field: pa.Field | None, cells: list[int | None] | None = None) -> None:
        self.field = field
        self.cells = cells

    def channels(self) -> tuple[str, ...]:
        return ("train", "validation")

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        return schema if self.field is None else schema.append(self.field)

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        cells = pa.array(self.cells, pa.int8())
        return batch.append_column(CHANNEL, cells)


@pytest.mark.parametrize(
    ("transform", "what"),
    [
        (Splitting(None), "it has channels, but makes no column of the role channel"),
        (
            step("output_schema", lambda schema: schema.append(CHANNEL)),
            "it makes a column of the role channel, but has no channels",
        ),
        (
            Splitting(CHANNEL.with_type(pa.string())),
            "the column of the role channel is string; it holds indices of channels (int8)",
        ),
    ],
    ids=["no column", "no channels", "text"],
)
def test_channels_and_their_column(transform: Transform, what: str) -> None:
    with pytest.raises(PluginError) as caught:
        bind([("mine", transform)], SCHEMA)
    assert str(caught.value) == PLACE + what


@pytest.mark.parametrize(
    ("cells", "wrong"),
    [([1, 2], "indices from 1 to 2"), ([-1, 0], "indices from -1 to 0"), ([0, None], "a null")],
)
def test_an_index_that_no_channel_has(cells: list[int | None], wrong: str) -> None:
    (link,) = bind([("mine", Splitting(CHANNEL, cells))], SCHEMA)
    with pytest.raises(PluginError) as caught:
        link.apply(ROWS)
    what = f"the column of the role channel has {wrong}, and there are 2 channels"
    assert str(caught.value) == PLACE + what


def test_a_text_is_no_list_of_channels() -> None:
    transform = step("channels", lambda _: None)
    cast(Any, transform).channels = lambda: "train"
    with pytest.raises(PluginError) as caught:
        channels_of([transform])
    file = PLACE.split("(")[1].split(")")[0]
    assert str(caught.value) == f"{file}: channels returned 'train', not a tuple of names"


def test_a_state_is_a_table_and_a_fitted_step_a_step() -> None:
    with pytest.raises(PluginError) as caught:
        promises.check_state(None, "merge", "here")
    assert str(caught.value) == "here: merge returned None, not a pyarrow.Table"
    with pytest.raises(PluginError) as caught:
        promises.check_fitted(ROWS, "here")
    assert str(caught.value) == (
        "here: with_state returned pyarrow.lib.RecordBatch, not a transform"
    )


def test_a_step_that_says_so_may_leave_out_rows() -> None:
    sampler = step("apply", lambda batch: batch.slice(1))
    cast(Any, sampler).leaves_out_rows = True
    (link,) = bind([("mine", sampler)], SCHEMA)
    assert link.apply(ROWS).num_rows == 1


def test_a_bug_says_in_which_step() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        refuse_absent("mine", step("wants", lambda _: 1 / 0), SCHEMA)
    assert caught.value.__notes__ == ["raised by transform.steps.mine"]
    with pytest.raises(ZeroDivisionError) as caught:
        bind([("mine", step("output_schema", lambda _: 1 / 0))], SCHEMA)
    assert caught.value.__notes__ == ["raised by transform.steps.mine"]
