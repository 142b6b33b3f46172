"""Compile a configuration into a SageMaker Processing job and run it anywhere.

In: overrides, as on the command line. Out: compiled jobs, results, transformers for single rows.
For notebooks, programs and model servers (docs/python.md)::

    from headrace import compile, load, run

The entry script contains this file as well, so it imports nothing until a name is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headrace.api import (
        CompiledFlow,
        CompiledJob,
        RunResult,
        compile,
        compile_flow,
        open_result,
        run,
    )
    from headrace.runtime.online import load

__all__ = [
    "CompiledFlow",
    "CompiledJob",
    "RunResult",
    "compile",
    "compile_flow",
    "load",
    "open_result",
    "run",
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = "headrace.runtime.online" if name == "load" else "headrace.api"
    return getattr(import_module(module), name)
