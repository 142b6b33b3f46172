"""Plugins are found by their files' names, imported late, and blamed by name."""

from __future__ import annotations

import json
import subprocess
import sysconfig
import venv
import zipfile
from collections.abc import Callable
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from textwrap import dedent

import pytest

from headrace.config import registry
from headrace.errors import PluginError
from headrace.runtime.plugins import roots
from headrace.runtime.plugins.transforms import GROUP
from tests import children

Runner = Callable[..., subprocess.CompletedProcess[str]]
UPPER = '''\
"""Nothing but a parameter."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Upper:
    """Hand the batch on."""

    suffix: str = "!"

    def output_schema(self, schema):
        return schema

    def apply(self, batch):
        return batch
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in the place of ``transforms/``."""
    made = tmp_path / "transforms"
    made.mkdir()
    monkeypatch.setattr(roots, "roots", lambda: (tmp_path,))
    return made


def test_the_folder_is_the_list() -> None:
    files = {path.stem for path in (roots.SHIPPED / roots.TRANSFORMS).glob("[!_]*.py")}
    assert {"custom_hasher", "feature_hasher", "split", "time_features"} <= files
    assert set(registry.plugins()) == files
    assert list(registry.plugins()) == sorted(files)


def test_listing_imports_no_plugin(folder: Path) -> None:
    (folder / "broken.py").write_text("raise RuntimeError('imported')")
    (folder / "_private.py").write_text("raise RuntimeError('imported')")
    assert list(registry.plugins()) == ["broken"]


def test_a_plugin_knows_its_class_and_its_text(folder: Path) -> None:
    (folder / "upper_one.py").write_text(UPPER)
    plugin = registry.plugins()["upper_one"]
    assert plugin.module == "transforms.upper_one"
    assert plugin.origin == "transforms/upper_one.py"
    assert plugin.source == UPPER
    assert plugin.transform.__name__ == "Upper"
    assert plugin.transform is registry.plugins()["upper_one"].transform


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "import no_such_module",
            "transform 'odd' (transforms/odd.py) cannot be imported: "
            "ModuleNotFoundError: No module named 'no_such_module'",
        ),
        (
            "1 / 0",
            "transform 'odd' (transforms/odd.py) cannot be imported: "
            "ZeroDivisionError: division by zero",
        ),
        (
            "raise SystemExit('bye')",
            "transform 'odd' (transforms/odd.py) cannot be imported: SystemExit: bye",
        ),
        (
            UPPER.replace("suffix", "name"),
            "transform 'odd' (transforms/odd.py): a parameter cannot be called 'name', which says "
            "what transform a step is; rename it",
        ),
        (
            "def f(:",
            "transform 'odd' (transforms/odd.py) cannot be imported: "
            "SyntaxError: invalid syntax (odd.py, line 1)",
        ),
        (
            "",
            "transform 'odd' (transforms/odd.py) should define one dataclass with "
            "output_schema and apply (found: none)",
        ),
        (
            UPPER + UPPER.replace("class Upper", "class Lower"),
            "transform 'odd' (transforms/odd.py) should define one dataclass with "
            "output_schema and apply (found: Upper, Lower)",
        ),
        (
            UPPER.replace("(frozen=True)", ""),
            "transform 'odd' (transforms/odd.py): Upper should be frozen; "
            "write @dataclass(frozen=True)",
        ),
        (
            UPPER + "    accumulate = merge = apply\n",
            "transform 'odd' (transforms/odd.py): Upper has accumulate, so it needs "
            "finish and with_state as well",
        ),
    ],
)
def test_a_broken_plugin_says_which_and_why(folder: Path, source: str, message: str) -> None:
    (folder / "odd.py").write_text(source)
    for _ in range(2):
        with pytest.raises(PluginError) as caught:
            _ = registry.plugins()["odd"].transform
        assert str(caught.value) == message
    assert caught.value.exit_status == 2


def test_two_of_one_name_are_both_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "upper.py").write_text(UPPER)
    _install(monkeypatch, ("upper", "extra.upper"))
    with pytest.raises(PluginError) as caught:
        registry.plugins()
    assert str(caught.value) == (
        "two transforms are called 'upper': transforms/upper.py and "
        "extra.upper of the package ?; rename or remove one"
    )


def test_an_installed_module_that_fails_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _install(monkeypatch, ("far", "no_such_package.far"))
    with pytest.raises(PluginError) as caught:
        _ = registry.plugins()["far"].transform
    assert str(caught.value) == (
        "transform 'far' (no_such_package.far of the package ?) cannot be imported: "
        "ModuleNotFoundError: No module named 'no_such_package'"
    )


def test_a_package_that_is_installed_meanwhile_is_found(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = folder.parent / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    before = registry.plugins()
    info = site / "later-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: later\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\nlater = later.steps\n")
    assert registry.plugins().keys() - before.keys() == {"later"}
    assert registry.plugins()["later"].origin == "later.steps of the package later"


def _install(monkeypatch: pytest.MonkeyPatch, *points: tuple[str, str]) -> None:
    found = EntryPoints(EntryPoint(name, module, GROUP) for name, module in points)
    monkeypatch.setattr(registry, "entry_points", lambda group: found.select(group=group))


@pytest.fixture(scope="module")
def python_with_package(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A virtual environment in which pip has installed a package that brings two transforms.

    The package is a wheel made here, so that neither a build backend nor the network is needed;
    what this environment has is seen through a .pth file.
    """
    root = tmp_path_factory.mktemp("venv")
    venv.create(root / "v", with_pip=False)
    python = str(root / "v" / "bin" / "python")
    here = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    [site] = (root / "v").glob("lib/python*/site-packages")
    (site / "outer.pth").write_text("\n".join(sorted(here)))
    wheel = _wheel(root)
    children.run(
        [python, "-m", "pip", "install", "-q", "--no-index", "--no-deps", str(wheel)],
        check=True,
        capture_output=True,
    )
    return python


def _wheel(root: Path) -> Path:
    name, info = "headrace_extra-1.0-py3-none-any.whl", "headrace_extra-1.0.dist-info"
    points = f"[{GROUP}]\nupper = headrace_extra.upper\nbroken = headrace_extra.broken\n"
    files = {
        "headrace_extra/__init__.py": "",
        "headrace_extra/upper.py": UPPER,
        "headrace_extra/broken.py": "import no_such_module\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: headrace-extra\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": points,
    }
    files[f"{info}/RECORD"] = "".join(f"{file},,\n" for file in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(root / name, "w") as archive:
        for file, text in files.items():
            archive.writestr(file, text)
    return root / name


def test_an_installed_package_brings_a_transform(
    python_with_package: str, headrace: Runner, tmp_path: Path
) -> None:
    ran = headrace(
        "action=plan",
        "transform=split",
        "transform.steps.upper.suffix='?'",
        "output.format=parquet",
        f"output.path={tmp_path / 'out'}",
        python=python_with_package,
    )
    assert ran.returncode == 0, ran.stderr
    assert "split → upper" in ran.stdout
    with zipfile.ZipFile(tmp_path / "out" / "code" / "entry.pyz") as entry:
        assert entry.read("transforms/upper.py").decode() == UPPER
        [_, step] = json.loads(entry.read("job.json"))["steps"]
    assert step == {"label": "upper", "name": "upper", "parameters": {"suffix": "?"}}


def test_an_installed_transform_is_checked_like_any(
    python_with_package: str, headrace: Runner
) -> None:
    ran = headrace("transform.steps.upper.sufix=x", python=python_with_package)
    assert (ran.returncode, ran.stderr) == (
        2,
        "1 problem in the configuration:\n"
        "  transform.steps.upper.sufix: unknown key; did you mean 'suffix'?\n",
    )


def test_an_installed_package_that_is_broken_is_named_with_its_module(
    python_with_package: str, headrace: Runner
) -> None:
    ran = headrace("action=schema", python=python_with_package)
    assert (ran.returncode, ran.stderr) == (
        2,
        "transform 'broken' (headrace_extra.broken of the package headrace-extra) cannot be "
        "imported: ModuleNotFoundError: No module named 'no_such_module'\n",
    )


def test_an_installed_package_and_a_file_of_one_name(
    python_with_package: str, headrace: Runner, copy_of_project: Path
) -> None:
    (copy_of_project / "transforms" / "upper.py").write_text(UPPER)
    ran = headrace(python=python_with_package, project=copy_of_project)
    assert (ran.returncode, ran.stderr) == (
        2,
        "two transforms are called 'upper': transforms/upper.py and "
        "headrace_extra.upper of the package headrace-extra; rename or remove one\n",
    )


def test_adding_a_transform_takes_two_files(headrace: Runner, copy_of_project: Path) -> None:
    (copy_of_project / "transforms" / "mine.py").write_text(UPPER)
    (copy_of_project / "conf" / "transform" / "mine.yaml").write_text(
        dedent("""\
            steps:
              split: {}
              mine:
                suffix: "?"
        """)
    )
    ran = headrace("action=schema", "transform=mine", project=copy_of_project)
    assert ran.returncode == 0, ran.stderr
    schema = json.loads(ran.stdout)["transforms"]["mine"]
    assert schema["properties"] == {"suffix": {"default": "!", "title": "Suffix", "type": "string"}}
    assert "mine" in headrace("--help", project=copy_of_project).stdout


@pytest.mark.parametrize(
    ("old", "new", "parameters", "problem"),
    [
        (
            "suffix: str",
            "suffix",
            {"suffix": "?"},
            "suffix: Upper.suffix has no annotation, so it is no parameter; write suffix: str = …",
        ),
        (
            'suffix: str = "!"',
            'suffix: int = "four"',
            {},
            "suffix: should be a whole number (got 'four')",
        ),
        (
            "suffix",
            "LENGTH: ClassVar[int] = 3\n    suffix",
            {"LENGTH": 2},
            "LENGTH: unknown key; allowed: after, before, name, suffix",
        ),
    ],
)
def test_a_parameter_that_its_class_gets_wrong(
    folder: Path, old: str, new: str, parameters: dict[str, object], problem: str
) -> None:
    text = UPPER.replace(old, new).replace(
        "import dataclass", "import dataclass\nfrom typing import ClassVar"
    )
    (folder / "odd_one.py").write_text(text)
    _, problems = registry.check_steps({"odd_one": parameters})
    assert list(map(str, problems)) == [f"transform.steps.odd_one.{problem}"]


def test_a_default_of_none_stands_for_no_value_whatever_the_type(folder: Path) -> None:
    (folder / "no_text.py").write_text(UPPER.replace('suffix: str = "!"', "suffix: str = None"))
    (step,), problems = registry.check_steps({"no_text": {}})
    assert (step.parameters, problems) == ({"suffix": None}, [])


def test_a_type_that_no_configuration_can_hold(folder: Path) -> None:
    text = UPPER.replace("suffix: str", "suffix: odd_kind").replace(
        "@data", "class _Odd:\n    pass\n\n\n@data", 1
    )
    (folder / "odd_type.py").write_text(text.replace("odd_kind", "_Odd"))
    with pytest.raises(PluginError) as caught:
        registry.check_steps({"odd_type": {}})
    assert str(caught.value) == (
        "transforms/odd_type.py: Upper: a parameter has a type that a configuration cannot hold: "
        "Unable to generate pydantic-core schema for <class 'transforms.odd_type._Odd'>"
    )
