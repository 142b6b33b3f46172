"""The tests that every transform has to pass, for pytest; three lines in a test file run them.

    from headrace.testing import TransformContract

    class TestMine(TransformContract):
        name = "mine"

Run pytest in the folder that has ``transforms/mine.py``; a transform of an installed package is
found anywhere. Nothing is asked about the style of its file.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import Any, ClassVar, NamedTuple

import pyarrow as pa

from headrace.config import registry
from headrace.errors import HeadraceError
from headrace.runtime.chain.chain import ChainError, Link, bind
from headrace.runtime.chain.columns import EXTRA
from headrace.runtime.chain.dictionaries import decoded, encoded, packed, unpacked
from headrace.runtime.learning.states import from_bytes, gatherer_for, in_their_order, to_bytes
from headrace.runtime.online.row_steps import on_a_row
from headrace.runtime.plugins.transforms import channels_of
from headrace.runtime.transform import (
    Learner,
    Role,
    features,
    learner,
    role_of,
    table_reader,
    with_role,
)

__all__ = ["COLUMNS", "ROLES", "ROWS", "Case", "TransformContract", "batch_of"]

ROWS = 60
COLUMNS: Mapping[str, Sequence[Any]] = {
    "id": [str(10**19 + row) for row in range(ROWS)],
    "click": [row % 2 for row in range(ROWS)],
    "hour": [None if row % 11 == 0 else f"141021{row % 24:02}" for row in range(ROWS)],
    "site": [None if row % 7 == 0 else "é" * (row % 5) + str(row % 3) for row in range(ROWS)],
    "price": [None if row % 13 == 0 else float(row % 4) for row in range(ROWS)],
    "stamp": [1.4e9 + row % 9 - 4 for row in range(ROWS)],
    "nothing": [None] * ROWS,
    "day": [f"2014-10-{row % 28 + 1:02}" for row in range(ROWS)],
}
"""The rows that a transform is tried on: text with nulls, numbers, an empty column, times."""
ROLES: Mapping[str, Role] = {
    "id": Role.ID,
    "click": Role.LABEL,
    "price": Role.NUMERIC,
    "stamp": Role.NUMERIC,
}

_EXTRA_CELLS: Mapping[Role, Sequence[Any]] = {
    Role.ROW_TEXT: [f"row\x1f{row}" for row in range(ROWS)],
    Role.UNLABELED_TEXT: [f"row\x1f{row}" for row in range(ROWS)],
    Role.ROW_NUMBER: range(ROWS),
}
_SEED = 0
_DRAWS = 20
"""Random choices of rows that a state is tried with."""


class Case(NamedTuple):
    """The case that one test is about."""

    name: str
    """The transform's."""
    parameters: Mapping[str, Any]
    has_id: bool
    """True if the rows have an id."""

    def __str__(self) -> str:
        """Return the name that pytest shows."""
        shown = ",".join(f"{key}={value}" for key, value in self.parameters.items())
        return f"{self.name}-{shown or 'defaults'}-{'id' if self.has_id else 'no id'}"


@dataclass(frozen=True)
class _Tried:
    """A transform as the pipeline uses it, and rows for it."""

    link: Link
    learner: Learner | None
    batch: pa.RecordBatch

    @property
    def ready(self) -> Link:
        """Return the step that may be applied: one that learns has learned from the rows."""
        return self.link if self.learner is None else self.taught(self.batch)

    def taught(self, batch: pa.RecordBatch) -> Link:
        """Return the step once it has learned from a batch."""
        assert self.learner is not None
        state = self.learner.merge([self.learner.accumulate(batch)])
        return self.link.with_state(self.learner.finish(in_their_order(state)))


