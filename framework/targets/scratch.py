"""The folder that a job on this machine works in, and what is said when its disk fails."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from framework.errors import JobFailed
from framework.uris import path_of, uri_of


@contextmanager
def scratch(output: str, name: str) -> Iterator[Path]:
    """A folder to work in, and afterwards no trace of it.

    It lies in the output folder, so that a result has to be renamed only; if the result goes to S3,
    in the folder for temporary files. The output folder is made if need be. It goes again, with its
    parents, if nothing came of it.

    Args:
        output: Where the result goes, a path or a URI.
        name: The job's.

    Raises:
        JobFailed: The disk said no.
    """
    folder = path_of(uri_of(output))
    place = folder or Path(tempfile.gettempdir())
    with disk_errors(str(place)):
        missing = [each for each in (place, *place.parents) if not each.exists()]
        place.mkdir(parents=True, exist_ok=True)
        root = Path(tempfile.mkdtemp(prefix=f".scratch-{name}-", dir=place))
    try:
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)
        with suppress(OSError):  # not empty: the result is there
            for each in missing:
                each.rmdir()


@contextmanager
def disk_errors(place: str) -> Iterator[None]:
    """Turn what the disk refuses into an error that says where and why.

    Args:
        place: Where, if the disk does not say it.
    """
    try:
        yield
    except OSError as exc:
        path = exc.filename2 or exc.filename or place
        raise JobFailed(f"cannot write {str(path)!r}: {exc.strerror}") from exc
