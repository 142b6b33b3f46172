"""Options of Hydra's command line: those that would run code, or cannot be used, are refused."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest

Runner = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (
            ["--experimental-rerun", "x.pickle"],
            "--experimental-rerun: would load a pickle, which may run any code; "
            "a run's overrides are in its .hydra/overrides.yaml",
        ),
        (
            ["--exp=x.pickle"],
            "--experimental-rerun: would load a pickle, which may run any code; "
            "a run's overrides are in its .hydra/overrides.yaml",
        ),
        (
            ["--config-path", "pkg://this"],
            "--config-path: 'pkg://this' names a Python package, which Hydra would import; "
            "give a folder",
        ),
        (
            ["hydra.searchpath=[pkg://this]"],
            "hydra.searchpath: 'pkg://this' names a Python package, which Hydra would import; "
            "give a folder",
        ),
        (
            ["hydra.searchpath=[structured://this]"],
            "hydra.searchpath: 'structured://this' names a Python package, "
            "which Hydra would import; give a folder",
        ),
        (
            ["a=1", "-m", "\x1b[31m\nall is well"],
            r"unrecognized arguments: \x1b[31m\nall is well; "
            "python run.py --help shows what there is",
        ),
        (
            ["--resolve"],
            "The --resolve flag can only be used in conjunction with --cfg or --help",
        ),
        (
            ["hydra.run.dir=/etc/passwd"],
            "hydra.run.dir: '/etc/passwd' is a file; give a folder",
        ),
        (
            ["-m", "hydra.sweep.dir=/etc/passwd", "action=schema,plan"],
            "hydra.sweep.dir: '/etc/passwd' is a file; give a folder",
        ),
        (["hydra.verbose=1"], "hydra: Hydra cannot use this (AssertionError: )"),
    ],
)
def test_an_option_of_hydras(headrace: Runner, arguments: list[str], problem: str) -> None:
    ran = headrace(*arguments)
    expected = f"1 problem in the configuration:\n  {problem}\n"
    assert (ran.returncode, ran.stdout, ran.stderr) == (2, "", expected)


def test_a_warning_of_hydras_is_harmless(headrace: Runner) -> None:
    ran = headrace("hydra.searchpath=['/none\x1b[31m\nforged: all is well']", "--cfg", "job")
    assert "\x1b" not in ran.stderr
    assert not any(line.startswith("forged") for line in ran.stderr.splitlines())
