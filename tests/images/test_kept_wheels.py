"""Wheels are kept for a list that pins everything, and for the settings of pip that found them."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.images.kept_wheels import keep, kept

LIST, PYTHON = ["tiny==1.0"], ["3.12"]
WHEELS = {"tiny-1.0-py3-none-any.whl": b"content"}


def test_wheels_are_those_of_pip_s_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("PIP_CONFIG_FILE", raising=False)
    keep(LIST, PYTHON, WHEELS)
    assert kept(LIST, PYTHON) == WHEELS
    assert kept(LIST, ["3.11"]) is None
    settings = tmp_path / "config" / "pip" / "pip.conf"
    settings.parent.mkdir(parents=True)
    settings.write_text("[global]\nindex-url = https://elsewhere/simple\n")
    assert kept(LIST, PYTHON) is None
    settings.unlink()
    assert kept(LIST, PYTHON) == WHEELS
    monkeypatch.setenv("PIP_INDEX_URL", "https://elsewhere/simple")
    assert kept(LIST, PYTHON) is None


def test_a_list_that_leaves_something_open_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    keep(["tiny>=1.0"], PYTHON, WHEELS)
    assert kept(["tiny>=1.0"], PYTHON) is None
    assert list(tmp_path.iterdir()) == []
