"""Names that SageMaker accepts."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from headrace.job.job_names import job_name

VALID = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")
MOMENT = datetime(2026, 11, 22, 16, 29, 1, 45_678, UTC)


def test_a_name_tells_its_time() -> None:
    assert re.fullmatch(r"ctr-20261122-162901-045-[0-9a-f]{6}", job_name("ctr", MOMENT))


def test_names_of_one_moment_differ() -> None:
    assert len({job_name("ctr", MOMENT) for _ in range(20)}) == 20


@given(st.text())
def test_whatever_the_prefix(prefix: str) -> None:
    name = job_name(prefix)
    assert VALID.fullmatch(name)
    assert len(name) <= 63


def test_a_long_prefix_is_cut() -> None:
    assert len(job_name("a" * 100)) == 63
