"""What an earlier job left in the place of a result."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from framework.runtime.spec import PACKAGES, REPORT

REQUEST = "request.json"
MANIFEST = "manifest.json"
RESULT = (REPORT, "train", "validation", "test")
"""What a result may consist of; the manifest's folder leads, since it must go first."""


@dataclass(frozen=True)
class Earlier:
    """The URIs that an earlier job's request names."""

    outputs: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()


def earlier(request: bytes) -> Earlier:
    """Read a ``request.json``; whatever is no request names nothing."""
    try:
        found = json.loads(request)
        outputs = [each["S3Output"]["S3Uri"] for each in found["ProcessingOutputConfig"]["Outputs"]]
        inputs = [each["S3Input"]["S3Uri"] for each in found["ProcessingInputs"]]
        return Earlier(tuple(map(str, outputs)), tuple(map(str, inputs)))
    except (ValueError, LookupError, TypeError, AttributeError):
        return Earlier()


def packages_in(output: Path) -> list[Path]:
    """The wheels that an earlier job or a plan left: the next one brings its own."""
    return sorted((output / PACKAGES).glob("*.whl"))
