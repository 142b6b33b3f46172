"""The argv and the environment of the process that runs one instance on this machine."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from headrace.aws.request import RequestView
from headrace.runtime.process.main import ROOT_VARIABLE
from headrace.runtime.spec import ML_ROOT
from headrace.targets.local import spark_submit as spark
from headrace.targets.local.early import INTERPRETER, PYTHONS, passed_on
from headrace.targets.local.sandbox import CODE, Host, brings_code

IMAGE_ENTRYPOINT = ("python3", "-m", "headrace.runtime")
"""The ENTRYPOINT of an image that contains the code; used if a request has none."""
SOURCES = Path(__file__).parents[3]
"""The folder with the package ``headrace``, which is on that image's path like ``transforms``."""
ZIP_APPLICATION = ".pyz"

_ML_PATH = re.compile(rf"(?<![\w./-]){ML_ROOT}(?=/|$)")


@dataclass(frozen=True)
class Command:
    """A process to start: the arguments, the environment, and the instance that it runs."""

    host: Host
    argv: tuple[str, ...]
    environment: dict[str, str]


def command(host: Host, request: RequestView, hosts: int) -> Command:
    """Return the process that runs one instance in place of its container.

    Args:
        host: The instance.
        request: What to run.
        hosts: Number of instances.
    """
    program, *words = _words(request)
    words = [_mapped(word, host) for word in words]
    environment = _environment(host, request, hosts, os.environ)
    if program == spark.PROGRAM:
        argv, added = spark.stand_in(words, host.ml, hosts)
        return Command(host, argv, {**environment, **added})
    interpreter = _interpreter(words) if program in ("python", "python3") else (program,)
    return Command(host, (*interpreter, *words), environment)


def commands(hosts: Sequence[Host], request: RequestView) -> list[Command]:
    """Return the processes of all instances; of a Spark cluster that of its driver alone.

    Args:
        hosts: The instances.
        request: What to run.
    """
    starting = hosts[:1] if spark.is_asked_for(request) else hosts
    return [command(host, request, len(hosts)) for host in starting]


def _words(request: RequestView) -> list[str]:
    return [*(request.entrypoint or IMAGE_ENTRYPOINT), *request.arguments]


def _interpreter(words: Sequence[str]) -> tuple[str, ...]:
    is_entry_script = bool(words) and words[0].endswith(ZIP_APPLICATION)
    return INTERPRETER if is_entry_script else (sys.executable,)


def _environment(
    host: Host, request: RequestView, hosts: int, ours: Mapping[str, str]
) -> dict[str, str]:
    return {
        **passed_on(ours),
        **_code(host, request),
        "HEADRACE_THREADS": str(_threads(hosts)),
        **{key: _mapped(value, host) for key, value in request.environment.items()},
        ROOT_VARIABLE: str(host.ml),
        **PYTHONS,
    }


def _code(host: Host, request: RequestView) -> dict[str, str]:
    code = host.ml.parent / CODE
    return {"PYTHONPATH": f"{code}:{SOURCES}"} if brings_code(request) else {}


def _threads(hosts: int) -> int:
    """Return a host's share of this machine's cores."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux only
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(1, cores // hosts)


def _mapped(text: str, host: Host) -> str:
    """Return the text with ``/opt/ml`` where this machine has it."""
    return _ML_PATH.sub(lambda _: str(host.ml), text)
