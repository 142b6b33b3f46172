"""`downsample` against a recount, row by row, with another implementation of the hash."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from headrace.runtime.chain.chain import ChainError
from headrace.runtime.online import load
from headrace.runtime.online.transformer import RowTransformer
from headrace.runtime.output.manifest import merge
from headrace.runtime.spec import StepSpec
from headrace.runtime.transform import Role, sampling_of
from tests.runtime.jobs import HASH, SPLIT, Result, clicks, job, run
from tests.transforms.batches import UNICODE, batch_of
from transforms.downsample import Downsample

STEP = StepSpec("downsample", "downsample", {"rate": 0.25, "seed": 3})
ROLES = {"id": Role.ID, "click": Role.LABEL}


def stays(key: str, rate: float, seed: int) -> bool:
    return xxhash.xxh32_intdigest(key.encode(), seed) < rate * 2**32


@given(
    st.lists(st.tuples(UNICODE, st.sampled_from([0.0, 1.0, 2.0])), max_size=30),
    st.floats(0.01, 1),
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.0, 1.0]),
)
def test_a_recount(rows: list[tuple[str, float]], rate: float, seed: int, label: float) -> None:
    ids, labels = [row[0] for row in rows], [row[1] for row in rows]
    batch = batch_of({"id": ["x", *ids], "click": [0.0, *labels]}, ROLES).slice(1)
    made = Downsample(rate, label, seed).apply(batch)
    kept = [row for row in rows if row[1] != label or stays(row[0], rate, seed)]
    assert list(zip(*made.to_pydict().values(), strict=True)) == kept
    assert sampling_of(made.schema) == (label, rate)


def counted(result: Result) -> dict[str, Any]:
    return dict(result.manifest["downsample"])


def test_only_rows_that_train_are_left_out(tmp_path: Path) -> None:
    content = clicks(2000)
    told: dict[str, Any] = {"id": "id", "label": "click", "block_bytes": 4096}
    whole = run(tmp_path, content, job(steps=[SPLIT, HASH], **told))
    result = run(tmp_path, content, job(steps=[SPLIT, STEP, HASH], **told))
    for name in ("id", "label"):
        assert result.array(name, "validation").tolist() == whole.array(name, "validation").tolist()
    pairs = list(zip(whole.array("id"), whole.array("label"), strict=True))
    kept = [(key, label) for key, label in pairs if label or stays(key.decode(), 0.25, 3)]
    assert list(zip(result.array("id"), result.array("label"), strict=True)) == kept
    left = len(pairs) - len(kept)
    zeros = sum(not label for _, label in kept)
    assert counted(result) == {"label": 0.0, "rate": 0.25, "kept": zeros, "left_out": left}
    written = 2000 - left
    rows = {"read": 2000, "written": written, "rejected": 0, "left_out": left}
    assert result.manifest["rows"] == rows
    assert 0.15 < zeros / (zeros + left) < 0.35
    both = merge({"algo-1": result.manifest, "algo-2": {**result.manifest}})
    assert both["rows"] == {key: 2 * count for key, count in rows.items()}
    assert both["downsample"] == {
        "label": 0.0,
        "rate": 0.25,
        "kept": 2 * zeros,
        "left_out": 2 * left,
    }


def test_the_choice_has_nothing_to_do_with_the_split(tmp_path: Path) -> None:
    step = StepSpec("downsample", "downsample", {"rate": 0.5})  # the seed of the split
    told: dict[str, Any] = {"id": "id", "label": "click"}
    rows = counted(run(tmp_path, clicks(2000), job(steps=[SPLIT, step, HASH], **told)))
    assert 0.4 < rows["kept"] / (rows["kept"] + rows["left_out"]) < 0.6


def test_without_an_id_the_text_of_the_row_decides(tmp_path: Path) -> None:
    content = "click,c\n" + "".join(f"{n % 2},v{n}\n" for n in range(200))
    result = run(tmp_path, content, job(steps=[STEP, HASH], label="click"))
    texts = [(f"{n % 2}\x1fv{n}", n % 2) for n in range(200)]
    kept = [label for text, label in texts if label or stays(text, 0.25, 3)]
    assert result.array("label").tolist() == kept


def test_bad_rows_are_counted_by_themselves(tmp_path: Path) -> None:
    content = clicks(100) + "1,no,v1,v2,v3,v4\n"
    told: dict[str, Any] = {"id": "id", "label": "click", "on_bad_rows": "skip"}
    rows = run(tmp_path, content, job(steps=[STEP, HASH], **told)).manifest["rows"]
    assert rows["rejected"] == 1
    assert rows["read"] == 101 == rows["written"] + rows["rejected"] + rows["left_out"]


def test_a_single_row_is_never_left_out(tmp_path: Path) -> None:
    content = "id,click,c\n" + "".join(f"{n},0,v{n}\n" for n in range(20))
    result = run(tmp_path, content, job(steps=[STEP, HASH], id="id", label="click"))
    transformer = load(result.output)
    assert isinstance(transformer, RowTransformer)
    made = transformer.rows([{"c": f"v{n}"} for n in range(20)])
    assert len(made.offsets) == 21


def test_a_split_behind_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ChainError) as caught:
        run(tmp_path, clicks(9), job(steps=[STEP, SPLIT, HASH], id="id", label="click"))
    assert str(caught.value) == (
        "transform.steps.split: rows are left out before they are divided; downsample should "
        "stand behind it"
    )


def test_a_label_is_needed(tmp_path: Path) -> None:
    with pytest.raises(ChainError) as caught:
        run(tmp_path, clicks(9), job(steps=[STEP, HASH], id="id"))
    assert str(caught.value) == (
        "transform.steps.downsample: needs the label of each row; dataset.label should name its "
        "column"
    )
