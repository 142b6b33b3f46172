"""Files that appear whole or not at all."""

from __future__ import annotations

import json
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


def json_text(value: dict[str, Any]) -> str:
    """JSON for files that people read."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def write_whole(path: Path, content: bytes) -> None:
    """Write aside, wait for the disk, rename; make the folders above if need be.

    Raises:
        OSError: It cannot be written; what was there before is still there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    # The umask decides who may read it: a request may hold what nobody else should see.
    try:
        with os.fdopen(os.open(aside, _NEW, 0o666), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)  # after the close, which may be the first to tell of an error
    except BaseException:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
        raise
