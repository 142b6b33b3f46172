"""What every transform promises; a file added to ``transforms/`` is picked up by itself.

What is promised is in `headrace.testing`. A plugin with a parameter that has no default adds its
parameters to `VARIANTS`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import jsonschema
import pyarrow as pa
import pytest
from pydantic import TypeAdapter

from headrace.config import registry
from headrace.config.registry import adapter
from headrace.runtime.plugins import roots
from headrace.runtime.transform import Transform
from headrace.testing import Case, TransformContract
from tests import children

VARIANTS: dict[str, list[dict[str, Any]]] = {
    "arithmetic": [
        {"operations": [{"scale": 1e-9}, {"clip": [None, 1.4]}, "log1p"], "columns": ["stamp"]}
    ],
    "cross": [
        {"columns": ["site", "hour"]},
        {"columns": ["hour", "nothing", "site"], "column": "all", "separator": "|", "keep": False},
    ],
    "dates": [
        {"column": "day", "parts": ["year", "quarter", "month", "day", "day_of_year", "weekday"]},
        {"column": "hour", "format": "yymmddhh", "time_zone": "+02:00", "keep": True},
        {"column": "stamp", "format": "epoch_s", "time_zone": "-03:30", "parts": ["is_weekend"]},
        {"column": "day", "format": "%Y-%m-%d"},
    ],
    "downsample": [{"rate": 0.5}, {"rate": 1.0}, {"rate": 0.01, "majority": 1, "seed": 7}],
    "join": [
        {"input": "sites", "key": "site", "columns": ["topic"]},
        {
            "input": "sites",
            "key": "day",
            "table_key": "topic",
            "columns": ["visits", "site"],
            "numeric": ["visits"],
            "prefix": "day_",
        },
    ],
    "multi_value": [{"columns": ["site"], "separator": "é"}, {"columns": ["nothing", "day"]}],
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
    "vocabulary": [{"min_count": 2, "max_size": 4}, {"columns": ["site", "nothing"]}],
    "count_encode": [{"columns": ["site"]}],
    "target_encode": [{"folds": 0, "smooth": 0}, {"folds": 2, "columns": ["site"]}],
    "bucketize": [
        {"method": "uniform", "buckets": 3},
        {"method": "log_square"},
        {"edges": [0, 2.5], "columns": ["price"]},
    ],
    "impute": [
        {"strategy": "most_frequent", "indicator": True},
        {"strategy": "median", "columns": ["price"]},
        {"strategy": "constant", "value": "?"},
    ],
    "one_hot": [{"max_categories": 2, "columns": ["site"]}, {"min_count": 12}],
    "custom_hasher": [
        {"hash": "murmur3_32", "seed": 2**32 - 1},
        {"n_features": 100, "index_ranges": "per_column"},
    ],
}
"""Beside the defaults, which every plugin is tried with that has them."""


@cache  # each of the tests asks for them while it is collected
def parameters_of(name: str) -> Sequence[dict[str, Any]]:
    """The defaults, unless a parameter has none or the plugin is broken, and the variants."""
    variants = VARIANTS.get(name, [])
    try:
        adapter(registry.plugins()[name].transform).validate_python({})
    except Exception:
        return variants or [{}]
    return [{}, *variants]


class TestEveryPlugin(TransformContract):
    tables: ClassVar[Mapping[str, pa.Table]] = {
        "sites": pa.table(
            {
                "site": ["0", "é1", None, "éé2"],
                "topic": ["2014-10-01", "x", "y", None],
                "visits": ["1", None, "2.5", "-0"],
            }
        )
    }

    @classmethod
    def cases(cls) -> Iterator[Case]:
        for name in registry.plugins():
            for number, parameters in enumerate(parameters_of(name)):
                # The first with both, the others in turn: steps look at few columns at once.
                for has_id in (True, False) if number == 0 else (number % 2 == 1,):
                    yield Case(name, parameters, has_id)


def test_the_files_are_the_plugins() -> None:
    folder = roots.SHIPPED / roots.TRANSFORMS
    names = {path.stem for path in folder.glob("*.py") if not path.stem.startswith("_")}
    assert names <= set(registry.plugins())
    assert VARIANTS.keys() <= names


def test_a_new_file_is_picked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "transforms").mkdir()
    (tmp_path / "transforms" / "mine.py").write_text("")
    monkeypatch.chdir(tmp_path)
    assert {case.name for case in TestEveryPlugin.cases()} >= {"mine", "split"}


@pytest.mark.parametrize("name", registry.plugins())
def test_the_client_validates_it(name: str) -> None:
    plugin = adapter(registry.plugins()[name].transform)
    schema = plugin.json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    default = plugin.validate_python(parameters_of(name)[0])
    parameters = {field.name: getattr(default, field.name) for field in fields(default)}
    jsonschema.validate(json.loads(json.dumps(parameters)), schema)  # which has lists
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


LISTING = """
import json, sys
from headrace.config import registry
from headrace.config.registry import adapter
for name, parameters in json.loads(sys.argv[1]):
    adapter(registry.plugins()[name].transform).validate_python(parameters)
print(*sorted({"numpy", "pyarrow", "sklearn", "scipy", "pandas"} & sys.modules.keys()))
"""


def test_listing_and_validating_imports_nothing_heavy() -> None:
    every = [(name, parameters_of(name)[0]) for name in registry.plugins()]
    done = children.run(
        [sys.executable, "-c", LISTING, json.dumps(every)],
        cwd=roots.SHIPPED / "framework",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stderr, done.stdout) == ("", "\n")
