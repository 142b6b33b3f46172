"""An interpreter that starts while Hydra composes the configuration, before its job is known.

It imports NumPy, pyarrow and the runtime and waits for a command (`headrace.targets.local.start`),
which is that of the first job here. It is ended if there is none; and it ends by itself when this
process is gone, which closes its stdin. It writes no file before it has its command,
but for Python's ``__pycache__``.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from headrace.targets.local import start
from headrace.targets.shutdown.lifeline import new_mark

INTERPRETER = (sys.executable, "-P", start.__file__)
"""Starts an entry script."""
PASSED_ON = re.compile(r"PATH|HOME|JAVA_HOME|LANG|TMPDIR|LD_LIBRARY_PATH|OPENBLAS_\w+")
"""The variables of the user's environment that an entrypoint sees; a container sees none."""
CALM = {"OPENBLAS_THREAD_TIMEOUT": "4"}
"""Has the threads of NumPy's OpenBLAS sleep at once when they have nothing to do: by default, each
keeps a core busy for a tenth of a second after NumPy was imported."""
PYTHONS = {"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}
"""The variables that Python itself reads as it starts."""


class EarlyInterpreter:
    """A process that waits for a command.

    Attributes:
        mark: The variable in its environment by which the watchdog finds it.
        process: Itself; its stdout and stderr are for whoever gives it the command.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self.mark = new_mark("JOB")
        self._variables = {**passed_on(variables), **PYTHONS}
        self.process = subprocess.Popen(  # noqa: S603 - our own file
            [*INTERPRETER, start.WAIT],
            env={**self._variables, **self.mark},
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def takes(self, argv: Sequence[str], environment: Mapping[str, str], folder: Path) -> bool:
        """Give it a command, unless that wants another interpreter.

        Args:
            argv: What to run.
            environment: The variables that it sees.
            folder: Where it runs.
        """
        read_early = {
            name: value for name, value in environment.items() if not name.startswith("HEADRACE_")
        }
        if tuple(argv[: len(INTERPRETER)]) != INTERPRETER or read_early != self._variables:
            return False
        order = [*argv[len(INTERPRETER) :]], {**environment, **self.mark}, str(folder)
        pipe, self.process.stdin = self.process.stdin, None
        assert pipe is not None  # noqa: S101 - as it was opened
        try:
            with pipe:
                pipe.write(json.dumps(order).encode() + b"\n")
        except OSError:  # it has ended, perhaps for want of memory
            return False
        return True

    def end(self) -> None:
        """End the process."""
        self.process.kill()
        with contextlib.suppress(OSError):
            self.process.communicate()


_waiting: list[EarlyInterpreter] = []
"""One or none. Jobs of several threads may ask for it at once: `list.pop` gives it to one."""


def begin() -> None:
    """Have an interpreter wait for a command, from now on."""
    with contextlib.suppress(OSError):  # then there is none
        _waiting.append(EarlyInterpreter(os.environ))


def taken() -> EarlyInterpreter | None:
    """Return the interpreter that waits, if there is one; it is the caller's from now on."""
    try:
        return _waiting.pop()
    except IndexError:
        return None


def end() -> None:
    """End the interpreter that waits, if there is one."""
    if (interpreter := taken()) is not None:
        interpreter.end()


def passed_on(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a job's process gets: those of the user, and `CALM`."""
    return CALM | {name: value for name, value in variables.items() if PASSED_ON.fullmatch(name)}
