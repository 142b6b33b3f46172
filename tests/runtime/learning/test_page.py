"""The example of docs/transforms.md, run as it stands there."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import pytest

from headrace.config.defaults import PROJECT
from headrace.config.registry import adapter
from headrace.runtime.plugins.transforms import class_in
from headrace.runtime.spec import StepSpec
from tests.runtime.jobs import job, run

PAGE = (PROJECT / "docs" / "transforms.md").read_text(encoding="utf-8")
(EXAMPLE,) = (
    block
    for block in re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    if "ColumnLearner" in block
)


def test_a_step_that_learns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "min_max.py"
    file.write_text(EXAMPLE, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("transforms.min_max", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    assert adapter(class_in(module, "'min_max'")).validate_python({"columns": ["x"]})
    content = "day,x,none,same\n1,10,,5\n1,30,,5\n2,40,1,5\n1,,,5\n2,20,,6\n"
    by_day = StepSpec("split", "split", {"method": "time", "column": "day", "before": "2"})
    steps = [by_day, StepSpec("min_max", "min_max", {})]
    numbers = ("x", "none", "same")
    for size in (1, 1 << 20):
        learning = job(steps=steps, format="parquet", numeric=numbers, block_bytes=size)
        result = run(tmp_path, content, learning)
        assert result.table("train")["x"].to_pylist() == [0.0, 1.0, None]
        assert result.table("validation").drop_columns("day").to_pylist() == [
            {"x": 1.5, "none": 1.0, "same": 0.0},
            {"x": 0.5, "none": None, "same": 1.0},
        ]


def test_it_is_as_short_as_a_transform_should_be() -> None:
    assert len(EXAMPLE.splitlines()) < 80
