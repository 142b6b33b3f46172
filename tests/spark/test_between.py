"""A Python process of Spark's between two tasks: what would be done again each time is spared."""

from __future__ import annotations

import gc
import importlib
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from zipimport import zipimporter

import pytest

from headrace.runtime.spark import between


@pytest.fixture
def kept() -> Iterator[None]:
    """The process of the tests is not left with what `leave` sets aside."""
    between._keep_what_is_there.cache_clear()
    yield
    gc.unfreeze()
    between._keep_what_is_there.cache_clear()


def test_zips_are_not_read_again_and_what_is_in_them_is_still_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: None
) -> None:
    archive = tmp_path / "shipped.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("first_of_two.py", "number = 1")
        file.writestr("second_of_two.py", "number = 2")
    monkeypatch.syspath_prepend(str(archive))
    first = importlib.import_module("first_of_two")
    assert isinstance(sys.path_importer_cache[str(archive)], zipimporter)

    between.leave()
    assert not any(isinstance(each, zipimporter) for each in sys.path_importer_cache.values())
    importlib.invalidate_caches()

    second = importlib.import_module("second_of_two")
    assert (first.number, second.number) == (1, 2)


def test_what_the_first_task_leaves_behind_is_not_looked_through_again(kept: None) -> None:
    between.leave()
    after_the_first = gc.get_freeze_count()
    more = [[each] for each in range(1000)]
    between.leave()

    assert after_the_first > len(more)
    assert gc.get_freeze_count() <= after_the_first
