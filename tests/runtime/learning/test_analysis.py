"""What whole jobs learn: the same however the rows are divided, in one process or in several."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterable
from itertools import accumulate
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sklearn.model_selection import train_test_split

from headrace.runtime.chain.preflight import Prepared, preflight
from headrace.runtime.data_files import files_below
from headrace.runtime.errors import DataError, PluginError
from headrace.runtime.learning.analysis import analysed, concluded
from headrace.runtime.learning.passes import passes
from headrace.runtime.learning.states import Merging, gatherer_for, to_bytes
from headrace.runtime.process.fused import difference
from headrace.runtime.sources import Group, Portion, groups_of
from headrace.runtime.spec import DATA_INPUT, JobSpec, StepSpec, under
from tests.runtime.jobs import HASH, clicks, job, laid_out, run, run_together
from transforms.rare_values import RareValues

SPLIT = StepSpec("split", "split", {"train_fraction": 0.6})
SHUFFLE = StepSpec("split", "split", {"method": "shuffle", "train_fraction": 0.7})
RARE = StepSpec("rare", "rare_values", {"min_count": 3})
SCALED = StepSpec("scaled", "standardize", {})
CHAINS = {
    "one pass for two": [SPLIT, SCALED, RARE, HASH],
    "a pass for each": [SHUFFLE, RARE, StepSpec("again", "rare_values", {"min_count": 4}), HASH],
    "before the split": [RARE, SCALED, SPLIT, HASH],
}
DATA: dict[str, Any] = {"id": "id", "label": "click", "numeric": ("x",)}


def content() -> str:
    draw = random.Random(5)  # noqa: S311 (no secret)
    header, *lines = clicks(400, distinct=90).splitlines()
    numbers = [repr(draw.gauss(3, 1) * 10 ** draw.randint(-9, 9)) for _ in lines]
    cells = (
        f"{line},{x if draw.random() > 0.1 else ''}" for line, x in zip(lines, numbers, strict=True)
    )
    return "\n".join([f"{header},x", *cells]) + "\n"


def spec(steps: list[StepSpec], **settings: Any) -> JobSpec:
    return job(steps=steps, **{**DATA, **settings})


@pytest.mark.parametrize("steps", CHAINS.values(), ids=CHAINS)
def test_the_same_bytes_however_it_is_read(tmp_path: Path, steps: list[StepSpec]) -> None:
    made = [
        run(tmp_path, content(), spec(steps, threads=threads, block_bytes=size)).bytes()
        for threads, size in [(1, 1 << 20), (3, 300), (2, 4000)]
    ]
    assert {name for name in made[0] if "/state/" in name} == {
        f"report/state/{step.label}.arrow"
        for step in steps
        if step.name in ("rare_values", "standardize") or step is SHUFFLE
    }
    assert made[1] == made[0]
    assert made[2] == made[0]


@pytest.mark.parametrize("steps", [CHAINS["one pass for two"], CHAINS["before the split"]])
def test_the_same_state_whatever_the_order_of_the_rows(
    tmp_path: Path, steps: list[StepSpec]
) -> None:
    header, *lines = content().splitlines()
    turned = "\n".join([header, *reversed(lines)]) + "\n"
    one, two = (run(tmp_path, text, spec(steps)) for text in (content(), turned))
    assert one.manifest["states"] == two.manifest["states"]
    for name, channel in one.manifest["channels"].items():
        assert channel["digest"] == two.manifest["channels"][name]["digest"]


def test_neighbours_that_learn_at_once_learn_what_they_would_alone(tmp_path: Path) -> None:
    together = run(tmp_path, content(), spec([SPLIT, SCALED, RARE, HASH]))
    turned = run(tmp_path, content(), spec([SPLIT, RARE, SCALED, HASH]))
    alone = run(tmp_path, content(), spec([SPLIT, SCALED, HASH]))
    states = together.manifest["states"]
    assert states == turned.manifest["states"]
    assert states["scaled"] == alone.manifest["states"]["scaled"]
    assert together.parts("train")[0].read_bytes() == turned.parts("train")[0].read_bytes()


def test_a_later_step_learns_from_what_earlier_ones_made(tmp_path: Path) -> None:
    """Rare values with a common token in their place are no longer rare."""
    text = "c\n" + "".join(f"{cell}\n" for cell in ["a"] * 5 + ["b", "c", "d", "e"] + ["f"] * 2)
    common = StepSpec("common", "rare_values", {"min_count": 3, "replacement": "rare"})
    kept = StepSpec("kept", "rare_values", {"min_count": 6})
    result = run(tmp_path, text, job(steps=[common, kept], format="parquet"))
    assert result.table("train")["c"].to_pylist() == [None] * 5 + ["rare"] * 6


def prepared(root: Path, this: JobSpec) -> tuple[Prepared, list[Path]]:
    files = files_below(under(root, DATA_INPUT))
    return preflight(this, files), files


def numbered(groups: Iterable[Group]) -> list[tuple[Group, int]]:
    found = list(groups)
    ends = list(accumulate(group.parse().batch.num_rows for group in found))
    return list(zip(found, [0, *ends[:-1]], strict=True))


@pytest.mark.parametrize("steps", CHAINS.values(), ids=CHAINS)
@pytest.mark.parametrize(
    "tasks", [*(pytest.param(count, marks=pytest.mark.long) for count in (1, 2)), 7]
)
def test_rows_that_are_analysed_in_several_tasks(
    tmp_path: Path, steps: list[StepSpec], tasks: int
) -> None:
    """As Spark does it: bytes travel, in any order, and the chain is the one of a single host."""
    this = spec(steps, block_bytes=500)
    result = run(tmp_path, content(), this)
    found, files = prepared(result.root, this)
    for each in passes(found):
        groups = numbered(
            groups_of([Portion(file) for file in files], this.dataset, found.columns, 500)
        )
        shares = [groups[number::tasks] for number in range(tasks)]
        learned = [analysed(found, each, share, skip_bad_rows=False)[1] for share in shares]
        found = concluded(found, each, reversed(learned))
    for link in found.links:
        assert link.learner is None
        if link.state is not None:
            kept = result.output / result.manifest["states"][link.label]["file"]
            assert kept.read_bytes() == to_bytes(link.state)


def test_a_task_without_rows(tmp_path: Path) -> None:
    this = spec([SPLIT, SCALED, RARE, HASH])
    found, files = prepared(laid_out(tmp_path, content()), this)
    (only,) = passes(found)
    groups = numbered(
        groups_of([Portion(file) for file in files], this.dataset, found.columns, 1 << 20)
    )
    _, every = analysed(found, only, groups, skip_bad_rows=False)
    _, nothing = analysed(found, only, [], skip_bad_rows=False)
    states = [
        [link.state for link in concluded(found, only, learned).links]
        for learned in ([every], [nothing, every, nothing])
    ]
    assert states[0] == states[1]


# -- jobs done in one go


def hashed(width: int) -> StepSpec:
    return StepSpec("hash", "feature_hasher", {"n_features": width})


def test_jobs_of_several_widths_learn_once_and_leave_what_each_leaves_alone(tmp_path: Path) -> None:
    specs = [spec([SHUFFLE, SCALED, RARE, hashed(width)], block_bytes=900) for width in (7, 64)]
    together = run_together(tmp_path, content(), specs)
    alone = [run(tmp_path, content(), each) for each in specs]
    assert [each.bytes() for each in together] == [each.bytes() for each in alone]


def test_what_learns_from_hashed_rows_keeps_jobs_apart() -> None:
    one, other = (spec([hashed(width), SCALED]) for width in (7, 64))
    assert difference(one, other) == "transform.steps.scaled learns from hashed rows"


# -- bad rows


@pytest.mark.parametrize("steps", CHAINS.values(), ids=CHAINS)
def test_bad_rows_are_not_learned_from(tmp_path: Path, steps: list[StepSpec]) -> None:
    header, *lines = content().splitlines()
    bad = ["1,oops,v1,v1,v1,v1,5", "2,1,v1,v1,v1,v1,nonsense", "too,few,cells"]
    mixed = [line for place, line in enumerate(lines) for line in (bad[place % 3], line)]
    settings: dict[str, Any] = {"on_bad_rows": "skip", "block_bytes": 700}
    without = run(tmp_path, content(), spec(steps, **settings))
    among = run(tmp_path, "\n".join([header, *mixed]) + "\n", spec(steps, **settings))
    assert among.manifest["rows"] == {"read": 800, "written": 400, "rejected": 400}
    for key in ("states", "channels"):
        assert among.manifest[key] == without.manifest[key]


def test_a_bad_row_ends_the_job_in_the_first_pass(tmp_path: Path) -> None:
    text = content() + "1,oops,a,b,c,d,1\n"
    with pytest.raises(DataError) as caught:
        run(tmp_path, text, spec([SPLIT, RARE, HASH]))
    assert str(caught.value) == (
        "data.csv, line 402, column 'click': expected a number, 0 or 1 for a click, got 'oops'"
    )


def test_a_shuffle_numbers_the_rows_as_they_are_read(tmp_path: Path) -> None:
    """Whatever a step before it leaves out, and in blocks of any size."""
    rows = [f"{row},{'14102100' if row % 4 else 'never'},{'abc'[row % 3]}" for row in range(200)]
    text = "\n".join(["id,hour,c", *rows]) + "\n"
    steps = [StepSpec("time_features", "time_features", {}), SHUFFLE, RARE, HASH]
    train, validation = train_test_split(range(200), train_size=0.7, random_state=0)
    for size in (100, 1 << 20):
        result = run(
            tmp_path, text, job(steps=steps, id="id", on_bad_rows="skip", block_bytes=size)
        )
        for channel, members in (("train", train), ("validation", validation)):
            ids = [int(each) for each in result.array("id", channel)]
            assert ids == sorted(row for row in members if row % 4)
        assert result.manifest["rows"] == {"read": 200, "written": 150, "rejected": 50}


def test_progress_counts_every_pass(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = content()
    run(tmp_path, text, spec([SHUFFLE, RARE, HASH]))
    size = len(text)
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == f"progress rows=400 bytes={3 * size} of={3 * size}"


def test_a_plugins_own_mistake_names_the_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise TypeError("no")

    for method in ("accumulate", "merge", "finish"):
        with monkeypatch.context() as patch:
            patch.setattr(RareValues, method, broken)
            patch.setattr(RareValues, "gatherer", lambda _: None)  # in whose place `merge` works
            with pytest.raises(TypeError) as caught:
                run(tmp_path, content(), spec([RARE, HASH]))
            assert caught.value.__notes__ == ["raised by transform.steps.rare"]


class Listed:
    """A gatherer of a plugin's own, which keeps states until they are asked for."""

    def __init__(self, step: RareValues) -> None:
        self._step = step
        self.states: list[pa.Table] = []

    def add(self, state: pa.Table) -> None:
        self.states.append(state)

    def merged(self) -> pa.Table:
        return self._step.merge(self.states)


