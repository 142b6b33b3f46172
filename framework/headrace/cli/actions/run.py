"""``action=run``: compiles the job and has the target execute it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from headrace import targets
from headrace.prepare import prepare
from headrace.results import pages as report
from headrace.results.result import summary
from headrace.uris import S3

if TYPE_CHECKING:
    from headrace.config.compose import Plan
    from headrace.results.result import Result


def perform(plan: Plan) -> Result:
    """Run the job to its end and show what came out."""
    ready = prepare(plan, dry=False)
    for note in ready.notes:
        print(f"note: {note}", file=sys.stderr, flush=True)
    return shown(targets.run(ready.job, ready.config))


def shown(result: Result) -> Result:
    """Print the result's summary and make its page; return the result."""
    print(summary(result), flush=True)
    if result.manifest and not result.output.startswith(S3):
        report.try_run_page(Path(result.output))
    return result
