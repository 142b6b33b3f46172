"""The examples of docs/transforms.md, run as they stand there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import xxhash

from headrace.config import registry
from headrace.config.defaults import PROJECT
from headrace.config.registry import adapter
from headrace.runtime.plugins import roots
from headrace.runtime.plugins.transforms import channels_of
from headrace.runtime.transform import Role, positions
from tests.transforms.batches import batch_of

PAGE = (PROJECT / "docs" / "transforms.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(\"\"\".*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
TABLE: dict[str, list[Any]] = {"site_id": ["1fbe01fe", "85f751fd", None]}


def example(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> registry.Plugin:
    (source,) = (each for each in EXAMPLES if f"class {name}" in each)
    (folder / "transforms").mkdir()
    (folder / f"transforms/{name.lower()}.py").write_text(source, encoding="utf-8")
    monkeypatch.setattr(roots, "roots", lambda: (folder,))
    return registry.plugins()[name.lower()]


def test_a_step_that_divides_the_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = example("HoldOut", tmp_path, monkeypatch)
    found.check_imports()
    step = adapter(found.transform).validate_python({"column": "site_id", "values": ["1fbe01fe"]})
    assert channels_of([step]) == ("train", "validation")
    made = step.apply(batch_of(TABLE))
    (channel,) = positions(made.schema, Role.CHANNEL)
    assert made.column(channel).to_pylist() == [1, 0, 0]
    with pytest.raises(ValueError, match="there is no column 'site_id' at this point of the chain"):
        step.output_schema(pa.schema([]))


def test_a_hasher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = example("XxHasher", tmp_path, monkeypatch)
    found.check_imports()
    made = adapter(found.transform).validate_python({"n_features": 1000}).apply(batch_of(TABLE))
    hashes = [xxhash.xxh32_intdigest(f"site_id={site}".encode()) for site in TABLE["site_id"][:2]]
    signed = [int(np.uint32(each).view(np.int32)) for each in hashes]
    assert made.column("indices").to_pylist() == [[abs(each) % 1000] for each in signed] + [[]]
    assert made.column("values").to_pylist() == [[np.sign(each)] for each in signed] + [[]]
    shown = f"1fbe01fe            [{abs(signed[0]) % 1000}]    [{np.sign(signed[0]):.1f}]"
    assert shown in PAGE


def test_no_example_imports_in_a_method() -> None:
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    assert len(EXAMPLES) == 3
    for text in (readme, PAGE):
        assert not re.findall(r"^ +(?:import|from) .*", _code(text), re.MULTILINE)


def _code(page: str) -> str:
    return "\n".join(re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL))
