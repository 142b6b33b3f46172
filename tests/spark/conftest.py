"""A real Spark in this process, which all tests of this folder share."""

from __future__ import annotations

import gc
import logging
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from headrace.config.defaults import PROJECT
from headrace.runtime.spec import JobSpec
from tests.runtime.jobs import Files, Result, laid_out

if TYPE_CHECKING:
    from pyspark import SparkContext

SETTINGS = {
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}
LEFT_OPEN = ("ResourceWarning", "pytest.PytestUnraisableExceptionWarning")
"""py4j leaves its sockets to the garbage collector, which says so whenever it comes by."""
OnSpark = Callable[[Files, JobSpec], Result]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.spark)
            for name in LEFT_OPEN:
                item.add_marker(pytest.mark.filterwarnings(f"ignore::{name}"))


@pytest.fixture(scope="session", autouse=True)
def spark_is_here() -> None:
    if find_spec("pyspark") is None:
        pytest.skip("the package pyspark is not installed")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java, and there is no java on the PATH")


@pytest.fixture(scope="package")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkContext]:
    """A cluster of threads, whose workers find the project and its packages as the tests do."""
    from pyspark import SparkConf, SparkContext

    logging.getLogger("py4j").setLevel(logging.WARNING)  # it says when the interpreter ends, too
    conf = SparkConf().setMaster("local[2,4]").setAppName("tests").setAll(list(SETTINGS.items()))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PYTHONPATH", f"{PROJECT / 'framework'}:{PROJECT}")
        environment.setenv("PYSPARK_PYTHON", sys.executable)
        environment.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        environment.setenv("SPARK_LOCAL_DIRS", str(tmp_path_factory.mktemp("spark")))
        context = SparkContext(conf=conf)
    with context:
        context.setLogLevel("OFF")
        yield context
    _end_threads_of(SparkContext)
    del context
    gc.collect()  # here, where what has been left open is no fault


def _end_threads_of(spark: type[SparkContext]) -> None:
    """py4j has a thread that would go on, and sleep as other tests have told `time.sleep` to."""
    gateway, spark._gateway, spark._jvm = spark._gateway, None, None
    if gateway is not None:
        gateway.shutdown()
    for thread in threading.enumerate():
        if type(thread).__name__ == "FinalizerWorker":
            thread.join(10)
            assert not thread.is_alive()


@pytest.fixture
def on_spark(context: SparkContext, tmp_path: Path) -> OnSpark:
    """Lays out an input and executes a job on the cluster."""
    from headrace.runtime.spark.driver import execute

    def run(files: Files, spec: JobSpec) -> Result:
        root = laid_out(tmp_path, files)
        execute(spec, root, context)
        return Result(root)

    return run
