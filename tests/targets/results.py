"""Results to put into folders and to find there again."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from headrace.results.layout import MANIFEST
from headrace.runtime.output.seal import sealed

PARTS = {
    "old": ("test/part-00000.npz", "train/part-00000.npz", "train/part-00001.npz"),
    "new": ("train/part-00000.npz", "validation/deep/part-00000.npz"),
}
USERS = {"mine.txt": b"precious", "train/mine.txt": b"precious"}


def contents(kind: str) -> dict[str, bytes]:
    """The files of a result: ``old``, ``new``, or of none at all (``nothing``)."""
    if kind == "nothing":
        return {}
    files = {name: f"{kind} {name}".encode() for name in (*PARTS[kind], "request.json")}
    parts = [{"file": name, "sha256": hashlib.sha256(files[name]).hexdigest()} for name in files]
    manifest = {"channels": {"train": {"parts": parts}}, "kind": kind}
    return {**files, MANIFEST: json.dumps(sealed(manifest, [*files, MANIFEST])).encode()}


def put(folder: Path, files: dict[str, bytes]) -> None:
    """Write files below a folder."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def found(folder: Path) -> dict[str, bytes]:
    """All files below a folder; a folder without any counts as one without content."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
        for path in folder.rglob("*")
        if path.is_file() or not any(path.iterdir())
    }
