"""From the links of a scratch root to what a container can see: a link leads nowhere in there."""

from __future__ import annotations

import shutil
from pathlib import Path

from headrace.job.request import RequestView
from headrace.runtime.data_files import files_below
from headrace.runtime.spec import under
from headrace.targets.local.sandbox import Host
from headrace.targets.shutdown.interrupts import Interrupts


def input_folders(request: RequestView, host: Host, interrupts: Interrupts) -> dict[str, Path]:
    """Return for each input the folder that holds its files themselves.

    A hard link is a second name for a file, and costs nothing. Where there can be none (another
    file system, somebody else's file), a folder of the user's is taken as it is if it holds just
    these files; only what is left is copied.

    Args:
        request: What is to run.
        host: Holds the links; they are replaced.
        interrupts: Obeyed between two files.

    Returns:
        Path in the container → folder.

    Raises:
        OSError: The disk cannot be written.
    """
    insides = [each.container_path for each in request.inputs]
    return {inside: _folder(under(host.ml, inside), interrupts) for inside in insides}


def _folder(laid_out: Path, interrupts: Interrupts) -> Path:
    links = {path: path.resolve() for path in laid_out.rglob("*") if path.is_symlink()}
    if links and not _takes_hard_links(laid_out, next(iter(links.values()))):
        base = _base(laid_out, links)
        if base is not None and set(files_below(base)) == set(links.values()):
            return base
    for link, file in links.items():
        interrupts.check()
        link.unlink()
        try:
            link.hardlink_to(file)
        except OSError:
            shutil.copyfile(file, link)
    return laid_out


def _takes_hard_links(folder: Path, file: Path) -> bool:
    attempt = folder / ".hard-link"
    try:
        attempt.hardlink_to(file)
    except OSError:
        return False
    attempt.unlink()
    return True


def _base(laid_out: Path, links: dict[Path, Path]) -> Path | None:
    """The folder below which the files have the same paths as the links, if there is one."""
    link, file = next(iter(links.items()))
    depth = len(link.relative_to(laid_out).parts)
    base = file.parents[depth - 1]
    same = all(base / link.relative_to(laid_out) == file for link, file in links.items())
    return base if same else None
