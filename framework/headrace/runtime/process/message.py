"""What a job has to say about its end, for whoever started it."""

from __future__ import annotations

import sys
from pathlib import Path

_BYTES = 1024


def tell(root: Path, message: str) -> None:
    """Leave the reason where SageMaker looks for it: the first KB becomes ``ExitMessage``.

    Args:
        root: What stands in for ``/opt/ml``.
        message: Why the job failed.
    """
    path = root / "output" / "message"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        cut = message.encode()[:_BYTES].decode(errors="ignore")
        path.write_text(cut, encoding="utf-8")
    except OSError as error:
        print(f"{path}: cannot be written ({error.strerror})", file=sys.stderr)
