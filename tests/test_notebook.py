"""docs/notebook.ipynb runs from its first cell to its last in a real kernel."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from headrace.config.defaults import PROJECT
from tests import children

NOTEBOOK = PROJECT / "docs" / "notebook.ipynb"

Cell = dict[str, Any]


def cells_of(notebook: Path) -> list[Cell]:
    return list(json.loads(notebook.read_text(encoding="utf-8"))["cells"])


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> list[Cell]:
    """In a copy of the project; in a process, whose libraries may warn as they like."""
    project = tmp_path_factory.mktemp("checkout")
    for name in ("conf", "data", "framework", "transforms"):
        (project / name).symlink_to(PROJECT / name)
    (project / "docs").mkdir()
    copy = Path(shutil.copy(NOTEBOOK, project / "docs"))
    ran = children.run(
        [
            str(Path(sys.executable).parent / "jupyter-execute"),
            "--inplace",
            "--timeout=120",
            copy.name,
        ],
        cwd=copy.parent,
        env={**os.environ, "PYTHONPATH": str(project / "framework")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return cells_of(copy)


def test_it_is_kept_without_outputs() -> None:
    for cell in cells_of(NOTEBOOK):
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


@pytest.mark.slow
def test_every_cell_runs_and_none_is_noisy(executed: list[Cell]) -> None:
    outputs = [output for cell in executed for output in cell.get("outputs", ())]
    assert [output for output in outputs if output.get("name") == "stderr"] == []
    text = "\n".join("".join(output.get("text", ())) for output in outputs)
    assert "   256  collisions 100.0%  log loss 0." in text
    assert "65,536  collisions  13.7%  log loss 0." in text


@pytest.mark.slow
def test_the_job_and_its_result_are_shown_as_tables(executed: list[Cell]) -> None:
    pages = [
        "".join(output["data"]["text/html"])
        for cell in executed
        for output in cell.get("outputs", ())
        if "text/html" in output.get("data", ())
    ]
    assert "<td" in pages[0]
    assert "/opt/ml/processing/input/code" in pages[0]
    assert ">4,025</td>" in pages[1]
