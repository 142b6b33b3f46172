"""Backends: a kind of SageMaker Processing's jobs each, one file each.

A configuration goes in; the image, the entrypoint, and the files that bring the program come out.
`headrace.config.models.BACKENDS` is the registry; nothing else knows a backend by its name.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from headrace.backends.processor import ProcessorBackend
from headrace.backends.pyspark import PySparkBackend
from headrace.backends.script import ScriptBackend
from headrace.backends.sklearn import SklearnBackend
from headrace.config.models import BACKENDS, BackendConfig
from headrace.job.backend import Backend, Shipment

__all__ = [
    "BACKENDS",
    "Backend",
    "ProcessorBackend",
    "PySparkBackend",
    "ScriptBackend",
    "Shipment",
    "SklearnBackend",
    "backend_of",
]


def backend_of(config: BackendConfig) -> Backend[Any]:
    """Return what makes jobs of a backend's configuration."""
    return _named(config.name)


@cache
def _named(name: str) -> Backend[Any]:
    backend: Backend[Any] = BACKENDS.load(name)()
    return backend
