"""A result as our own entrypoint leaves one: its manifest lists what there is, and is sealed."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from headrace.runtime.output.seal import sealed

OUT = "s3://logs/out"
ENTRY = "out/code/entry.pyz"
MANIFEST = "out/report/manifest.json"
PART = "out/train/part-00000.npz"
RECEIPT = "out/plan.json"
REQUEST = "out/request.json"
RESULT = [ENTRY, MANIFEST, REQUEST, PART]
"""What a job with that entrypoint leaves, in the order of the keys."""


def manifest(content: bytes = b"12345", **more: Any) -> bytes:
    """The manifest of that result."""
    sha256 = hashlib.sha256(content).hexdigest()
    part = {"file": "train/part-00000.npz", "bytes": len(content), "sha256": sha256}
    described = {"channels": {"train": {"rows": 2, "parts": [part]}}, **more}
    return json.dumps(sealed(described, [key.removeprefix("out/") for key in RESULT])).encode()


def writing(content: bytes = b"12345") -> str:
    """An entrypoint that makes it."""
    return f"""
import os, pathlib
out = pathlib.Path(os.environ["HEADRACE_ML_ROOT"]) / "processing/output"
(out / "train/part-00000.npz").write_bytes({content!r})
(out / "report/manifest.json").write_bytes({manifest(content)!r})
"""


WRITE_RESULT = writing()
