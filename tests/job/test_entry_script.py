"""The entry script: what is in it, that it is always the same, that it needs nothing else."""

from __future__ import annotations

import io
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from headrace import runtime
from headrace.config.registry import Plugin, check_travels_alone, plugins
from headrace.errors import PluginError
from headrace.job import entry_script as entry_script_module
from headrace.job.entry_script import ChainCode, entry_script
from headrace.job.mapping import Mapping, ProcessingInput, ProcessingOutput
from headrace.runtime.spec import DatasetSpec, JobSpec, OutputSpec, RuntimeSpec, StepSpec
from tests import children

MAPPING = Mapping(
    (ProcessingInput("data", "file:///data/ü.csv", "/opt/ml/processing/input/data"),),
    (
        ProcessingOutput("train", "file:///out/train", "/opt/ml/processing/output/train"),
        ProcessingOutput("report", "file:///out/report", "/opt/ml/processing/output/report"),
    ),
)
STEPS = (
    StepSpec("hours", "time_features", {"column": "hour"}),
    StepSpec("feature_hasher", "feature_hasher", {"n_features": 64, "alternate_sign": True}),
)
OVERVIEW = """\
#
# A processing job, compiled by headrace. What it reads and writes:
#
#   data    reads   /opt/ml/processing/input/data
#   train   writes  /opt/ml/processing/output/train
#   report  writes  /opt/ml/processing/output/report
#
# What it does to every row, in this order:
#
#   1. time_features (hours)
#        column: "hour"
#   2. feature_hasher
#        n_features: 64
#        alternate_sign: true
#
# The full parameters are in job.json, beside this file in the zip.

import sys

if __name__ == "__main__":
    from headrace.runtime.process.main import main

    sys.exit(main(__loader__.get_data("job.json").decode()))
"""


@pytest.fixture
def program() -> ChainCode:
    spec = JobSpec(DatasetSpec(label="click"), STEPS, OutputSpec(), RuntimeSpec())
    known = plugins()
    return ChainCode(
        spec, MAPPING.inputs, MAPPING.outputs, tuple(known[step.name] for step in STEPS)
    )


def opened(content: bytes) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(content))


def plugin(tmp_path: Path, source: str, module: str = "acme.ratio") -> Plugin:
    path = tmp_path / "ratio.py"
    path.write_text(source)
    return Plugin("ratio", module, "acme.ratio of the package acme-transforms", path)


@pytest.fixture
def _no_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entry_script_module, "built", dict)


