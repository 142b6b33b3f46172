"""What every transform promises; a file added to ``transforms/`` is picked up by itself.

A plugin whose required columns or parameters the batch below does not have adds them to
`NEEDED` and `VARIANTS`.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from typing import Any

import jsonschema
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from headrace.config import registry
from headrace.config.steps import adapter
from headrace.runtime.chain.chain import ChainError, Link, bind
from headrace.runtime.chain.columns import EXTRA
from headrace.runtime.chain.plugins import channels_of
from headrace.runtime.learning.states import from_bytes, in_their_order, to_bytes
from headrace.runtime.transform import Learner, Role, Transform, learner, role_of
from tests import children
from tests.transforms.batches import batch_of

ROWS = 60
TABLE: dict[str, list[Any]] = {
    "id": [str(10**19 + row) for row in range(ROWS)],
    "click": [row % 2 for row in range(ROWS)],
    "hour": [None if row % 11 == 0 else f"141021{row % 24:02}" for row in range(ROWS)],
    "site": [None if row % 7 == 0 else "é" * (row % 5) + str(row % 3) for row in range(ROWS)],
    "price": [None if row % 13 == 0 else float(row % 4) for row in range(ROWS)],
    "stamp": [1.4e9 + row % 9 - 4 for row in range(ROWS)],
    "nothing": [None] * ROWS,
    "day": [f"2014-10-{row % 28 + 1:02}" for row in range(ROWS)],
}
ROLES = {"id": Role.ID, "click": Role.LABEL, "price": Role.NUMERIC, "stamp": Role.NUMERIC}
CELLS: dict[Role, list[Any]] = {
    Role.ROW_TEXT: [f"row\x1f{row}" for row in range(ROWS)],
    Role.ROW_NUMBER: list(range(ROWS)),
}
VARIANTS: dict[str, list[dict[str, Any]]] = {
    "split": [
        {"test_fraction": 0.1, "seed": 7},
        {"method": "shuffle", "train_fraction": 0.5},
        {"method": "time", "column": "day", "before": "2014-10-15"},
        {"method": "time", "column": "stamp", "before": "1.4e9"},
    ],
    "feature_hasher": [{"n_features": 1}, {"n_features": 2**31 - 1, "alternate_sign": False}],
    "rare_values": [
        {"min_count": 1},
        {"min_count": 4, "replacement": "rare", "columns": ["site", "nothing"]},
    ],
    "standardize": [{"columns": ["price"]}],
    "custom_hasher": [
        {"hash": "murmur3_32", "seed": 2**32 - 1},
        {"n_features": 100, "index_ranges": "per_column"},
    ],
}
"""Beside the defaults, which every plugin is tried with."""


def cases() -> Iterator[Any]:
    for name in registry.plugins():
        for parameters in [{}, *VARIANTS.get(name, [])]:
            shown = ",".join(f"{key}={value}" for key, value in parameters.items())
            for with_id in (True, False):
                label = f"{name}-{shown or 'defaults'}-{'id' if with_id else 'no id'}"
                yield pytest.param((name, parameters, with_id), id=label)


def every_case(test: Any) -> Any:
    return pytest.mark.parametrize("prepared", list(cases()), indirect=True)(test)


@pytest.fixture
def prepared(request: pytest.FixtureRequest) -> tuple[Link, pa.RecordBatch]:
    """A plugin as the pipeline uses it, and a batch with the columns that it asks for."""
    link, batch = bound(*request.param)
    return link if link.learner is None else fitted(link, link.learner, batch), batch


def bound(name: str, parameters: dict[str, Any], with_id: bool) -> tuple[Link, pa.RecordBatch]:
    transform = adapter(registry.plugins()[name].transform).validate_python(parameters)
    table = {key: cells for key, cells in TABLE.items() if with_id or key != "id"}
    wanted = getattr(transform, "wants", lambda _: ())(batch_of(table, ROLES).schema)
    extra = {EXTRA[role][0]: role for role in wanted}
    table |= {column: CELLS[role] for column, role in extra.items()}
    batch = batch_of(table, {**ROLES, **extra})
    return bind([("mine", transform)], batch.schema)[0], batch


def fitted(link: Link, learner: Learner, batch: pa.RecordBatch) -> Link:
    """The step once it has learned from a batch."""
    state = learner.merge([learner.accumulate(batch)])
    return link.with_state(learner.finish(in_their_order(state)))


Prepared = tuple[Link, pa.RecordBatch]


def test_the_files_are_the_plugins() -> None:
    folder = registry.FOLDER
    names = {path.stem for path in folder.glob("*.py") if not path.stem.startswith("_")}
    assert names <= set(registry.plugins())
    assert VARIANTS.keys() <= names


def test_a_new_file_is_picked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.py").write_text("")
    monkeypatch.setattr(registry, "FOLDER", tmp_path)
    assert {case.values[0][0] for case in cases()} >= {"mine"}


@every_case
def test_the_schema_is_as_promised(prepared: Prepared) -> None:
    link, batch = prepared
    made = link.transform.apply(batch)
    assert made.num_rows == batch.num_rows
    assert made.schema.equals(link.after, check_metadata=True)
    made.validate(full=True)
    for column, field in zip(made.columns, made.schema, strict=True):
        assert column.type == field.type
        assert role_of(field) in Role


@every_case
def test_label_and_id_stay(prepared: Prepared) -> None:
    link, batch = prepared
    made = link.apply(batch)
    for name in {"id", "click"} & set(batch.schema.names):
        assert made.column(name).equals(batch.column(name))
        assert role_of(made.schema.field(name)) is ROLES[name]


@every_case
@pytest.mark.parametrize("size", [1, 7, 59])
def test_any_slicing_gives_the_same_rows(prepared: Prepared, size: int) -> None:
    link, batch = prepared
    pieces = [link.apply(batch.slice(start, size)) for start in range(0, ROWS, size)]
    assert pa.Table.from_batches(pieces).to_pylist() == link.apply(batch).to_pylist()


@every_case
def test_any_choice_of_rows_gives_the_same_rows(prepared: Prepared) -> None:
    """As after another step, or the reader, dropped bad rows."""
    link, batch = prepared
    chosen = [row for row in range(ROWS) if row % 3]
    whole = link.apply(batch).to_pylist()
    assert link.apply(batch.take(pa.array(chosen))).to_pylist() == [whole[row] for row in chosen]


@every_case
def test_an_empty_batch(prepared: Prepared) -> None:
    link, batch = prepared
    for empty in (batch.slice(0, 0), batch.slice(ROWS, 0), link.before.empty_table()):
        given = empty if isinstance(empty, pa.RecordBatch) else _only_batch(empty)
        made = link.apply(given)
        assert made.num_rows == 0
        assert made.schema.equals(link.after, check_metadata=True)


def _only_batch(table: pa.Table) -> pa.RecordBatch:
    columns = [pa.array([], field.type) for field in table.schema]
    return pa.RecordBatch.from_arrays(columns, schema=table.schema)


@every_case
def test_the_input_is_not_changed(prepared: Prepared) -> None:
    link, batch = prepared
    before = pickle.dumps(batch.to_pydict())
    buffers = [
        buffer.to_pybytes() for column in batch.columns for buffer in column.buffers() if buffer
    ]
    link.apply(batch)
    assert pickle.dumps(batch.to_pydict()) == before
    assert [
        buffer.to_pybytes() for column in batch.columns for buffer in column.buffers() if buffer
    ] == buffers


@every_case
def test_several_threads_at_once(prepared: Prepared) -> None:
    link, batch = prepared
    expected = [link.apply(batch.slice(start, 20)).to_pylist() for start in range(40)]
    with ThreadPoolExecutor(4) as pool:
        made = pool.map(lambda start: link.apply(batch.slice(start, 20)).to_pylist(), range(40))
        assert list(made) == expected


def learning_cases() -> Iterator[Any]:
    for case in cases():
        name, parameters, _ = case.values[0]
        transform = registry.plugins()[name].transform
        if learner(adapter(transform).validate_python(parameters)) is not None:
            yield case


def every_learner(test: Any) -> Any:
    return pytest.mark.parametrize("learning", list(learning_cases()), indirect=True)(test)


Learning = tuple[Link, Learner, pa.RecordBatch]


@pytest.fixture
def learning(request: pytest.FixtureRequest) -> Learning:
    """A plugin that has to learn, not before it has, and a batch to learn from."""
    link, batch = bound(*request.param)
    assert link.learner is not None
    return link, link.learner, batch


def canonical(state: pa.Table) -> bytes:
    return to_bytes(in_their_order(state))


def accumulated(learner: Learner, batch: pa.RecordBatch, rows: list[int]) -> pa.Table:
    return learner.accumulate(batch.take(pa.array(rows, pa.int64())))


ROW_LISTS = st.lists(st.integers(0, ROWS - 1), max_size=2 * ROWS)


@every_learner
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(one=ROW_LISTS, two=ROW_LISTS, three=ROW_LISTS)
def test_states_are_a_commutative_monoid(
    learning: Learning, one: list[int], two: list[int], three: list[int]
) -> None:
    """And to accumulate is its homomorphism: the state of all rows is that of their parts."""
    _, learner, batch = learning
    a, b, c = (accumulated(learner, batch, rows) for rows in (one, two, three))
    empty = accumulated(learner, batch, [])
    merge, whole = learner.merge, canonical(learner.merge([a, b, c]))
    assert canonical(merge([merge([a, b]), c])) == whole
    assert canonical(merge([a, merge([b, c])])) == whole
    assert canonical(merge([c, a, b])) == whole
    assert canonical(merge([empty, a, empty, b, c])) == whole
    assert canonical(merge([accumulated(learner, batch, [*three, *one, *two])])) == whole


@every_learner
def test_a_state_is_plain(learning: Learning) -> None:
    """Flat columns without nulls, the same ones for any rows: bytes keep all of it."""
    link, learner, batch = learning
    whole, empty = learner.accumulate(batch), learner.accumulate(batch.slice(0, 0))
    merged = learner.merge([empty, whole])
    assert whole.schema == empty.schema == merged.schema
    for state in (whole, empty, merged, learner.finish(in_their_order(merged))):
        assert from_bytes(to_bytes(state)) == state
        for column in state.columns:
            assert not pa.types.is_nested(column.type)
            assert column.null_count == 0
    rows = fitted(link, learner, batch).apply(batch).to_pylist()
    kept = from_bytes(to_bytes(learner.finish(in_their_order(merged))))
    assert link.with_state(kept).apply(batch).to_pylist() == rows


@every_learner
def test_learning_changes_nothing(learning: Learning) -> None:
    _, learner, batch = learning
    cells, state = batch.to_pydict(), learner.accumulate(batch)
    before = to_bytes(state)
    learner.merge([state, learner.accumulate(batch)])
    learner.finish(in_their_order(state))
    assert (batch.to_pydict(), to_bytes(state)) == (cells, before)


@every_learner
def test_nothing_to_learn_from_is_told_or_does_no_harm(learning: Learning) -> None:
    link, learner, batch = learning
    try:
        empty = fitted(link, learner, batch.slice(0, 0))
    except ChainError:
        return
    assert empty.apply(batch).num_rows == ROWS


@every_learner
def test_it_does_no_work_before_it_has_learned(learning: Learning) -> None:
    link, _, batch = learning
    with pytest.raises(TypeError):
        link.transform.apply(batch)


@every_learner
def test_what_it_touches_is_there(learning: Learning) -> None:
    link, _, batch = learning
    touches = getattr(link.transform, "touches", lambda schema: schema.names)
    assert set(touches(batch.schema)) <= set(batch.schema.names)
    for name in set(batch.schema.names) - set(touches(batch.schema)):
        made = fitted(link, learning[1], batch).apply(batch)
        assert made.column(name).equals(batch.column(name))


@pytest.mark.parametrize("name", registry.plugins())
def test_the_client_validates_it(name: str) -> None:
    plugin = adapter(registry.plugins()[name].transform)
    schema = plugin.json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    default = plugin.validate_python({})
    parameters = {field.name: getattr(default, field.name) for field in fields(default)}
    jsonschema.validate(parameters, schema)
    assert schema["additionalProperties"] is False
    assert plugin.validate_python(parameters) == default
    assert isinstance(default, Transform)
    assert TypeAdapter(dict[str, Any]).dump_json(parameters)


@pytest.mark.parametrize("name", registry.plugins())
def test_its_file_says_what_it_does(name: str) -> None:
    """The docstring has an example of two rows."""
    source = registry.plugins()[name].source
    docstring = source.split('"""')[1]
    assert "before" in docstring
    assert "after" in docstring
    for field in fields(registry.plugins()[name].transform):
        assert f"{field.name}: " in source


@pytest.mark.parametrize("name", registry.plugins())
def test_it_knows_its_channels(name: str) -> None:
    for parameters in [{}, *VARIANTS.get(name, [])]:
        transform = adapter(registry.plugins()[name].transform).validate_python(parameters)
        channels = channels_of([transform])
        assert channels[0] == "train"
        assert len(set(channels)) == len(channels)


LISTING = """
import sys
from headrace.config import registry
from headrace.config.steps import adapter
for name in registry.plugins():
    adapter(registry.plugins()[name].transform).validate_python({})
print(*sorted({"numpy", "pyarrow", "sklearn", "scipy", "pandas"} & sys.modules.keys()))
"""


def test_listing_and_validating_imports_nothing_heavy() -> None:
    done = children.run(
        [sys.executable, "-c", LISTING],
        cwd=registry.FOLDER.parent / "framework",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stderr, done.stdout) == ("", "\n")
