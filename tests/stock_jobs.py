"""A planned job, run with an image's packages alone, and compared with one that ran here."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pyarrow.parquet as pq

from headrace.runtime.spec import EVALUATION, ML_ROOT, OUTPUT, under
from tests import children


@dataclass(frozen=True)
class Planned:
    """A job's request and code, as ``action=plan`` writes them, and ``action=run`` too."""

    folder: Path

    @property
    def request(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / "request.json").read_text("utf-8")))

    def lay_out(self, ml: Path) -> list[str]:
        """Do what SageMaker does before it starts a container.

        Returns:
            The entrypoint, its paths those under `ml`.
        """
        for each in self.request["ProcessingInputs"]:
            source = Path(unquote(urlsplit(each["S3Input"]["S3Uri"]).path))
            folder = under(ml, each["S3Input"]["LocalPath"])
            folder.mkdir(parents=True)
            for file in source.iterdir() if source.is_dir() else [source]:
                (folder / file.name).symlink_to(file)
        for each in self.request["ProcessingOutputConfig"]["Outputs"]:
            under(ml, each["S3Output"]["LocalPath"]).mkdir(parents=True)
        hosts = {"current_host": "algo-1", "hosts": ["algo-1"]}
        (ml / "config").mkdir()
        (ml / "config/resourceconfig.json").write_text(json.dumps(hosts))
        words = self.request["AppSpecification"]["ContainerEntrypoint"]
        return [word.replace(ML_ROOT, str(ml)) for word in words]


@dataclass(frozen=True)
class Both:
    """A job, and what the local target made of it."""

    planned: Planned
    local: Path


def in_image(python: Path, planned: Planned, ml: Path, prefix: tuple[str, ...]) -> Path:
    """Runs the entry script with nothing but the image's packages around it."""
    entrypoint = planned.lay_out(ml)
    assert entrypoint[0] == "python3"
    done = children.run(
        [*prefix, str(python), "-I", *entrypoint[1:]],
        cwd=ml,
        env={"HEADRACE_ML_ROOT": str(ml), "PATH": os.defpath, "TMPDIR": str(ml)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return under(ml, OUTPUT)


def parts(folder: Path) -> Iterator[str]:
    for part in sorted(folder.glob("*/part-*")):
        yield str(part.relative_to(folder))


def assert_same(made: Path, local: Path) -> None:
    """The same bytes; a Parquet file names the library's version, so there the same rows."""
    names = list(parts(local))
    assert names
    assert list(parts(made)) == names
    for name in names:
        if name.endswith(".parquet"):
            assert pq.ParquetFile(made / name).read().equals(pq.ParquetFile(local / name).read())
        else:
            assert (made / name).read_bytes() == (local / name).read_bytes()
    theirs, ours = (
        json.loads((each / "report/manifest.json").read_text()) for each in (made, local)
    )
    assert theirs.pop("versions") != ours.pop("versions")
    assert theirs.pop("sha256") != ours.pop("sha256")  # which covers the versions
    for each in (theirs, ours):  # the code has other files on Spark
        each["files"] = [file for file in each["files"] if not file.startswith(("code/", "py-"))]
    if not names[0].endswith(".parquet"):
        assert theirs == ours
        metrics = (made / "report/metrics.json").read_bytes()
        assert metrics == (local / "report/metrics.json").read_bytes()
    assert_same_evaluation(made / "report", local / "report")


def assert_same_evaluation(made: Path, local: Path) -> None:
    """The same figures, by whichever release of scikit-learn."""
    assert (made / EVALUATION).exists() == (local / EVALUATION).exists()
    if (local / EVALUATION).exists():
        theirs, ours = (json.loads((each / EVALUATION).read_text()) for each in (made, local))
        assert theirs["model"].pop("scikit_learn") != ours["model"].pop("scikit_learn")
        assert theirs == ours
