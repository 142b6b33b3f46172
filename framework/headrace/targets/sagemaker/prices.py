"""The price of an instance for an hour: a list price of ``prices.json``, or the user's own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

OWN_KEY = "resources.usd_per_hour"
HOUR = 3600


@dataclass(frozen=True)
class Price:
    """The price of one instance for one hour."""

    usd: float
    note: str
    """Its source, as in ``list price of 2026-07 in us-east-1, 0.23 USD an hour``."""

    def of(self, seconds: float, instances: int) -> float:
        """Return the US dollars for some instances that each run for some seconds."""
        return self.usd * instances * seconds / HOUR


def price_of(instance_type: str, usd_per_hour: float | None = None) -> Price | None:
    """Return the price of an instance type; None if it is not known.

    Args:
        instance_type: As in ``ml.m5.xlarge``.
        usd_per_hour: The user's own price, used instead of the list.
    """
    if usd_per_hour is not None:
        return Price(usd_per_hour, f"{usd_per_hour:g} USD an hour by {OWN_KEY}")
    return list_prices().get(instance_type)


def unknown(instance_type: str) -> str:
    """Return the message for an instance type that `price_of` has no price for."""
    return f"no list price of {instance_type} is known; set {OWN_KEY}"


def dollars(usd: float) -> str:
    """Return a sum without its currency, as in ``0.024`` and ``1.50``."""
    if 0 < usd < 0.001:
        return "under 0.001"
    return f"{usd:.3f}" if usd < 1 else f"{usd:,.2f}"


@cache
def list_prices() -> dict[str, Price]:
    """Return every price of the list by its instance type."""
    table = _table()
    return {
        instance_type: Price(
            usd, f"list price of {each['date']} in {table['region']}, {usd:g} USD an hour"
        )
        for each in table["lists"]
        for instance_type, usd in each["usd_per_hour"].items()
    }


def origin() -> str:
    """Return the region and the months of all list prices."""
    table = _table()
    dates = sorted(each["date"] for each in table["lists"])
    return f"list prices of {table['region']} from {dates[0]} to {dates[-1]}"


def _table() -> dict[str, Any]:
    text = files("headrace.targets.sagemaker").joinpath("prices.json").read_text(encoding="utf-8")
    return dict(json.loads(text))
