"""A user's script on this machine whose inputs and outputs are on S3."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from headrace.targets.local.private_root.access import refusal
from headrace.targets.local.target import LocalTarget
from tests.targets.by_hand import data_input, make_config, make_script

pytestmark = pytest.mark.skipif(
    refusal() is not None, reason="mount namespaces are forbidden on this machine"
)
SCRIPT = """
import os
folder = "/opt/ml/processing/input/data"
names = sorted(os.listdir(folder))
os.unlink(f"{folder}/a.csv")
open("/opt/ml/processing/output/train/seen", "w").write(" ".join(names))
"""


def test_from_s3_to_s3(
    put: Callable[..., None],
    keys: Callable[[], list[str]],
    content: Callable[[str], bytes],
    scratch: Path,
) -> None:
    put({"in/a.csv": b"1", "in/_SUCCESS": b"", "in/_metadata": b"2"})
    output = "s3://logs/out"
    job = make_script(output, SCRIPT, inputs=(data_input("s3://logs/in/"),))
    LocalTarget().check(job, make_config(output))
    LocalTarget().run(job, make_config(output))
    assert content("out/train/seen") == b"_SUCCESS _metadata a.csv"
    assert keys() == [
        *("in/_SUCCESS", "in/_metadata", "in/a.csv"),
        *("out/code/entry.pyz", "out/report/log.txt", "out/report/manifest.json"),
        *("out/report/timings.json", "out/request.json", "out/train/seen"),
    ]
    manifest = json.loads(content("out/report/manifest.json"))
    assert manifest["inputs"]["data"] == {"files": 3, "bytes": 2}
    assert list(scratch.iterdir()) == []
