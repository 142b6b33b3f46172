"""Wheels that are kept on this machine, so that pip need not resolve the same list at every run.

Only a list that pins everything is kept: each package that pip found has its ``name==version`` in
it, so that the index can give nothing else later. In ``~/.cache/headrace/wheels`` (or below
``XDG_CACHE_HOME``) each list has a folder, named by a digest of the list, the Python, the platform
and pip's settings: its files and ``PIP_*`` variables. The wheels' SHA-256 in it are compared before
they are used.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

_DIGESTS = "sha256.json"


def kept(requirements: Sequence[str], for_whom: Sequence[str]) -> dict[str, bytes] | None:
    """Return the wheels of a list that were kept; None if there are none that are whole.

    Args:
        requirements: The list.
        for_whom: Names the Python that the wheels are for.
    """
    folder = _folder(requirements, for_whom)
    try:
        digests = json.loads((folder / _DIGESTS).read_bytes())
        wheels = {name: (folder / name).read_bytes() for name in sorted(digests)}
    except (OSError, ValueError):
        return None
    found = {name: hashlib.sha256(content).hexdigest() for name, content in wheels.items()}
    return wheels if found == digests else None


def keep(requirements: Sequence[str], for_whom: Sequence[str], wheels: Mapping[str, bytes]) -> None:
    """Keep the wheels of a list that pins all of them; a disk that cannot take them is no error.

    Args:
        requirements: The list.
        for_whom: Names the Python that the wheels are for.
        wheels: What pip found for it.
    """
    pinned = {
        canonicalize_name(each.name) for each in map(Requirement, requirements) if _pins(each)
    }
    names = {parse_wheel_filename(name)[0] for name in wheels}
    if not names or not names <= pinned or len(pinned) < len(requirements):
        return
    folder = _folder(requirements, for_whom)
    with suppress(OSError):
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(dir=folder.parent))
        try:
            for name, content in wheels.items():
                (aside / name).write_bytes(content)
            digests = {name: hashlib.sha256(each).hexdigest() for name, each in wheels.items()}
            (aside / _DIGESTS).write_text(json.dumps(digests))
            shutil.rmtree(folder, ignore_errors=True)  # one that is not whole
            aside.rename(folder)
        finally:
            shutil.rmtree(aside, ignore_errors=True)


def _pins(requirement: Requirement) -> bool:
    specifiers = list(requirement.specifier)
    is_exact = len(specifiers) == 1 and specifiers[0].operator in ("==", "===")
    return is_exact and not specifiers[0].version.endswith("*") and requirement.url is None


def _folder(requirements: Sequence[str], for_whom: Sequence[str]) -> Path:
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    settings = sorted((key, value) for key, value in os.environ.items() if key.startswith("PIP_"))
    files = [_content(file) for file in _settings_files()]
    meaning = [sorted(requirements), list(for_whom), sysconfig.get_platform(), settings, files]
    digest = hashlib.sha256(json.dumps(meaning).encode()).hexdigest()
    return caches / "headrace" / "wheels" / digest[:32]


def _content(file: Path) -> str:
    try:
        return file.read_bytes().hex()
    except OSError:
        return ""


def _settings_files() -> list[Path]:
    """Return the files that pip reads its settings from, whether they are there or not.

    Source: https://pip.pypa.io/en/stable/topics/configuration/
    """
    home, name = Path.home(), "pip/pip.conf"
    own = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    shared = os.environ.get("XDG_CONFIG_DIRS") or "/etc/xdg"
    files = [Path(folder, name) for folder in (*shared.split(os.pathsep), str(own))]
    files += [
        Path("/etc/pip.conf"),
        Path("/Library/Application Support", name),
        home / ".pip" / "pip.conf",
        home / "Library" / "Application Support" / name,
        Path(sys.prefix, "pip.conf"),
    ]
    given = os.environ.get("PIP_CONFIG_FILE")
    return [*files, Path(given)] if given else files
