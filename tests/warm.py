"""``python run.py`` without its imports: a process that has made them forks for each command.

A fork is a process of its own, with its own folder, environment and streams, and spares half of
the time of a command that ends in a message. Who tests how Python itself gets up starts it anew.
"""

from __future__ import annotations

import gc
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from tests import children, parsing

PROJECT = Path(__file__).parents[1]
PROGRAM = str(PROJECT / "run.py")
SECONDS = 120
LATE = "late"
Warm = Callable[[Sequence[str], Path, Mapping[str, str]], subprocess.CompletedProcess[str]]


@contextmanager
def warm() -> Iterator[Warm]:
    """Start the process; give what runs a command with arguments, a folder, an environment."""
    pipe = subprocess.PIPE
    command = [sys.executable, "-m", "tests.warm"]
    with children.started(command, cwd=PROJECT, stdin=pipe, stdout=pipe, text=True) as process:

        def run(
            arguments: Sequence[str], folder: Path, environment: Mapping[str, str]
        ) -> subprocess.CompletedProcess[str]:
            with tempfile.TemporaryDirectory() as aside:
                streams = [str(Path(aside, name)) for name in ("stdout", "stderr")]
                order = json.dumps([list(arguments), str(folder), dict(environment), streams])
                print(order, file=process.stdin, flush=True)
                status = process.stdout.readline().strip() if process.stdout else ""
                said = [Path(stream).read_text() for stream in streams]
            command = [PROGRAM, *arguments]
            if status == LATE:
                raise subprocess.TimeoutExpired(command, SECONDS, *said)
            return subprocess.CompletedProcess(command, int(status), *said)

        yield run


def main() -> None:
    """Fork for each order that comes; only a fork returns, to end as the command does."""
    _warm_up()
    for line in sys.stdin:
        arguments, folder, environment, streams = json.loads(line)
        child = os.fork()
        if child == 0:
            _become(folder, environment, streams)
            sys.argv = [PROGRAM, *arguments]
            return
        print(_status(child), flush=True)
    os._exit(0)


def _warm_up() -> None:
    """Import what commands need, and have Hydra's parsers learn the grammar."""
    import hydra

    from headrace.cli import actions, main  # noqa: F401 - what every command needs
    from headrace.cli.actions import plan, run, schema  # noqa: F401 - what most need
    from headrace.config import compose, defaults  # noqa: F401
    from headrace.results import pages
    from headrace.runtime.chain import preflight  # noqa: F401 - NumPy and pyarrow
    from headrace.targets.local import early

    # Most commands run no job.
    mock.patch.object(early, "begin").start()
    parsing.once()
    pages.get_ready()
    with hydra.initialize_config_dir(str(PROJECT / "conf"), version_base="1.3"):
        hydra.compose("config")
    gc.freeze()


def _become(folder: str, environment: dict[str, str], streams: list[str]) -> None:
    os.setpgid(0, 0)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for number, stream in enumerate((os.devnull, *streams)):
        flags = os.O_CREAT | os.O_WRONLY if number else os.O_RDONLY
        os.dup2(os.open(stream, flags), number)


def _status(child: int) -> int | str:
    late = False

    def end(*_: object) -> None:
        nonlocal late
        late = True
        os.killpg(child, signal.SIGKILL)

    signal.signal(signal.SIGALRM, end)
    signal.alarm(SECONDS)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    signal.alarm(0)
    return LATE if late else status


if __name__ == "__main__":
    main()
    runpy.run_path(PROGRAM, run_name="__main__")
