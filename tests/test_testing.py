"""`headrace.testing`: what the author of a transform sees, in a small project of transforms."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from xml.etree import ElementTree

import pytest

from headrace.runtime.plugins import roots
from tests import children
from tests.config.test_registry import UPPER

CONTRACT = """\
from headrace.testing import TransformContract

class TestMine(TransformContract):
    name = "{name}"
"""
REQUIRED = UPPER.replace('suffix: str = "!"', "suffix: str")
NO_APPLY = UPPER.replace("def apply", "def applies")
NO_DATACLASS = UPPER.replace("@dataclass(frozen=True)\n", "")
VARIANTS = '    variants = ({{"suffix": "?"}},)\n'
AUTHORS = {
    "three_lines": (UPPER.replace('"""Nothing but a parameter."""\n', ""), CONTRACT),
    "asked_for": (REQUIRED, CONTRACT),
    "given": (REQUIRED, CONTRACT + VARIANTS),
    "no_apply": (NO_APPLY, CONTRACT),
    "no_dataclass": (NO_DATACLASS, CONTRACT),
    "broken": (UPPER.replace("return batch\n", "return batch.slice(1)\n"), CONTRACT),
    "misspelled": (UPPER, CONTRACT.replace("{name}", "mispelled")),
}
"""Transform → its file, and its test; one run of pytest has them all."""


class Seen(NamedTuple):
    """What pytest says of a transform."""

    passed: tuple[str, ...]
    """The tests that it passes."""
    failures: Mapping[str, str]
    """The others → what is printed."""


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Seen]:
    folder = tmp_path_factory.mktemp("authors")
    (folder / "transforms").mkdir()
    for name, (plugin, test) in AUTHORS.items():
        (folder / f"transforms/{name}.py").write_text(plugin)
        (folder / f"test_{name}.py").write_text(test.format(name=name))
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--junitxml=seen.xml"]
    ran = children.run(
        [sys.executable, "-m", "pytest", *options],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(roots.SHIPPED / "framework")},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert ran.returncode == 1, ran.stdout + ran.stderr
    written = ElementTree.parse(folder / "seen.xml")  # noqa: S314 - by our own pytest
    cases = list(written.iter("testcase"))
    return {name: _seen(cases, f"test_{name}.TestMine") for name in AUTHORS}


def _seen(cases: Sequence[ElementTree.Element], name: str) -> Seen:
    own = {case.get("name", ""): case for case in cases if case.get("classname") == name}
    told = {test: case.findtext("failure") for test, case in own.items()}
    failures = {test: text for test, text in told.items() if text is not None}
    return Seen(tuple(test for test, case in own.items() if not len(case)), failures)


def test_three_lines_are_enough(seen: Mapping[str, Seen]) -> None:
    passed, failures = seen["three_lines"]
    assert (len(passed), failures) == (22, {})


def test_a_parameter_without_a_default_is_asked_for(seen: Mapping[str, Seen]) -> None:
    passed, failures = seen["asked_for"]
    assert (passed, len(failures)) == ((), 22)
    for failure in failures.values():
        assert "the variants of 'asked_for':" in failure
        assert "transform.steps.asked_for.suffix: this key is required" in failure


def test_and_given_in_the_variants(seen: Mapping[str, Seen]) -> None:
    passed, failures = seen["given"]
    assert (len(passed), failures) == (22, {})


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "no_apply",
            "Upper has no apply; a transform needs output_schema and apply",
        ),
        (
            "no_dataclass",
            "Upper should be a dataclass; write @dataclass(frozen=True)",
        ),
    ],
)
def test_what_a_transform_lacks_is_named(seen: Mapping[str, Seen], name: str, message: str) -> None:
    passed, failures = seen[name]
    assert (passed, len(failures)) == ((), 22)
    for failure in failures.values():
        assert f"PluginError: transform '{name}' (transforms/{name}.py): {message}\n" in failure


def test_a_transform_that_breaks_a_promise_fails(seen: Mapping[str, Seen]) -> None:
    passed, failures = seen["broken"]
    what = "apply returned 59 rows for 60; a step that leaves out rows says so by leaves_out_rows"
    failure = failures["test_the_schema_is_as_promised[broken-defaults-id]"]
    assert what in failure
    assert len(passed) == 14


def test_a_name_that_is_none_is_told(seen: Mapping[str, Seen]) -> None:
    passed, failures = seen["misspelled"]
    assert (passed, len(failures)) == ((), 22)
    for failure in failures.values():
        assert "no transform is called 'mispelled'; did you mean 'misspelled'?" in failure