def test_a_gatherer_of_a_plugins_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = run(tmp_path, content(), spec([RARE, HASH])).bytes()
    made: list[Listed] = []

    def gatherer(step: RareValues) -> Listed:
        made.append(Listed(step))
        return made[-1]

    monkeypatch.setattr(RareValues, "gatherer", gatherer)
    assert run(tmp_path, content(), spec([RARE, HASH], block_bytes=4000)).bytes() == expected
    (used,) = made
    assert len(used.states) > 2


def test_a_gatherer_does_not_stand_for_the_merge_of_a_class_below() -> None:
    class Other(RareValues):
        def merge(self, states: Any) -> Any:
            return super().merge(states)

    gatherer = gatherer_for(Other())
    assert isinstance(gatherer, Merging)


def test_a_step_that_makes_other_columns_once_it_has_learned(tmp_path: Path) -> None:
    this = job(steps=[RARE, HASH])
    found, _ = prepared(laid_out(tmp_path, "a,b\nx,y\n"), this)
    (link, _) = found.links

    class Growing(RareValues):
        def with_state(self, state: Any) -> Any:
            return dataclasses.replace(self, columns=("zzz",))

        def output_schema(self, schema: Any) -> Any:
            return schema.remove(0) if self.columns else schema

    growing = dataclasses.replace(link, transform=Growing())
    with pytest.raises(PluginError) as caught:
        growing.with_state(pa.table({"value": pa.array([1], pa.uint64())}))
    assert str(caught.value) == (
        "transform.steps.rare: with_state gave the columns b: string, but output_schema promised "
        "a: string, b: string"
    )
