"""`headrace.testing`: what the author of a transform sees, in a project of three files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from headrace.runtime.plugins import roots
from tests import children
from tests.config.test_registry import UPPER

CONTRACT = """\
from headrace.testing import TransformContract

class TestMine(TransformContract):
    name = "mine"
"""
REQUIRED = UPPER.replace('suffix: str = "!"', "suffix: str")


def pytest_in(folder: Path, plugin: str, test: str = CONTRACT) -> subprocess.CompletedProcess[str]:
    (folder / "transforms").mkdir()
    (folder / "transforms" / "mine.py").write_text(plugin)
    (folder / "test_mine.py").write_text(test)
    return children.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(roots.SHIPPED / "framework")},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def test_three_lines_are_enough(tmp_path: Path) -> None:
    ran = pytest_in(tmp_path, UPPER.replace('"""Nothing but a parameter."""\n', ""))
    assert ran.returncode == 0, ran.stdout
    assert "18 passed" in ran.stdout


def test_a_parameter_without_a_default_is_asked_for(tmp_path: Path) -> None:
    ran = pytest_in(tmp_path, REQUIRED)
    assert ran.returncode == 1
    assert "the variants of 'mine':" in ran.stdout
    assert "transform.steps.mine.suffix: this key is required" in ran.stdout


def test_and_given_in_the_variants(tmp_path: Path) -> None:
    ran = pytest_in(tmp_path, REQUIRED, CONTRACT + '    variants = ({"suffix": "?"},)\n')
    assert ran.returncode == 0, ran.stdout


@pytest.mark.parametrize(
    ("plugin", "message"),
    [
        (
            UPPER.replace("def apply", "def applies"),
            "transform 'mine' (transforms/mine.py): Upper has no apply; "
            "a transform needs output_schema and apply",
        ),
        (
            UPPER.replace("@dataclass(frozen=True)\n", ""),
            "transform 'mine' (transforms/mine.py): Upper should be a dataclass; "
            "write @dataclass(frozen=True)",
        ),
    ],
)
def test_what_a_transform_lacks_is_named(tmp_path: Path, plugin: str, message: str) -> None:
    ran = pytest_in(tmp_path, plugin)
    assert ran.returncode == 1
    assert f"PluginError: {message}\n" in ran.stdout


def test_a_transform_that_breaks_a_promise_fails(tmp_path: Path) -> None:
    ran = pytest_in(tmp_path, UPPER.replace("return batch\n", "return batch.slice(1)\n"))
    assert ran.returncode == 1
    assert "FAILED test_mine.py::TestMine::test_the_schema_is_as_promised" in ran.stdout


def test_a_name_that_is_none_is_told(tmp_path: Path) -> None:
    ran = pytest_in(tmp_path, UPPER, CONTRACT.replace('"mine"', '"mien"'))
    assert ran.returncode == 1
    assert "no transform is called 'mien'; did you mean 'mine'?" in ran.stdout
