"""Format numbers with their units."""

from __future__ import annotations

UNITS = ("B", "kB", "MB", "GB", "TB")
LARGEST = 999.5
"""From here on, three digits are rounded to the next unit's 1."""


def size(count: float) -> str:
    """Format bytes in units of 1,000, as disks count them: 78,412 → ``78.4 kB``."""
    for unit in UNITS[:-1]:
        if count < LARGEST:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.1f} {UNITS[-1]}"


def duration(seconds: float) -> str:
    """Format seconds as seconds, minutes, or hours and minutes: 4,000 → ``67 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def percent(fraction: float) -> str:
    """Format a share: 0.431 → ``43 %``."""
    return f"{fraction * 100:.0f} %"


def three_digits(number: float) -> int:
    """Round to three digits: 612,345 → 612,000."""
    return int(float(f"{number:.3g}"))
