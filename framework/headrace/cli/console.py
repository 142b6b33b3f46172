"""The command ``headrace``: takes what ``run.py`` takes, ``--version`` and ``init FOLDER``."""

from __future__ import annotations

import sys

from headrace.cli import startup

USAGE = "usage: headrace init FOLDER"
WRONG = 2


def main() -> int:
    """Do what the command line says.

    Returns:
        The exit status.
    """
    startup.prepare()  # before what takes its time to be imported
    match sys.argv[1:]:
        case ["--version"]:
            from headrace.runtime import VERSION

            print(f"headrace {VERSION}")
            return 0
        case ["init", *folders]:
            return _init(folders)
        case arguments:
            from headrace.cli import main as cli
            from headrace.cli.program import run

            return cli.main(run, arguments)


def _init(folders: list[str]) -> int:
    if folders in (["-h"], ["--help"]):
        print(f"{USAGE}\n\nMakes a small project; the folder should be new, or empty.")
        return 0
    if len(folders) != 1 or folders[0].startswith("-"):
        print(USAGE, file=sys.stderr)
        return WRONG
    from headrace.cli import init
    from headrace.cli.attempt import tell
    from headrace.errors import HeadraceError

    try:
        print(init.make_project(folders[0]))
    except HeadraceError as error:
        return tell(error)
    return 0
