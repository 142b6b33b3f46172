"""The workshop: one for all workers of a test run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.faults.cases import Workshop


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    opened = Workshop.open(shared / "faults")
    if isinstance(opened, str):
        pytest.skip(opened)
    return opened


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Where a case has its folders; without links, as the kernel tells of open files."""
    return tmp_path.resolve()
