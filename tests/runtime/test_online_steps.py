"""Steps of installed packages on single rows: those that can serve them, and those that cannot."""

from __future__ import annotations

import csv
import io
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pytest

from headrace.runtime.errors import HeadraceError
from headrace.runtime.online import load
from headrace.runtime.spec import StepSpec
from headrace.runtime.transform import Role, RowStep, with_role
from tests.runtime.jobs import HASH, clicks, job, run
from tests.runtime.online_rows import assert_same, loaded, written


@dataclass(frozen=True)
class Mine:
    """Marks every text, and says what the test wants it to say."""

    mode: str = ""

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        if self.mode == "needs the id" and "id" not in schema.names:
            raise ValueError("there is no column 'id' at this point of the chain")
        if self.mode == "changes":
            schema = schema.remove(schema.get_field_index("c0"))
        if self.mode in ("channels", "changes"):
            return schema.append(with_role(pa.field("channel", pa.int8()), Role.CHANNEL))
        return schema

    def wants(self, schema: pa.Schema) -> tuple[Role, ...]:
        return (Role.ROW_TEXT,) if self.mode == "row text" else ()

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        columns = [
            pa.compute.binary_join_element_wise(column, "!", "") if field.name == "c1" else column
            for field, column in zip(batch.schema, batch.columns, strict=True)
            if not (self.mode == "changes" and field.name == "c0")
        ]
        schema = self.output_schema(batch.schema)
        if len(schema) > len(columns):
            columns.append(pa.array([0] * batch.num_rows, pa.int8()))
        return pa.RecordBatch.from_arrays(columns, schema=schema)


@dataclass(frozen=True)
class Declaring(Mine):
    def channels(self) -> tuple[str, ...]:
        return ("train",)


def install(monkeypatch: pytest.MonkeyPatch, transform: type) -> None:
    """Have a transform called ``mine``, as from an installed package."""
    module = ModuleType("transforms.mine")
    own = type("Own", (transform,), {"__module__": module.__name__})
    module.Own = dataclass(frozen=True)(own)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)


def mine(mode: str = "", *, before: bool = True) -> list[StepSpec]:
    step = StepSpec("mine", "mine", {"mode": mode})
    return [step, HASH] if before else [HASH, step]


def test_a_transform_of_an_installed_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, Mine)
    rows = list(csv.DictReader(io.StringIO(clicks(40))))
    for steps in (mine(), mine(before=False)):
        result, transformer = loaded(tmp_path, clicks(40), job(steps=steps, id="id", label="click"))
        assert_same(transformer, rows, written(result))


REFUSED = [
    ("needs the id", Mine, "there is no column 'id' at this point of the chain"),
    ("row text", Mine, "wants the row_text of each row"),
    ("changes", Declaring, "does more than to give rows their channels"),
]


@pytest.mark.parametrize(("mode", "transform", "what"), REFUSED)
def test_steps_that_cannot_work_on_a_single_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, transform: type, what: str
) -> None:
    install(monkeypatch, transform)
    spec = job(steps=mine(mode), id="id", label="click")
    folder = run(tmp_path, clicks(20), spec).output
    with pytest.raises(HeadraceError) as caught:
        load(folder)
    assert str(caught.value) == (
        f"{folder}: transform.steps.mine: {what} (a single row has neither label nor id)"
    )


def test_a_step_that_declares_channels_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, Declaring)
    spec = job(steps=[StepSpec("mine", "mine", {"mode": "channels"}), HASH], label="click")
    _, transformer = loaded(tmp_path, clicks(20), spec)
    assert transformer.columns == ("id", "c0", "c1", "c2", "c3")


class Quick(Mine):
    """Does on a row what `Mine` does in a batch."""

    def on_a_row(self, schema: pa.Schema) -> RowStep:
        def step(cells: dict[str, Any]) -> None:
            if cells["c1"] is not None:
                cells["c1"] += "!"

        return step


class Other(Quick):
    """Does something else, of which `on_a_row` knows nothing."""

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        return batch


class OtherAndQuick(Other):
    def on_a_row(self, schema: pa.Schema) -> RowStep:
        return lambda cells: None


@pytest.mark.parametrize(
    ("transform", "is_quick"),
    [(Mine, False), (Quick, True), (Other, False), (OtherAndQuick, True)],
)
def test_what_speaks_for_apply(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, transform: type, is_quick: bool
) -> None:
    install(monkeypatch, transform)
    rows = list(csv.DictReader(io.StringIO(clicks(20))))
    spec = job(steps=mine(), id="id", label="click")
    result, transformer = loaded(tmp_path, clicks(20), spec)
    assert (transformer._row_steps is not None) is is_quick
    assert_same(transformer, rows, written(result))
