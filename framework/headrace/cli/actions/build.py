"""``action=build``: builds the backend's own image on this machine's Docker engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headrace.backends.image_names import built_name
from headrace.config import registry
from headrace.images.build import build
from headrace.job.entry_script import code_files
from headrace.terminal.tables import listed
from headrace.terminal.units import size

if TYPE_CHECKING:
    from headrace.config.compose import Plan

WIDTH = 9
BAKED = "processor"
"""The backend whose image has the code inside."""


def perform(plan: Plan) -> None:
    """Builds the image and says what to do with it."""
    config = plan.config
    built_name(config.backend)
    code = code_files(tuple(registry.plugins().values())) if config.backend.name == BAKED else {}
    built = build(config, code)
    pairs = [("image", built.name), ("id", built.id), ("size", size(built.bytes))]
    print("\n".join(listed(pairs, WIDTH)))
