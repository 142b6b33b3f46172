"""The client half: makes a job of a configuration and hands it to a target. `runtime` ships."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from framework.runtime.online import load

__all__ = ["load"]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name == "load":
        return import_module("framework.runtime.online").load
    raise AttributeError(name)
