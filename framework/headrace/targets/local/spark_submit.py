"""``smspark-submit`` on this machine: the ``pyspark`` package in the place of the image's Spark.

Instances are executors: processes of their own if there are several. Spark's temporary files
are below the instance's folder and are removed with it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

from headrace.aws.request import RequestView
from headrace.errors import JobFailed

PROGRAM = "smspark-submit"
CONFIGURATION = "processing/input/conf/configuration.json"
"""The place of Spark's settings in the image, below ``/opt/ml``."""
TRIES = 4
"""Spark's tries of a task: on this machine as many as on a cluster."""
EXECUTOR_MB = 1024
LOOPBACK = "127.0.0.1"
QUIET = """\
rootLogger.level = error
rootLogger.appenderRef.stderr.ref = stderr
appender.stderr.type = Console
appender.stderr.name = stderr
appender.stderr.target = SYSTEM_ERR
appender.stderr.layout.type = PatternLayout
appender.stderr.layout.pattern = Spark: %m%n
"""
OURS = {
    "spark.driver.bindAddress": LOOPBACK,
    "spark.driver.host": LOOPBACK,
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}


def is_asked_for(request: RequestView) -> bool:
    """Return whether a request is for a Spark cluster."""
    return request.entrypoint[:1] == (PROGRAM,)


def check(request: RequestView) -> None:
    """Check that pyspark and Java are installed, if the request is for a Spark cluster.

    Raises:
        JobFailed: One of them is not.
    """
    if not is_asked_for(request):
        return
    if find_spec("pyspark") is None:
        raise JobFailed("Spark on this machine needs the package pyspark: pip install 'pyspark<4'")
    if not _java():
        raise JobFailed(
            "Spark on this machine needs Java 8, 11 or 17: install one (Debian: "
            "openjdk-17-jre-headless), or set JAVA_HOME"
        )


def stand_in(
    words: Sequence[str],
    ml: Path,
    instances: int,
    scratch: Path | None = None,
    find: Callable[[str], Path] = Path,
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the command to start instead, and the environment variables to add.

    Args:
        words: The arguments of ``smspark-submit``, with paths as the program sees them.
        ml: The folder in the place of ``/opt/ml``, as the program sees it.
        instances: Number of instances.
        scratch: Where Spark may write; default: below `ml`.
        find: Returns where such a path lies now.
    """
    asked = _parsed(words)
    scratch = scratch or ml / "spark"
    home = _laid_out(scratch)
    settings = _settings(find(str(ml / CONFIGURATION)))
    properties = _with_java_options({**settings, **OURS}, scratch / "local")
    if asked.local_spark_event_logs_dir:
        logs = Path(asked.local_spark_event_logs_dir)
        properties |= {"spark.eventLog.enabled": "true", "spark.eventLog.dir": logs.as_uri()}
    (scratch / "conf/spark-defaults.conf").write_text(_lines(properties), encoding="utf-8")
    argv = (str(home / "bin/spark-submit"), *_cluster(instances), *_py_files(asked.py_files, find))
    environment = {
        "SPARK_HOME": str(home),
        "SPARK_CONF_DIR": str(scratch / "conf"),
        "SPARK_LOCAL_DIRS": str(scratch / "local"),
        "SPARK_LOCAL_IP": LOOPBACK,
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
    }
    return (*argv, asked.app, *asked.arguments), environment


def _parsed(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(PROGRAM)
    parser.add_argument("--py-files")
    parser.add_argument("--local-spark-event-logs-dir")
    parser.add_argument("app")
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    return parser.parse_args(words)


def _laid_out(scratch: Path) -> Path:
    """Make a home for Spark, into which a cluster writes, with links to the package's programs."""
    home = scratch / "home"
    for folder in (home, scratch / "conf", scratch / "local"):
        folder.mkdir(parents=True)
    for entry in _package().iterdir():
        (home / entry.name).symlink_to(entry)
    (scratch / "conf/log4j2.properties").write_text(QUIET, encoding="utf-8")
    return home


def _package() -> Path:
    found = find_spec("pyspark")
    if found is None or found.origin is None:
        raise JobFailed("the package pyspark has gone")
    return Path(found.origin).parent


def _settings(configuration: Path) -> dict[str, str]:
    """Return the properties of Spark; those of Hadoop mean nothing here."""
    if not configuration.exists():
        return {}
    groups = json.loads(configuration.read_text(encoding="utf-8"))
    wanted = (each["Properties"] for each in groups if each["Classification"] == "spark-defaults")
    return {name: value for properties in wanted for name, value in properties.items()}


def _with_java_options(properties: dict[str, str], temporary: Path) -> dict[str, str]:
    """Return the properties, with this folder for Java's temporary files."""
    option = f'"-Djava.io.tmpdir={temporary}"'
    for name in ("spark.driver.extraJavaOptions", "spark.executor.extraJavaOptions"):
        properties = {**properties, name: f"{properties.get(name, '')} {option}".strip()}
    return properties


def _lines(properties: dict[str, str]) -> str:
    """Return the lines of a file of Java properties; a backslash would begin an escape."""
    escaped = ((name, value.replace("\\", "\\\\")) for name, value in properties.items())
    return "".join(f"{name} {value}\n" for name, value in escaped)


def _cluster(instances: int) -> Iterator[str]:
    """Yield the options for threads if there is one instance, else for executors."""
    cores = len(os.sched_getaffinity(0))
    if instances == 1:
        yield from ("--master", f"local[{cores},{TRIES}]")
        return
    share = max(1, cores // instances)
    yield from ("--master", f"local-cluster[{instances},{share},{EXECUTOR_MB}]")
    yield from ("--conf", f"spark.executor.memory={EXECUTOR_MB}m")
    yield from ("--conf", f"spark.executor.cores={share}")


def _py_files(folder: str | None, find: Callable[[str], Path]) -> Iterable[str]:
    if folder is None:
        return ()
    names = sorted(file.name for file in find(folder).iterdir())
    return ("--py-files", ",".join(str(Path(folder, name)) for name in names))


def _java() -> str | None:
    home = os.environ.get("JAVA_HOME")
    return shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")
