"""The process that runs inside the container: finds the job, does it, and says how it ended."""

from __future__ import annotations

import json
import os
import sys
import traceback
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from headrace.runtime.errors import RAISED_BY, HeadraceError
from headrace.runtime.plugins.transforms import PACKAGE
from headrace.runtime.process.messages import tell
from headrace.runtime.process.shortage import shortage
from headrace.runtime.process.signals import end_on_signals
from headrace.runtime.shown import harmless
from headrace.runtime.spec import CODE_INPUT, CONFIG_INPUT, JOB_FILE, ML_ROOT, JobSpec, under

if TYPE_CHECKING:
    from headrace.runtime.output.outcome import Host

ROOT_VARIABLE = "HEADRACE_ML_ROOT"
ALONGSIDE_VARIABLE = "HEADRACE_ALONGSIDE"
"""JSON: the roots of further jobs, to be done in one go with this one."""
_NEEDED = {"numpy": "pyarrow", "pyarrow": "numpy"}


def main(shipped: str | None = None) -> int:
    """Run the job.

    Args:
        shipped: The job as JSON if the entry script carries it; else it comes as an input.

    Returns:
        The exit status: 0 done, 1 the job failed, 2 its configuration is wrong.
    """
    return ended(lambda root: _run(shipped, root))


def ended(run: Callable[[Path], None]) -> int:
    """Run a job; on failure write the message where SageMaker looks for it, and to stderr.

    Args:
        run: Takes the folder in the place of ``/opt/ml``.

    Returns:
        The exit status.
    """
    root = Path(os.environ.get(ROOT_VARIABLE, ML_ROOT))
    end_on_signals(root)
    try:
        run(root)
    except HeadraceError as error:
        return _failed(root, str(error), error.exit_status)
    except Exception as error:
        if (lacking := shortage(error) or _missing(error)) is not None:
            return _failed(root, lacking, HeadraceError.exit_status)
        tell(root, harmless(f"{type(error).__name__}: {error}{_origin(error)}"))
        sys.excepthook = _print  # Python's own shows no lines of files inside an archive
        raise
    return 0


def _origin(error: Exception) -> str:
    """Return the step that an error is a bug of, and the line in its file, if it is one's."""
    steps = [note for note in getattr(error, "__notes__", ()) if note.startswith(RAISED_BY)]
    lines = [
        f" ({name.replace('.', '/')}.py, line {line})"
        for frame, line in traceback.walk_tb(error.__traceback__)
        if (name := str(frame.f_globals.get("__name__"))).startswith(f"{PACKAGE}.")
    ]
    return "".join([f"; {step}" for step in steps] + lines[-1:]) if steps else ""


def _print(kind: type[BaseException], error: BaseException, origin: TracebackType | None) -> None:
    traceback.print_exception(kind, error, origin)


def _missing(error: Exception) -> str | None:
    """Return what to do about a library that every job needs and this Python has not."""
    if not isinstance(error, ModuleNotFoundError) or error.name not in _NEEDED:
        return None
    return (
        f"the image has no {error.name}, which every chain needs beside {_NEEDED[error.name]}; "
        "use an image with both, or ship them (backend.requirements=[numpy,pyarrow])"
    )


def _failed(root: Path, message: str, status: int) -> int:
    """Write why the job failed, in both places and the same words."""
    text = harmless(message)
    tell(root, text)
    print(text, file=sys.stderr, flush=True)
    return status


def _run(shipped: str | None, root: Path) -> None:
    spec = JobSpec.from_json(shipped if shipped is not None else _from_input(root))
    if spec.packages:  # before NumPy and pyarrow are imported: they may be among them
        from headrace.runtime.process.packages import use

        use(root, spec.packages)
    from headrace.runtime.process.setup import set_up

    set_up(spec.runtime.kernels)  # before a plugin converts anything, see `leave_pandas_out`
    from headrace.runtime.output.outcome import Task

    task, host = Task(_told(spec, root), root), _host(root)
    others = json.loads(os.environ.get(ALONGSIDE_VARIABLE, "[]"))
    if others:
        from headrace.runtime.process.fused import execute_together

        roots = [Path(other) for other in others]
        alongside = [Task(_told(_spec_in(other), other), other) for other in roots]
        execute_together([task, *alongside], host)
    else:
        from headrace.runtime.process.execute import execute

        execute(task, host)


def _told(spec: JobSpec, root: Path) -> JobSpec:
    """Return the job, knowing what a job before it in a flow has learned, if it applies that."""
    if spec.learned is None:
        return spec
    from headrace.runtime.online.run_folder import told  # most jobs apply nothing

    return told(spec, root)


def _spec_in(root: Path) -> JobSpec:
    """Return the job of another root, whichever way it was shipped."""
    code = under(root, CODE_INPUT)
    if not code.exists():
        return JobSpec.from_json(_from_input(root))
    with zipfile.ZipFile(next(code.iterdir())) as script:
        return JobSpec.from_json(script.read(JOB_FILE).decode())


def _from_input(root: Path) -> str:
    path = under(root, CONFIG_INPUT) / JOB_FILE
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise HeadraceError(f"{path}: the job cannot be read ({error.strerror})") from error


def _host(root: Path) -> Host:
    from headrace.runtime.output.outcome import Host

    path = root / "config" / "resourceconfig.json"
    if not path.exists():
        return Host()
    config = json.loads(path.read_text(encoding="utf-8"))
    return Host(config["current_host"], len(config["hosts"]))
