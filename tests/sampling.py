"""The number of examples that Hypothesis tries."""

from __future__ import annotations

import os


def examples(count: int) -> int:
    """Return `count`; `make test-all` tries some times as many."""
    return count * int(os.environ.get("HEADRACE_MORE_EXAMPLES", "1"))
