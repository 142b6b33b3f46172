"""However the code gets into the image, the same rows come out of it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from headrace.config.defaults import PROJECT
from tests.warm import Warm

Runner = Callable[..., subprocess.CompletedProcess[str]]
MANIFEST = "report/manifest.json"
SPARK = "pyspark"  # tests/spark/test_end_to_end.py compares its rows, too
BACKENDS = sorted(path.stem for path in (PROJECT / "conf" / "backend").glob("*.yaml"))


@pytest.fixture(scope="module")
def expected(imported: Warm, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("sklearn")
    return result(
        lambda *words: imported(words, folder, os.environ), folder / "out", "backend=sklearn"
    )


def result(run: Runner, output: Path, *overrides: str) -> dict[str, bytes]:
    """Every part, and what the report says."""
    settings = ("transform.n_features=1024", "evaluation=logistic")
    done = run(f"output.path={output}", *settings, *overrides)
    assert done.returncode == 0, done.stderr
    assert "\nvalidation: log loss 0." in done.stdout
    files = [*output.glob("*/part-*"), *(output / "report").glob("[em]*.json")]
    found = {str(file.relative_to(output)): file.read_bytes() for file in files}
    manifest = json.loads(found[MANIFEST])
    # Which files brought the code is the backend's own, and the digest of the manifest covers it.
    del manifest["files"], manifest["sha256"]
    return {**found, MANIFEST: json.dumps(manifest).encode()}


@pytest.mark.parametrize(
    "backend",
    [
        pytest.param(name, marks=pytest.mark.long if name == SPARK else ())
        for name in BACKENDS
        if name != "sklearn"
    ],
)
def test_every_backend_gives_the_same_bytes(
    headrace: Runner, expected: dict[str, bytes], tmp_path: Path, backend: str
) -> None:
    assert result(headrace, tmp_path / backend, f"backend={backend}") == expected
    assert {name.split("/")[0] for name in expected} == {"train", "validation", "report"}
    assert json.loads(expected["report/evaluation.json"])["judged_on"] == "validation"
    assert json.loads(expected[MANIFEST])["rows"]["written"] > 0
