"""The command that the help page and messages repeat."""

from __future__ import annotations

import sys

import pytest
from omegaconf import OmegaConf

from headrace.config import defaults


@pytest.mark.parametrize(
    ("called", "command"),
    [
        ("/usr/local/bin/headrace", "headrace"),
        ("run.py", "python run.py"),
        ("/a/checkout/run.py", "python run.py"),
        ("/a/program.py", "python run.py"),  # these tests run in a checkout
    ],
)
def test_the_help_page_repeats_the_command_that_was_used(
    called: str, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [called, "--help"])
    defaults.register()
    page = OmegaConf.load(defaults.PROJECT / "conf/hydra/help/headrace.yaml")
    page = OmegaConf.create({"hydra": {"help": page}}).hydra.help
    assert defaults.command() == command
    assert f"\n{command} -m hydra/launcher=fused " in str(page.template).replace("\n  ", "\n")
    assert ("run.py" in f"{page.template}{page.footer}") == ("run.py" in command)
