"""``action=build``: builds the backend's own image on this machine's Docker engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headrace import targets
from headrace.backends.image_names import built_name
from headrace.config import registry
from headrace.images.build import build
from headrace.job.entry_script import Files, code_files, compiled_kernels, installed_formats
from headrace.terminal.tables import listed
from headrace.terminal.units import size

if TYPE_CHECKING:
    from headrace.config.compose import Plan

WIDTH = 9


def perform(plan: Plan) -> None:
    """Build the image and say what to do with it."""
    config = plan.config
    built_name(config.backend)
    code: Files = {}
    if not config.backend.ships_program:
        plugins = tuple(registry.plugins().values())
        code = {**code_files(plugins, installed_formats()), **compiled_kernels()}
    built = build(config, code, targets.find(config).platform)
    pairs = [("image", built.name), ("id", built.id), ("size", size(built.bytes))]
    print("\n".join(listed(pairs, WIDTH)))
