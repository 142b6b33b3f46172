"""``backend.requirements`` as the path of a file that pip reads.

The format: https://pip.pypa.io/en/stable/reference/requirements-file-format/
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from headrace.runtime.shown import quoted

_COMMENT = re.compile(r"(^|\s)#.*$")


def requirements_of(given: Any) -> Any:
    """Return the requirements of a file, if a path is given.

    Args:
        given: A path, or whatever else stands in the configuration.

    Raises:
        ValueError: The file cannot be read.
    """
    if not isinstance(given, str):
        return given
    file = Path(given).expanduser()
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        what = f"cannot read {quoted(given, 400)}: {error.strerror}"
        raise ValueError(f"{what}; give a file of requirements, or a list") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{quoted(given, 400)} is not UTF-8") from error
    return tuple(_lines(text))


def _lines(text: str) -> Iterator[str]:
    for line in re.sub(r"\\\n", "", text).splitlines():
        if stripped := _COMMENT.sub("", line).strip():
            yield stripped
