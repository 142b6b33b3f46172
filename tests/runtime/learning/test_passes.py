"""How often the data is read before rows are written, and who learns when."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.runtime.chain.preflight import preflight
from headrace.runtime.learning.passes import Pass, passes
from headrace.runtime.spec import StepSpec
from tests.runtime.jobs import HASH, job

HASHED = StepSpec("split", "split", {})
SHUFFLE = StepSpec("split", "split", {"method": "shuffle"})
RARE = StepSpec("rare", "rare_values", {})
RARE_A = StepSpec("rare_a", "rare_values", {"columns": ["a"]})
RARE_B = StepSpec("rare_b", "rare_values", {"columns": ["b"]})
SCALED = StepSpec("scaled", "standardize", {})
HOURS = StepSpec("time_features", "time_features", {})
NUMBERED = Pass(0, ("split",), numbers=True)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([HASHED, HASH], []),
        ([SHUFFLE, HASH], [NUMBERED]),
        ([HASHED, RARE, HASH], [Pass(1, ("rare",))]),
        ([SHUFFLE, RARE, HASH], [NUMBERED, Pass(1, ("rare",))]),
        ([RARE, SHUFFLE, HASH], [NUMBERED, Pass(0, ("rare",))]),
        ([HASHED, SCALED, RARE, HASH], [Pass(1, ("scaled", "rare"))]),
        ([RARE_A, SCALED, RARE_B, HASH], [Pass(0, ("rare_a", "scaled", "rare_b"))]),
        ([RARE_A, RARE, SCALED, HASH], [Pass(0, ("rare_a",)), Pass(1, ("rare", "scaled"))]),
        ([RARE, HOURS, SCALED, HASH], [Pass(0, ("rare",)), Pass(2, ("scaled",))]),
        ([SCALED, HASHED, RARE, HASH], [Pass(0, ("scaled",)), Pass(2, ("rare",))]),
    ],
)
def test_as_few_as_there_can_be(
    tmp_path: Path, steps: list[StepSpec], expected: list[Pass]
) -> None:
    file = tmp_path / "data.csv"
    file.write_text("id,a,b,hour,x\n1,a,b,14102100,1\n")
    prepared = preflight(job(steps=steps, id="id", numeric=("x",)), [file])
    assert list(passes(prepared)) == expected
