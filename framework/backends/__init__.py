"""The backends, one file each, looked up by name."""

from __future__ import annotations

from typing import Any

from framework.backends.base import Backend, Shipment
from framework.backends.processor import ProcessorBackend
from framework.backends.pyspark import PySparkBackend
from framework.backends.script import ScriptBackend
from framework.backends.sklearn import SklearnBackend

__all__ = ["BACKENDS", "Backend", "Shipment"]

BACKENDS: dict[str, Backend[Any]] = {
    "sklearn": SklearnBackend(),
    "script": ScriptBackend(),
    "processor": ProcessorBackend(),
    "pyspark": PySparkBackend(),
}
