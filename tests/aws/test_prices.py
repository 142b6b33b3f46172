"""The list prices: of types that exist, in step with each other, and never passed off as more."""

from __future__ import annotations

import re
from datetime import date

import botocore.session
import pytest

from headrace.targets.sagemaker.cost import vcpus
from headrace.targets.sagemaker.prices import Price, dollars, list_prices, origin, price_of, unknown

LISTED = list_prices()
MEASURED_BY_THE_PRICE_LIST_API = {
    # the usage types USE1-Processing:…, 2026-07-30
    "ml.t3.medium": 0.05,
    "ml.m5.large": 0.115,
    "ml.m5.xlarge": 0.23,
}


def test_processing_offers_every_type_of_the_list() -> None:
    model = botocore.session.Session().get_service_model("sagemaker")
    assert LISTED.keys() <= set(model.shape_for("ProcessingInstanceType").enum)
    assert len(LISTED) >= 20


def test_what_the_price_list_api_said() -> None:
    assert {name: LISTED[name].usd for name in MEASURED_BY_THE_PRICE_LIST_API} == (
        MEASURED_BY_THE_PRICE_LIST_API
    )


@pytest.mark.parametrize("family", ["m5", "c5", "r5"])
def test_within_a_family_every_vcpu_costs_the_same(family: str) -> None:
    each = [
        price.usd / vcpus(name)
        for name, price in LISTED.items()
        if name.startswith(f"ml.{family}.")
    ]
    assert len(each) >= 5
    assert max(each) == pytest.approx(min(each), rel=0.005)


@pytest.mark.parametrize("name", LISTED)
def test_a_price_says_of_when_and_where_it_is(name: str) -> None:
    price = LISTED[name]
    match = re.fullmatch(
        r"list price of (\d{4}(?:-\d\d)?) in us-east-1, ([\d.]+) USD an hour", price.note
    )
    assert match is not None
    assert 2020 <= int(match[1][:4]) <= date.today().year
    assert float(match[2]) == price.usd


def test_all_of_them_together() -> None:
    assert origin() == "list prices of us-east-1 from 2023 to 2026-09"


def test_the_users_own_price_wins() -> None:
    own = Price(0.3, "0.3 USD an hour by resources.usd_per_hour")
    assert price_of("ml.m5.xlarge", 0.3) == price_of("ml.x9.large", 0.3) == own
    assert price_of("ml.m5.xlarge", 0.0) == Price(0, "0 USD an hour by resources.usd_per_hour")
    assert price_of("ml.m5.xlarge") == Price(
        0.23, "list price of 2026-07 in us-east-1, 0.23 USD an hour"
    )


def test_an_unknown_price_is_not_made_up() -> None:
    assert price_of("ml.x9.large") is None
    assert unknown("ml.x9.large") == (
        "no list price of ml.x9.large is known; set resources.usd_per_hour"
    )


def test_seconds_are_billed() -> None:
    assert Price(0.36, "").of(seconds=10, instances=3) == pytest.approx(0.003)


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        (0, "0.000"),
        (0.0004, "under 0.001"),
        (0.0125, "0.013"),
        (0.5, "0.500"),
        (1, "1.00"),
        (1234.567, "1,234.57"),
    ],
)
def test_sums_in_words(usd: float, text: str) -> None:
    assert dollars(usd) == text
