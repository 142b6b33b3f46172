"""The examples of docs/files.md, run as they stand there on parts of a job."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from headrace.config.defaults import PROJECT
from headrace.runtime.spec import StepSpec
from tests import children
from tests.runtime.jobs import SPLIT, clicks, job, run

PAGE = (PROJECT / "docs" / "files.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
WIDE = StepSpec("feature_hasher", "feature_hasher", {"n_features": 2**20})
SHOWS = {
    "libsvm": "print(features.shape, features.nnz, sorted(set(clicks.tolist())))",
    "recordio": "print(len(messages), {type(message).__name__ for message in messages})",
}


def test_there_is_one_for_each_new_format() -> None:
    assert [f".{name}" in text for name, text in zip(SHOWS, EXAMPLES, strict=True)] == [True, True]


@pytest.mark.slow  # the SDK takes its time to import
@pytest.mark.parametrize("format_name", SHOWS)
def test_an_example_reads_the_part(tmp_path: Path, format_name: str) -> None:
    steps = [SPLIT, WIDE]
    result = run(tmp_path, clicks(60), job(label="click", steps=steps, format=format_name))
    (tmp_path / "hashed").symlink_to(result.output)
    (example,) = (text for text in EXAMPLES if f".{format_name}" in text)
    program = f"{example}\n{SHOWS[format_name]}\n"
    ran = children.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    rows = result.manifest["channels"]["train"]["rows"]
    entries = run(tmp_path, clicks(60), job(label="click", steps=steps)).matrix().nnz
    assert rows > 10
    assert (
        ran.stdout
        == {
            "libsvm": f"({rows}, 1048576) {entries} [0.0, 1.0]\n",
            "recordio": f"{rows} {{'bytes'}}\n",
        }[format_name]
    ), ran.stderr
