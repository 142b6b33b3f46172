"""The command ``headrace``: jobs, as ``run.py`` does them, ``--version`` and ``init FOLDER``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from headrace.cli import startup

WRONG = 2


def main() -> int:
    """Do what the command line says.

    Returns:
        The exit status.
    """
    startup.prepare()  # before what takes its time to be imported
    arguments = sys.argv[1:]
    if (status := without_a_job(arguments)) is not None:
        return status
    startup.begin_job(arguments)
    from headrace.cli import main as cli
    from headrace.cli.program import run

    return cli.main(run, arguments)


def without_a_job(arguments: Sequence[str]) -> int | None:
    """Do what asks for no job: ``--version`` and ``init``.

    Returns:
        The exit status; None if the command line says something else.
    """
    match arguments:
        case ["--version"]:
            from headrace.runtime import VERSION

            print(f"headrace {VERSION}")
            return 0
        case ["init", *folders]:
            return _init(folders)
    return None


def _init(folders: list[str]) -> int:
    from headrace.cli import init
    from headrace.cli.attempt import tell
    from headrace.config.defaults import command
    from headrace.errors import HeadraceError

    usage = f"usage: {command()} init FOLDER"
    if folders in (["-h"], ["--help"]):
        print(f"{usage}\n\nMakes a small project; the folder should be new, or empty.")
        return 0
    if len(folders) != 1 or folders[0].startswith("-"):
        print(usage, file=sys.stderr)
        return WRONG
    try:
        print(init.make_project(folders[0]))
    except HeadraceError as error:
        return tell(error)
    return 0