class TransformContract:
    """Inherit from this in a test file, and give the transform's name.

    A test takes ``case``, and runs for each of the variants, with an id in the rows and without.
    """

    name: ClassVar[str]
    variants: ClassVar[Sequence[Mapping[str, Any]]] = ({},)
    """Parameters to try it with; a parameter without a default has to be among each of them."""
    columns: ClassVar[Mapping[str, Sequence[Any]]] = {}
    """Further columns for it, of `ROWS` cells each: name → cells."""
    roles: ClassVar[Mapping[str, Role]] = {}
    """Roles of these, where their type does not tell."""
    tables: ClassVar[Mapping[str, pa.Table]] = {}
    """Tables for a step that looks things up in one: name of the input → the table, all text."""

    @classmethod
    def cases(cls) -> Iterator[Case]:
        """Yield what the tests run for."""
        for parameters in cls.variants:
            for has_id in (True, False):
                yield Case(cls.name, parameters, has_id)

    def pytest_generate_tests(self, metafunc: Any) -> None:
        """Have pytest run each test for all cases, or for those that learn."""
        if "case" in metafunc.fixturenames:
            cases = list(self.cases())
            metafunc.parametrize("case", cases, ids=map(str, cases))
        elif "learning_case" in metafunc.fixturenames:
            cases = [case for case in self.cases() if self._learns(case)]
            metafunc.parametrize("learning_case", cases, ids=map(str, cases))

    # What is promised of each transform.

    def test_the_schema_is_as_promised(self, case: Case) -> None:
        """Check that `apply` makes the columns of `output_schema`, and as many rows as it got.

        A step with ``leaves_out_rows`` may make fewer.
        """
        tried = self._tried(case)
        ready = tried.ready
        ready.apply(tried.batch)  # says what is wrong, as a job does
        made = ready.transform.apply(tried.batch)
        what = f"apply returned {made.num_rows} rows for {ROWS}"
        way = "a step that leaves out rows says so by leaves_out_rows: ClassVar[bool] = True"
        assert made.num_rows == ROWS or _leaves_out_rows(tried), f"{what}; {way}"
        assert made.schema.equals(ready.after, check_metadata=True)
        made.validate(full=True)
        for field in made.schema:
            assert role_of(field) in Role

    def test_label_and_id_stay(self, case: Case) -> None:
        """Check that label and id are no features, and that nobody changes them."""
        tried = self._tried(case)
        rows = [tried.batch.slice(row, 1) for row in range(ROWS)]
        made, link = tried.ready.apply(tried.batch), tried.ready
        left = [row for row in rows if not _leaves_out_rows(tried) or link.apply(row).num_rows]
        for name in {"id", "click"} & set(tried.batch.schema.names):
            before = pa.Table.from_batches(left, tried.batch.schema).column(name)
            assert made.column(name).equals(before.combine_chunks())
            assert role_of(made.schema.field(name)) is ROLES[name]

    def test_any_slicing_gives_the_same_rows(self, case: Case) -> None:
        """Check that a row does not depend on those that come in the same batch."""
        tried = self._tried(case)
        link, batch = tried.ready, tried.batch
        for size in (1, 7, ROWS - 1):
            pieces = [link.apply(batch.slice(start, size)) for start in range(0, ROWS, size)]
            assert pa.Table.from_batches(pieces).to_pylist() == link.apply(batch).to_pylist()

    def test_any_choice_of_rows_gives_the_same_rows(self, case: Case) -> None:
        """Check any choice of rows, as after another step, or the reader, dropped bad rows."""
        tried = self._tried(case)
        link, batch = tried.ready, tried.batch
        chosen = [row for row in range(ROWS) if row % 3]
        made = link.apply(batch.take(pa.array(chosen))).to_pylist()
        if _leaves_out_rows(tried):
            pieces = [link.apply(batch.slice(row, 1)).to_pylist() for row in chosen]
            assert made == [row for piece in pieces for row in piece]
            if link.tells_kept:
                kept = link.kept(batch.take(pa.array(chosen)), len(made))
                assert kept.tolist() == list(map(bool, pieces))
        else:
            whole = link.apply(batch).to_pylist()
            assert made == [whole[row] for row in chosen]

    def test_a_single_row(self, case: Case) -> None:
        """Check that ``on_a_row``, if there is one, makes of each row what `apply` makes of it."""
        tried = self._tried(case)
        link, step = tried.ready, on_a_row(tried.ready)
        if step is None:
            return
        for row in range(ROWS):
            batch = tried.batch.slice(row, 1)
            cells = _cells_of(batch)
            step(cells)
            expected = _cells_of(link.apply(batch))
            assert repr({name: cells.get(name) for name in expected}) == repr(expected)

    def test_an_empty_batch(self, case: Case) -> None:
        """Check that an empty batch gives an empty batch of the same columns."""
        tried = self._tried(case)
        link, batch = tried.ready, tried.batch
        nothing = [pa.array([], field.type) for field in link.before]
        made_anew = pa.RecordBatch.from_arrays(nothing, schema=link.before)
        for empty in (batch.slice(0, 0), batch.slice(ROWS, 0), made_anew):
            made = link.apply(empty)
            assert made.num_rows == 0
            assert made.schema.equals(link.after, check_metadata=True)

    def test_dictionaries_give_the_same_rows(self, case: Case) -> None:
        """Check that a step with ``takes_dictionaries`` does with them what it does with texts."""
        tried = self._tried(case)
        link, batch = tried.ready, tried.batch
        dictionaries = encoded(batch)
        assert decoded(dictionaries).equals(batch)
        for given in (dictionaries, unpacked(packed(dictionaries))):  # which has narrow codes
            made = link.apply(link.suited(given))
            assert decoded(made).equals(link.apply(batch), check_metadata=True)
            for column in made.columns:
                if pa.types.is_dictionary(column.type):
                    values = column.dictionary.to_pylist()
                    assert None not in values
                    assert len(set(values)) == len(values)

    def test_the_input_is_not_changed(self, case: Case) -> None:
        """Check that neither its cells change nor the memory below them."""
        tried = self._tried(case)
        link, batch = tried.ready, tried.batch
        before = _bytes_of(batch)
        link.apply(batch)
        assert _bytes_of(batch) == before

    def test_several_threads_at_once(self, case: Case) -> None:
        """Check that one object serves all threads of a job."""
        tried = self._tried(case)
        link, batch = tried.ready, tried.batch
        expected = [link.apply(batch.slice(start, 20)).to_pylist() for start in range(40)]
        with ThreadPoolExecutor(4) as pool:
            made = pool.map(lambda start: link.apply(batch.slice(start, 20)).to_pylist(), range(40))
            assert list(made) == expected

    def test_the_configuration_can_name_its_parameters(self, case: Case) -> None:
        """Check that they are plain data, read back as written, and refused if unknown."""
        built = self._built(case)
        judge = registry.adapter(type(built))
        assert judge.json_schema()["additionalProperties"] is False
        parameters = {item.name: getattr(built, item.name) for item in fields(built) if item.init}
        checked = judge.validate_python(parameters)
        assert judge.validate_python(judge.dump_python(checked, mode="json")) == checked

    def test_it_knows_its_channels(self, case: Case) -> None:
        """Check that the first channel is for training, and that no two have one name."""
        channels = channels_of([self._built(case)])
        assert channels[0] == "train"
        assert len(set(channels)) == len(channels)

    # What is promised of one that learns.

    def test_it_learns_the_same_of_dictionaries(self, learning_case: Case) -> None:
        """Check that, also where rows have been left out since the dictionaries were made."""
        tried = self._tried(learning_case)
        assert tried.learner is not None
        merge, accumulate = tried.learner.merge, tried.learner.accumulate
        for start in (0, ROWS // 2):
            few = encoded(tried.batch).slice(start)
            states = [accumulate(tried.link.suited(few)), accumulate(tried.batch.slice(start))]
            made, expected = (_canonical(merge([state])) for state in states)
            assert made == expected

    def test_states_merge_in_any_order_and_grouping(self, learning_case: Case) -> None:
        """Check that the state of all rows is that of their parts, put together in any way."""
        tried = self._tried(learning_case)
        assert tried.learner is not None
        merge, drawn = tried.learner.merge, random.Random(_SEED)  # noqa: S311 (rows of a test)
        empty = _accumulated(tried, [])
        for _ in range(_DRAWS):
            parts = [drawn.choices(range(ROWS), k=drawn.randrange(2 * ROWS)) for _ in range(3)]
            a, b, c = (_accumulated(tried, rows) for rows in parts)
            whole = _canonical(merge([a, b, c]))
            assert _canonical(merge([merge([a, b]), c])) == whole
            assert _canonical(merge([a, merge([b, c])])) == whole
            assert _canonical(merge([c, a, b])) == whole
            assert _canonical(merge([empty, a, empty, b, c])) == whole
            gatherer = gatherer_for(tried.learner)
            for state in (empty, a, empty, b, c):
                gatherer.add(state)
            assert _canonical(gatherer.merged()) == whole
            together = _accumulated(tried, [*parts[2], *parts[0], *parts[1]])
            assert _canonical(merge([together])) == whole

    def test_a_state_is_plain(self, learning_case: Case) -> None:
        """Check that a state has flat columns without nulls, the same for any rows."""
        tried = self._tried(learning_case)
        link, learner, batch = tried.link, tried.learner, tried.batch
        assert learner is not None
        whole, empty = learner.accumulate(batch), learner.accumulate(batch.slice(0, 0))
        merged = learner.merge([empty, whole])
        assert whole.schema == empty.schema == merged.schema
        for state in (whole, empty, merged, learner.finish(in_their_order(merged))):
            assert from_bytes(to_bytes(state)) == state
            for column in state.columns:
                assert not pa.types.is_nested(column.type)
                assert column.null_count == 0
        kept = from_bytes(to_bytes(learner.finish(in_their_order(merged))))
        rows = tried.ready.apply(batch).to_pylist()
        assert link.with_state(kept).apply(batch).to_pylist() == rows

    def test_learning_changes_nothing(self, learning_case: Case) -> None:
        """Check that neither rows change nor a state that another one is made of."""
        tried = self._tried(learning_case)
        learner, batch = tried.learner, tried.batch
        assert learner is not None
        cells, state = _bytes_of(batch), learner.accumulate(batch)
        before = to_bytes(state)
        learner.merge([state, learner.accumulate(batch)])
        learner.finish(in_their_order(state))
        assert (_bytes_of(batch), to_bytes(state)) == (cells, before)

    def test_nothing_to_learn_from_is_told_or_does_no_harm(self, learning_case: Case) -> None:
        """Raise `ValueError` in `with_state`, or go on."""
        tried = self._tried(learning_case)
        try:
            taught = tried.taught(tried.batch.slice(0, 0))
        except ChainError:
            return
        assert taught.apply(tried.batch).num_rows == ROWS

    def test_it_does_no_work_before_it_has_learned(self, learning_case: Case) -> None:
        """Check that `apply` raises `TypeError` then."""
        tried = self._tried(learning_case)
        try:
            tried.link.transform.apply(tried.batch)
        except TypeError:
            return
        raise AssertionError("apply() should raise TypeError before with_state()")

    def test_what_it_touches_is_there(self, learning_case: Case) -> None:
        """Check that, and that the columns that it does not touch stay as they are."""
        tried = self._tried(learning_case)
        batch = tried.batch
        touches = getattr(tried.link.transform, "touches", lambda schema: schema.names)
        touched = set(touches(batch.schema))
        assert touched <= set(batch.schema.names)
        made = tried.ready.apply(batch)
        for name in set(batch.schema.names) - touched:
            assert made.column(name).equals(batch.column(name))

    def _built(self, case: Case) -> Any:
        built, problems = registry.check_steps({case.name: case.parameters})
        if problems:
            way = "a test class has them as `variants`, tests/contract in a checkout as VARIANTS"
            raise AssertionError(
                "\n".join([f"the variants of {case.name!r}:", *map(str, problems), way])
            )
        return built[0].transform

    def _tried(self, case: Case) -> _Tried:
        transform = self._built(case)
        cells = {**COLUMNS, **self.columns}
        if not case.has_id:
            del cells["id"]
        roles = {**ROLES, **self.roles}
        asked = getattr(transform, "wants", lambda _: ())(batch_of(cells, roles).schema)
        for role in (each for each in asked if each in _EXTRA_CELLS):
            cells[EXTRA[role][0]] = _EXTRA_CELLS[role]
            roles[EXTRA[role][0]] = role
        batch = batch_of(cells, roles)
        try:
            link = bind([(case.name, transform)], batch.schema)[0]
        except ChainError as exc:
            raise AssertionError(f"{exc}; the test's `columns` may bring further ones") from exc
        if (reader := table_reader(transform)) is not None:
            link = link.with_state(reader.state_of(self.tables[reader.table_input]))
        return _Tried(link, link.learner, batch)

    def _learns(self, case: Case) -> bool:
        """Return whether it is one that learns; one that cannot be built fails the other tests."""
        try:
            return learner(self._built(case)) is not None
        except (AssertionError, HeadraceError):
            return False


def _cells_of(row: pa.RecordBatch) -> dict[str, Any]:
    """Return the features of a row as ``on_a_row`` knows them."""
    chosen = [row.schema.field(place).name for place in features(row.schema)]
    return {name: row.column(name)[0].as_py() for name in chosen}


def _leaves_out_rows(tried: _Tried) -> bool:
    return bool(getattr(tried.link.transform, "leaves_out_rows", False))


def batch_of(
    columns: Mapping[str, Sequence[Any]], roles: Mapping[str, Role] | None = None
) -> pa.RecordBatch:
    """Return rows as a chain's first step gets them.

    Args:
        columns: Name → cells.
        roles: Name → role; a column without one is categorical, or numeric if it holds numbers.
    """
    arrays, made = [], []
    for name, cells in columns.items():
        role = (roles or {}).get(name) or _role_of(cells)
        kind = pa.float64() if role in (Role.NUMERIC, Role.LABEL) else pa.string()
        arrays.append(pa.array(cells, pa.int64() if role is Role.ROW_NUMBER else kind))
        made.append(with_role(pa.field(name, arrays[-1].type), role))
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(made))


def _role_of(cells: Sequence[Any]) -> Role:
    numeric = any(isinstance(cell, int | float) for cell in cells)
    return Role.NUMERIC if numeric else Role.CATEGORICAL


def _bytes_of(batch: pa.RecordBatch) -> tuple[str, list[bytes]]:
    """Return the cells as text, for NaN equals nothing, and the memory that they lie in."""
    buffers = [buffer for column in batch.columns for buffer in column.buffers() if buffer]
    return repr(batch.to_pydict()), [buffer.to_pybytes() for buffer in buffers]


def _accumulated(tried: _Tried, rows: Sequence[int]) -> pa.Table:
    assert tried.learner is not None
    return tried.learner.accumulate(tried.batch.take(pa.array(rows, pa.int64())))


def _canonical(state: pa.Table) -> bytes:
    return to_bytes(in_their_order(state))
