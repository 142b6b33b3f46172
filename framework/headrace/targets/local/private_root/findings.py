"""The files that a program left in its private root and no output delivers: told, moved away."""

from __future__ import annotations

import os
import re
import shlex
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from headrace.aws.request import OutputChannel, RequestView
from headrace.errors import JobFailed
from headrace.runtime.shown import listed, plain
from headrace.runtime.spec import ML_ROOT, PROCESSING, under
from headrace.uris import within

NAMED = 5
"""So many paths are named in a note."""
_OURS = ("config", "output/message")
"""The entries of ``/opt/ml`` beside inputs and outputs."""


def findings(request: RequestView, ml: Path, strays: Sequence[str]) -> Iterator[str]:
    """Yield notes on what one instance has left; what cannot be delivered is removed.

    Args:
        request: What ran.
        ml: Was its ``/opt/ml``.
        strays: What it made elsewhere.

    Raises:
        JobFailed: The folder of an output is none any more.
        OSError: It cannot be looked at.
    """
    for channel in request.outputs:
        yield from _in_output(channel, ml)
    yield from _outside(request, ml, strays)


def _in_output(channel: OutputChannel, ml: Path) -> Iterator[str]:
    folder = under(ml, channel.container_path)
    inside = folder.relative_to(ml)
    # Behind a link are files of the machine, which nobody may move or remove.
    is_link = folder.resolve() != ml.resolve() / inside
    if is_link or (folder.exists() and not folder.is_dir()):
        kind = "a link" if is_link else "a file"
        what = f"the program made {kind} of its folder {channel.container_path}"
        raise JobFailed(f"output {channel.name!r}: {what}; write into the folder instead")
    count, odd = 0, []
    for above, folders, names in os.walk(folder):
        for name in (*folders, *names):
            path = Path(above, name)
            mode = path.lstat().st_mode
            if stat.S_ISREG(mode):
                count += 1
            elif not stat.S_ISDIR(mode):
                odd.append(str(path.relative_to(folder)))
                path.unlink()
    if odd:
        what = "entries that are neither files nor folders, or links to no file"
        yield f"output {channel.name!r}: {what}, are not delivered: {listed(sorted(odd), NAMED)}"
    if not count:
        where = f"the program wrote no file to {channel.container_path}"
        yield f"output {channel.name!r} is empty: {where}"


def _outside(request: RequestView, ml: Path, strays: Sequence[str]) -> Iterator[str]:
    delivered = [under(ml, channel.container_path) for channel in request.outputs]
    inputs = [under(ml, channel.container_path) for channel in request.inputs]
    apart = {*delivered, *inputs, *(ml / name for name in _OURS)}
    lost = sorted(_files(ml, apart))
    paths = [f"{ML_ROOT}/{path.relative_to(ml)}" for path in lost]
    if paths:
        taken = [each.container_path for each in request.inputs]
        taken += [each.container_path for each in request.outputs]
        yield _lost(paths) + _advice(paths, taken)
    if strays:
        yield _lost(strays)


def _files(folder: Path, apart: set[Path]) -> Iterator[Path]:
    for above, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if Path(above, name) not in apart]
        yield from (Path(above, name) for name in names if Path(above, name) not in apart)


def _lost(paths: Sequence[str]) -> str:
    what = "1 path is" if len(paths) == 1 else f"{len(paths):,} paths are"
    return f"{what} in no output and thus lost: {listed(paths, NAMED)}"


def _advice(paths: Sequence[str], taken: Sequence[str]) -> str:
    """Return how the folder of one of them becomes an output, if there is one that can.

    Args:
        paths: What is lost.
        taken: Folders of inputs and outputs; an output cannot be above one of them.
    """
    for path in paths:
        folder = PurePosixPath(path).parent
        is_above = any(within(each, str(folder)) for each in taken)
        if within(str(folder), PROCESSING) and str(folder) != PROCESSING and not is_above:
            name = re.sub(r"[^a-zA-Z0-9_-]+", "_", folder.name).strip("_-") or "more"
            setting = plain(shlex.quote(f"outputs.{name}.at={folder}"))
            return f"; {setting} delivers that folder"
    return ""
