"""The seal of a manifest: the names of the files that belong to its result, and a digest.

The digest tells a manifest of ours, as it was written, from any other file of that name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from headrace.runtime.spec import digest

FILES = "files"
SHA256 = "sha256"


def sealed(manifest: dict[str, Any], files: Iterable[str]) -> dict[str, Any]:
    """Return the manifest with the files that belong to its result, and its own digest.

    Args:
        manifest: Plain data. If it has been sealed before, the old list and digest go.
        files: Paths below ``output.path``, in any order, those of the manifest itself among them.
    """
    without = {key: value for key, value in manifest.items() if key not in (FILES, SHA256)}
    complete = {**without, FILES: sorted(set(files))}
    return {**complete, SHA256: digest(complete)}


def is_sealed(manifest: dict[str, Any]) -> bool:
    """Return whether a manifest is as `sealed` has made it."""
    without = {key: value for key, value in manifest.items() if key != SHA256}
    return FILES in without and manifest.get(SHA256) == digest(without)


def files_of_part(part: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the files of a part as a manifest lists it: its first one, and those beside it."""
    return [part, *part.get("beside", ())]


def bytes_of_channel(channel: Mapping[str, Any]) -> int:
    """Return the size of all files of a channel, as a manifest lists it."""
    return sum(file["bytes"] for part in channel["parts"] for file in files_of_part(part))
