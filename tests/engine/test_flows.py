"""A flow whose jobs run in real containers: it goes on where it was, with the same results."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from headrace import compile_flow
from headrace.config.defaults import PROJECT
from headrace.errors import JobFailed
from headrace.results.stored import StoredResult
from headrace.targets.local.private_root.access import refusal

pytestmark = [
    pytest.mark.engine,
    pytest.mark.long,
    pytest.mark.usefixtures("built"),
    pytest.mark.skipif(refusal() is not None, reason="mount namespaces are forbidden here"),
]


def test_a_flow_goes_on_in_containers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(PROJECT / "examples" / "three_scripts", tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    train = tmp_path / "train.py"
    script = train.read_text()
    train.write_text("raise SystemExit('not today')\n")
    flow = ["flow=churn", "backend=script"]

    def states(*overrides: str) -> dict[str, str]:
        made = compile_flow(*flow, *overrides).run()
        return {label: state.said for label, state in made.items()}

    def outputs(root: Path) -> list[Any]:
        labels = ("prepare", "train", "evaluate")
        return [StoredResult(str(root / label)).manifest()["outputs"] for label in labels]

    there, here = ("target=container", "output.path=there"), ("target=local", "output.path=here")
    with pytest.raises(JobFailed, match="train failed; evaluate did not run"):
        states(*there)
    train.write_text(script)
    assert states(*there) == {
        "prepare": "unchanged",
        "train": "done",
        "evaluate": "done",
    }
    assert states(*there) == dict.fromkeys(("prepare", "train", "evaluate"), "unchanged")
    assert states(*here) == dict.fromkeys(("prepare", "train", "evaluate"), "done")
    assert outputs(tmp_path / "there") == outputs(tmp_path / "here")
