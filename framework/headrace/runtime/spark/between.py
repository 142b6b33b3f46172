"""What Spark makes of a Python process between two tasks, and how that stays cheap.

It looks for garbage among all objects, and has every zip on Python's path read again (Python 3.10
and later do so at once). With the objects of NumPy and Arrow and the zips of Spark that takes a
quarter of the time that a split of 32 MB takes.

Source: ``pyspark/daemon.py``, ``pyspark/worker.py``
"""

from __future__ import annotations

import gc
import sys
from functools import cache
from zipimport import zipimporter


def leave() -> None:
    """To be called at the end of each task.

    Whoever imports something later makes new readers of those zips, which know what is in them.
    """
    _keep_what_is_there()
    for place, finder in list(sys.path_importer_cache.items()):
        if isinstance(finder, zipimporter):
            del sys.path_importer_cache[place]


@cache
def _keep_what_is_there() -> None:
    """Modules above all, which stay anyway; garbage is looked for among what comes later."""
    gc.collect()
    gc.freeze()
