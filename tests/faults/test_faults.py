"""Whatever goes wrong, what lies there is the result, or nothing, or the earlier result.

``make test`` tries 14 faults of one seed, ``make test-faults`` 200 of a new one.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.faults.cases import Workshop, verdict
from tests.faults.faults import Fault, faults

SEED = os.environ.get("HEADRACE_FAULT_SEED", "1")
TEST = "::test_a_fault"
COUNT = int(os.environ.get("HEADRACE_FAULTS", "14"))


@pytest.mark.slow
@pytest.mark.parametrize("fault", list(faults(SEED, COUNT)), ids=lambda fault: fault.name)
def test_a_fault(shop: Workshop, root: Path, fault: Fault) -> None:
    reference = shop.reference(fault.scenario)
    place = shop.prepared(root / "case", fault.scenario)
    trials = fault.drawn(reference.control, reference.seconds)
    problems = verdict(shop, place, fault.scenario, trials)
    assert not problems, "\n".join((*problems, f"once more: {_command(fault)}"))


def _command(fault: Fault) -> str:
    settings = f"HEADRACE_FAULT_SEED={SEED} HEADRACE_FAULTS={fault.index + 1}"
    return f"{settings} .venv/bin/pytest -m '' 'tests/faults/test_faults.py{TEST}[{fault.name}]'"
