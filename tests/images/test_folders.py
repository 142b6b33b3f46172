"""What stands in ``containers/``."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from headrace.backends.image_names import OWN
from headrace.config.defaults import PROJECT
from headrace.images.build import default_base

FOLDERS = {folder.name: folder for folder in sorted((PROJECT / "containers").iterdir())}
REQUIREMENT = re.compile(
    r"^([\w-]+)==(\S+) \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.M
)
SCIKIT_LEARN = {"cloudpickle", "joblib", "narwhals", "scikit-learn", "scipy", "threadpoolctl"}
"""What `evaluation=logistic` needs."""


@pytest.fixture(params=FOLDERS)
def folder(request: pytest.FixtureRequest) -> Path:
    return FOLDERS[request.param]


def requirements(folder: Path) -> dict[str, tuple[str, str]]:
    """Package → version and hashes."""
    text = (folder / "requirements.txt").read_text()
    found = {match[1]: (match[2], match[3]) for match in REQUIREMENT.finditer(text)}
    comments = "".join(line for line in text.splitlines(True) if line.startswith("#"))
    assert comments + "".join(match[0] for match in REQUIREMENT.finditer(text)) == text
    return found


def test_one_for_each_own_image() -> None:
    assert set(FOLDERS) == set(OWN)


def test_the_versions_are_those_that_everything_else_runs_with(folder: Path) -> None:
    pins = dict(
        line.split("==")
        for line in (PROJECT / "requirements/run.txt").read_text().splitlines()
        if "==" in line
    )
    for name, (version, _) in requirements(folder).items():
        assert pins[name] == version


def test_what_the_images_hold() -> None:
    script, processor = (requirements(FOLDERS[name]) for name in ("script", "processor"))
    assert set(script) == {"numpy", "pyarrow", *SCIKIT_LEARN}
    assert set(processor) == {"annotated-types", *script}
    for name, pinned in script.items():
        assert processor[name] == pinned


def test_the_base_is_pinned_and_can_be_another(folder: Path) -> None:
    text = (folder / "Dockerfile").read_text()
    assert default_base(folder) == "python:3.12-slim-bookworm"
    stages = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    assert set(stages) == {"${BASE_IMAGE}"}


def test_no_address(folder: Path) -> None:
    for file in folder.iterdir():
        assert "://" not in file.read_text()
