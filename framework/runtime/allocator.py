"""Keep freed memory for the next block instead of handing it back to the system.

Every block allocates the same arrays again. glibc gives arrays over 128 KB back at once, and the
system then clears each page anew, which takes longer than the arithmetic on it.
"""

from __future__ import annotations

import ctypes

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_KEPT = 64 << 20


def keep_memory() -> None:
    """Raise glibc's thresholds; does nothing where the C library has none."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _KEPT)
        mallopt(_M_TRIM_THRESHOLD, _KEPT)
