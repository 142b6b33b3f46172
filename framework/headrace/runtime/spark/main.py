"""The driver's process, which ``spark-submit`` starts."""

from __future__ import annotations

from pathlib import Path

from headrace.runtime.process.main import ended
from headrace.runtime.process.packages import use
from headrace.runtime.spec import JobSpec

SETTINGS = {"spark.task.maxDirectResultSize": str(16 << 20)}
"""Statistics of a split are a few MB; Spark sends more than 1 MB by a detour of 30 ms."""


def main(shipped: str) -> int:
    """Run the job on the cluster that ``spark-submit`` names.

    Args:
        shipped: The job as JSON.

    Returns:
        The exit status: 0 done, 1 the job failed, 2 its configuration is wrong.
    """
    return ended(lambda root: _run(shipped, root))


def _run(shipped: str, root: Path) -> None:
    spec = JobSpec.from_json(shipped)
    use(root, spec.packages)  # before NumPy and pyarrow are imported: they may be among them
    from pyspark import SparkConf, SparkContext

    from headrace.runtime.process.setup import set_up

    set_up(spec.runtime.kernels)
    from headrace.runtime.spark.driver import execute

    configuration = SparkConf().setAppName("headrace")
    for key, value in SETTINGS.items():
        configuration.setIfMissing(key, value)
    with SparkContext.getOrCreate(configuration) as context:
        execute(spec, root, context)
