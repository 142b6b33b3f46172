"""OmegaConf parses each ``${…}`` anew, a quarter of the time that composing takes; here, once."""

from __future__ import annotations

from functools import cache
from typing import Any

import omegaconf._utils
import omegaconf.base
from omegaconf import grammar_parser


def once() -> None:
    """Have OmegaConf keep its parse trees, which nobody changes."""
    modules: tuple[Any, ...] = (grammar_parser, omegaconf.base, omegaconf._utils)
    kept = cache(grammar_parser.parse)
    for module in modules:
        module.parse = kept
