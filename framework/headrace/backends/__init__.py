"""The backends, one file each, looked up by name."""

from __future__ import annotations

from typing import Any

from headrace.backends.processor import ProcessorBackend
from headrace.backends.pyspark import PySparkBackend
from headrace.backends.script import ScriptBackend
from headrace.backends.sklearn import SklearnBackend
from headrace.job.backend import Backend, Shipment

__all__ = ["BACKENDS", "Backend", "Shipment"]

BACKENDS: dict[str, Backend[Any]] = {
    "sklearn": SklearnBackend(),
    "script": ScriptBackend(),
    "processor": ProcessorBackend(),
    "pyspark": PySparkBackend(),
}
