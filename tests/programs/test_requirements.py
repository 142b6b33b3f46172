"""``backend.requirements`` of a script on this machine: its own packages, and nobody else's."""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from pathlib import Path

import pytest

import headrace
from headrace.targets.local.private_root.access import refusal
from tests.programs.jobs import script
from tests.tiny_wheels import make_wheel

TELL = """
import pygal
import tiny
from importlib.metadata import version

with open("/opt/ml/processing/output/told/versions", "w") as file:
    print(pygal.VERSION, version("pygal"), tiny.VERSION, file=file)
"""


@pytest.mark.skipif(refusal() is not None, reason="mount namespaces are forbidden here")
def test_a_script_gets_its_own_version_of_what_headrace_needs_itself(
    tmp_path: Path, pip_index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    ours = version("pygal")
    wheels = [make_wheel(pip_index, "pygal", "0.0.1", requires=["tiny"])]
    wheels.append(make_wheel(pip_index, "tiny", "2.0"))
    requirements = script(tmp_path, "pygal==0.0.1  # ours is another\n", "requirements.txt")
    settings = {"backend.requirements": str(requirements), "output.path": str(tmp_path / "out")}
    program = {"path": str(script(tmp_path, TELL))}
    compiled = headrace.compile(settings, program=program, outputs=["told"])
    digests = {wheel.name: hashlib.sha256(wheel.read_bytes()).hexdigest() for wheel in wheels}
    assert compiled.job.program.packages == digests
    lines = [f"{name}, SHA-256 {digest}" for name, digest in digests.items()]
    assert "\n         ".join(lines) in repr(compiled)
    headrace.run(compiled)
    assert (tmp_path / "out/told/versions").read_text() == "0.0.1 0.0.1 2.0\n"
    assert version("pygal") == ours
