"""``action=push``: pushes the backend's own image to a registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headrace import targets
from headrace.images.push import push
from headrace.terminal.tables import listed

if TYPE_CHECKING:
    from headrace.config.compose import Plan

WIDTH = 9


def perform(plan: Plan) -> None:
    """Push the image and say where it is."""
    target = targets.find(plan.config)
    pushed = push(plan.config, target.account(plan.config), target.platform)
    pairs = [("image", pushed.name), ("digest", pushed.digest)]
    if pushed.made_repository:
        pairs.append(("made", "the ECR repository, which was missing"))
    print("\n".join(listed(pairs, WIDTH)))
