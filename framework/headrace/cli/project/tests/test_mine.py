"""The promises of every transform, held to transforms/mine.py."""

from __future__ import annotations

from headrace.testing import TransformContract


class TestMine(TransformContract):
    """Each test runs once for each of the variants: the parameters of `Mine`."""

    name = "mine"
    variants = ({}, {"length": 1})
