"""Names of jobs: valid, unique in account and region, and sorted by time when listed."""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime

LONGEST = 63


def job_name(prefix: str, now: datetime | None = None) -> str:
    """Return a new name: the prefix, the time to the millisecond (UTC), a random suffix.

    SageMaker refuses a name that was used before, even by a job that has ended; the suffix keeps
    two jobs of one millisecond apart, as in a parallel sweep.

    Args:
        prefix: What the name starts with; characters that a name cannot have become ``-``.
        now: The time to use instead of the present.

    Returns:
        At most 63 characters that match ``[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}``.
    """
    moment = now or datetime.now(UTC)
    stamp = f"{moment:%Y%m%d-%H%M%S}-{moment.microsecond // 1000:03d}"
    tail = f"-{stamp}-{secrets.token_hex(3)}"
    head = re.sub(r"[^a-zA-Z0-9]+", "-", prefix).strip("-") or "headrace"
    return head[: LONGEST - len(tail)].rstrip("-") + tail
