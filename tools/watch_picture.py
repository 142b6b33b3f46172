"""Write the picture of the live view of jobs that docs/sagemaker.md shows, with jobs made up.

    python -m tools.watch_picture

It needs the extra `tui`, and it is made when the view has changed: its times are those of now.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from headrace.targets.sagemaker.jobs import Listing
from headrace.targets.sagemaker.record import JobRecord
from headrace.targets.sagemaker.watch.app import JobsApp
from headrace.targets.sagemaker.watch.source import Source

PICTURE = Path(__file__).parents[1] / "docs" / "assets" / "watch.svg"
SIZE = (104, 13)
JOBS = (
    ("us-east-1", "ctr-hashing-2026-11-24", "InProgress", 7, 0, 2),
    ("us-east-1", "ctr-judge-2026-11-24", "InProgress", 3, 0, 1),
    ("eu-west-1", "churn-preprocess", "Failed", 31, 12, 1),
    ("us-east-1", "ctr-hashing-2026-11-23", "Completed", 1_447, 41, 2),
    ("us-east-1", "ctr-judge-2026-11-23", "Completed", 1_400, 9, 1),
    ("eu-west-1", "churn-preprocess-try", "Stopped", 1_600, 22, 1),
    ("eu-west-1", "embeddings-backfill", "Completed", 4_500, 260, 4),
)
"""Region, name, state, minutes since its submission and of its work, instances."""
_FONTS = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)
"""Fonts from the network: a page of the documentation loads nothing from there."""


@dataclass(frozen=True)
class MadeUp(Source):
    """A region with the jobs above."""

    def newest(self, part: str | None, known: Mapping[str, JobRecord]) -> Listing:
        """Return its jobs."""
        return Listing(tuple(map(_record, (job for job in JOBS if job[0] == self.region))), False)


def _record(job: tuple[str, str, str, int, int, int]) -> JobRecord:
    _, name, state, age, took, count = job
    created = datetime.now(UTC) - timedelta(minutes=age)
    started = created + timedelta(minutes=2)
    cluster = {"InstanceCount": count, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 30}
    answer = {
        "ProcessingJobName": name,
        "ProcessingJobStatus": state,
        "CreationTime": created,
        "ProcessingStartTime": started,
        "ProcessingResources": {"ClusterConfig": cluster},
    }
    if took:
        answer["ProcessingEndTime"] = started + timedelta(minutes=took)
    return JobRecord(answer)


async def _picture() -> str:
    app = JobsApp([MadeUp("us-east-1"), MadeUp("eu-west-1")])
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause(1)
        return app.export_screenshot(title="python run.py action=jobs watch=true")


def main() -> None:
    """Write it."""
    PICTURE.write_text(_FONTS.sub("", asyncio.run(_picture())), "utf-8")
    print(PICTURE)


if __name__ == "__main__":
    main()
