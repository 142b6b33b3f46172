"""Work that Spark does in a Python process between two tasks, kept cheap.

It looks for garbage among all objects, and has every zip on Python's path read again (Python 3.10
and later do so at once). With the objects of NumPy and Arrow and the zips of Spark that takes a
quarter of the time in which a task reads and writes 32 MB.

Source: ``pyspark/daemon.py``, ``pyspark/worker.py``
"""

from __future__ import annotations

import gc
import sys
from functools import cache
from zipimport import zipimporter


def leave() -> None:
    """Prepare the process for its next task; to be called at the end of each.

    Whoever imports something later makes new readers of those zips, which know what is in them.
    """
    _keep_what_is_there()
    for place, finder in list(sys.path_importer_cache.items()):
        if isinstance(finder, zipimporter):
            del sys.path_importer_cache[place]


@cache
def _keep_what_is_there() -> None:
    """Exempt what is there (modules above all, which stay anyway) from the search for garbage."""
    gc.collect()
    gc.freeze()