@pytest.mark.parametrize("setting", ["auto", "off"])
def test_kernels_travel_unless_they_are_off(
    program: ChainCode, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    content = {"x86_64.so": b"\x7fELF one", "aarch64.so": b"\x7fELF other"}
    monkeypatch.setattr(entry_script_module, "built", lambda: content)
    spec = replace(program.spec, runtime=RuntimeSpec(kernels=setting))
    archive = opened(entry_script(replace(program, spec=spec)))
    folder = "headrace/runtime/kernels"
    expected = {f"{folder}/{name}": content[name] for name in content} if setting == "auto" else {}
    found = {name: archive.read(name) for name in archive.namelist() if name.endswith(".so")}
    assert found == expected


@pytest.mark.usefixtures("_no_kernels")
def test_what_it_carries(program: ChainCode) -> None:
    archive = opened(entry_script(program))
    folder = Path(runtime.__file__).parent
    shipped = [f"headrace/runtime/{p.relative_to(folder)}" for p in folder.rglob("*.py")]
    names = archive.namelist()
    assert names[:2] == ["__main__.py", "job.json"]
    assert names[2:] == sorted(
        [
            *shipped,
            "annotated_types/LICENSE",
            "annotated_types/__init__.py",
            "headrace/__init__.py",
            "transforms/__init__.py",
            "transforms/feature_hasher.py",
            "transforms/time_features.py",
        ]
    )
    assert archive.read("job.json").decode() == program.spec.to_json()
    assert b"MIT" in archive.read("annotated_types/LICENSE")


def test_it_opens_with_the_mapping_and_the_chain(program: ChainCode) -> None:
    assert opened(entry_script(program)).read("__main__.py").decode() == OVERVIEW


def test_an_editor_shows_it(program: ChainCode) -> None:
    content = entry_script(program)
    assert content.startswith(b"#!/usr/bin/env python3\n")
    assert OVERVIEW.encode() in content


def test_always_the_same_bytes(program: ChainCode, monkeypatch: pytest.MonkeyPatch) -> None:
    first = entry_script(program)
    monkeypatch.setattr("time.time", lambda: 2_000_000_000.0)
    monkeypatch.setattr("sys.platform", "win32")
    assert entry_script(program) == first
    for info in opened(first).infolist():
        assert (info.date_time, info.create_system) == ((1980, 1, 1, 0, 0, 0), 3)
        assert (info.external_attr, info.compress_type) == (0o100644 << 16, zipfile.ZIP_STORED)


def test_it_is_whole(program: ChainCode) -> None:
    """No zip tool warns of extra bytes: the offsets count from the first line."""
    content = entry_script(program)
    assert opened(content).testzip() is None
    assert min(info.header_offset for info in opened(content).infolist()) == len(
        b"#!/usr/bin/env python3\n"
    )


def test_it_imports_from_itself_alone(program: ChainCode, tmp_path: Path) -> None:
    script = tmp_path / "entry.pyz"
    script.write_bytes(entry_script(program))
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import annotated_types, headrace.runtime.spec as spec\n"
        "import transforms.feature_hasher as plugin\n"
        "print(annotated_types.__file__, spec.__file__, plugin.__file__)\n"
        "try:\n    import headrace.config.compose\n"
        "except ModuleNotFoundError as error: print(error)\n"
    )
    done = children.run(
        [sys.executable, "-I", "-c", code, script], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.stderr == ""
    modules = ("annotated_types/__init__.py", "headrace/runtime/spec.py")
    files = " ".join(f"{script}/{module}" for module in (*modules, "transforms/feature_hasher.py"))
    assert done.stdout == f"{files}\nNo module named 'headrace.config'\n"


def test_a_path_cannot_end_the_comment(program: ChainCode) -> None:
    entry = replace(MAPPING.inputs[0], container_path="/opt/a\nimport os\r\u2028b")
    main = opened(entry_script(replace(program, inputs=(entry,)))).read("__main__.py").decode()
    assert r"reads   /opt/a\nimport os\r\u2028b" in main


def test_where_things_lie_makes_no_difference(program: ChainCode) -> None:
    entry = replace(MAPPING.inputs[0], uri="s3://bucket/data/")
    output = replace(MAPPING.outputs[0], uri="s3://bucket/elsewhere/train")
    moved = replace(program, inputs=(entry,), outputs=(output, *MAPPING.outputs[1:]))
    assert entry_script(moved) == entry_script(program)


def test_a_third_partys_plugin_travels_under_its_name(program: ChainCode, tmp_path: Path) -> None:
    source = "import math\nfrom headrace.runtime.transform import Role\n"
    own = replace(program, plugins=(plugin(tmp_path, source),))
    assert opened(entry_script(own)).read("transforms/ratio.py").decode() == source


@pytest.mark.parametrize(
    ("source", "line", "name"),
    [
        ("from . import shared\n", 1, "."),
        ("import math\nfrom .shared import x\n", 2, ".shared"),
        ("def f():\n    import acme.shared\n", 2, "acme.shared"),
        ("from acme import shared\n", 1, "acme"),
    ],
)
def test_a_plugin_that_needs_its_package_is_refused(
    tmp_path: Path, source: str, line: int, name: str
) -> None:
    with pytest.raises(PluginError) as caught:
        check_travels_alone(plugin(tmp_path, source))
    assert str(caught.value) == (
        "transform 'ratio' (acme.ratio of the package acme-transforms), "
        f"line {line}: imports {name!r}, a part of its own package; "
        "a transform travels as one file, which must hold it all"
    )


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("from headrace.config.models import JobConfig\n", "headrace.config.models"),
        ("from headrace import errors\n", "headrace.errors"),
        ("import headrace\n", "headrace"),
    ],
)
def test_a_plugin_that_needs_the_client_half_is_refused(
    tmp_path: Path, source: str, name: str
) -> None:
    with pytest.raises(PluginError) as caught:
        check_travels_alone(plugin(tmp_path, source))
    assert str(caught.value) == (
        "transform 'ratio' (acme.ratio of the package acme-transforms), line 1: "
        f"imports {name!r}, which stays on this machine; allowed: headrace.runtime"
    )


@pytest.mark.parametrize(
    "source",
    [
        "if TYPE_CHECKING:\n    from .shared import x\n",
        "import typing\nif typing.TYPE_CHECKING:\n    import acme\nelse:\n    import math\n",
        "from headrace import runtime\nimport headrace.runtime.hashing\nimport acmeology\n",
    ],
)
def test_imports_that_do_no_harm(tmp_path: Path, source: str) -> None:
    check_travels_alone(plugin(tmp_path, source))
