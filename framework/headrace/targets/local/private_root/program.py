"""A user's program on this machine: one private root for each instance."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from headrace.aws.request import RequestView
from headrace.errors import ConfigError, JobFailed, Problem
from headrace.results import pages
from headrace.results.program_manifest import (
    LOG,
    LOG_CHARACTERS,
    LOG_LINES,
    TIMINGS,
    log_text,
)
from headrace.results.whole_files import json_text, write_whole
from headrace.runtime.process.shortage import tells_of_memory
from headrace.runtime.shown import harmless, plain, secret_values, without_secrets
from headrace.runtime.spec import ML_ROOT
from headrace.targets.local import spark_submit as spark
from headrace.targets.local.command import Command
from headrace.targets.local.private_root.access import cannot_borrow, refusal
from headrace.targets.local.private_root.command import Known, PrivateRoot, argv
from headrace.targets.local.private_root.environment import environment
from headrace.targets.local.private_root.findings import findings
from headrace.targets.local.processes import Ended, Line, cause
from headrace.targets.local.sandbox import Host
from headrace.terminal.lines import shown, without_colours

LAST_LINES = 10
"""So many lines of stderr stand in the error."""
UNKNOWN = Known()
NOT_MAPPED = "Value too large for defined data type"
"""The error of overlayfs (EOVERFLOW) for a file whose owner the user namespace does not know."""
NO_MODULE = "ModuleNotFoundError: "
LAST_CHARACTERS = 500
"""So much of each."""


def check_program(request: RequestView) -> None:
    """Refuse a program that cannot run on this machine.

    Raises:
        ConfigError: Its files cannot be where it looks for them, or only its image has it.
        JobFailed: There is no such program here.
    """
    if why := refusal():
        problem = cannot_borrow(Path(ML_ROOT), request.instance_count)
        what = f"a program needs an {ML_ROOT} of its own, and {why}"
        if problem:
            ways = f"run as root, use target=container, or make a folder {ML_ROOT} for yourself"
            where = f"the machine's own {ML_ROOT} cannot stand for it: {problem}"
            raise ConfigError([Problem("target", f"{what}; {where}; {ways}")])
        note = f"{what}; the job uses the machine's, as only one can at a time"
        print(f"note: {note}", file=sys.stderr, flush=True)
    if not request.entrypoint:
        what = "this machine cannot run an image's own command; name it in program.entrypoint"
        raise ConfigError([Problem("program", f"{what}, or use target=container")])
    if not spark.is_asked_for(request):
        argv(request, environment(request, "", ())["PATH"])
        return
    shared = [channel.name for channel in request.inputs if channel.is_sharded]
    if shared and request.instance_count > 1:
        what = "Spark's executors have one /opt/ml on this machine, and would all see one share"
        hint = "set sharded to false, or use target=aws"
        raise ConfigError([Problem(f"inputs.{name}.sharded", f"{what}; {hint}") for name in shared])


class ProgramRun:
    """The processes of one job.

    Args:
        request: What to run.
        hosts: The instances.
        logs: Whether to show what they print.
    """

    def __init__(self, request: RequestView, hosts: Sequence[Host], logs: bool) -> None:
        self._request = request
        self._names = [host.name for host in hosts]
        # The executors of a Spark cluster are processes of the one that starts.
        self._hosts = hosts[:1] if spark.is_asked_for(request) else hosts
        self.output = ProgramOutput(self._hosts, logs, secrets_of(request))

    def commands(self) -> list[Command]:
        """Return what starts them."""
        return [self._command(host) for host in self._hosts]

    def _command(self, host: Host) -> Command:
        variables = environment(self._request, host.name, self._names)
        words = argv(self._request, variables["PATH"])
        if spark.is_asked_for(self._request):
            place = _root(host).folder / "spark"
            ml, find = Path(ML_ROOT), _root(host).source
            words, added = spark.stand_in(words[1:], ml, len(self._names), place, find)
            variables |= added
        return Command(host, _root(host).command(words, variables), {})

    def failure(self, failed: Ended) -> JobFailed:
        """Return the error that the first process that failed stands for."""
        host = next(host for host in self._hosts if host.name == failed.host)
        return self.output.failure(failed.host, failed.status, _root(host).known())

    def report(self, folder: Path) -> None:
        """Tell what no output delivers, and write what the result's report says of the run.

        Args:
            folder: Stands for ``output.path``.

        Raises:
            JobFailed: The folder of an output is none any more.
            OSError: The disk cannot be written.
        """
        write_whole(folder / TIMINGS, json_text(_timings(self._hosts)).encode())
        write_whole(folder / LOG, self.output.log().encode())
        for host in self._hosts:
            prefix = f"{host.name}: " if len(self._hosts) > 1 else ""
            for note in findings(self._request, host.ml, _root(host).known().strays):
                print(f"note: {prefix}{note}", file=sys.stderr, flush=True)


def secrets_of(request: RequestView) -> tuple[str, ...]:
    """Return the secrets that a program on this machine may know."""
    return secret_values({**os.environ, **request.environment}, request.arguments)


def _timings(hosts: Sequence[Host]) -> dict[str, Any]:
    """Return the slowest instance's seconds, and the largest memory."""
    every = [_root(host).known() for host in hosts]
    return {
        "seconds": round(max(known.seconds for known in every), 3),
        "cpu_seconds": round(sum(known.cpu_seconds for known in every), 3),
        "peak_memory_mb": max(known.peak_memory_mb for known in every),
    }


def _root(host: Host) -> PrivateRoot:
    if host.private is None:
        raise TypeError(f"{host.name} has no private root")
    return host.private


class ProgramOutput:
    """Shows the lines of programs, and keeps the last ones.

    Args:
        hosts: The instances.
        logs: Whether to show them at all.
        secrets: What stands nowhere in them.
    """

    def __init__(self, hosts: Sequence[Host], logs: bool, secrets: Sequence[str]) -> None:
        self._secrets = secrets
        self._hosts = {host.name: host for host in hosts}
        self._logs = logs
        self._log: deque[str] = deque(maxlen=LOG_LINES)
        self._last: dict[str, deque[str]] = {name: deque(maxlen=LAST_LINES) for name in self._hosts}

    def started(self) -> None:
        """Use the time until there is something to hear."""
        pages.get_ready("script.html")

    def heard(self, line: Line) -> None:
        """Show a line."""
        line = replace(line, text=without_secrets(line.text, self._secrets))
        if line.stream == "stderr" and line.text.strip():
            self._last[line.host].append(line.text)
        prefix = f"{line.host}: " if len(self._hosts) > 1 else ""
        self._log.append(f"{prefix}{line.text[:LOG_CHARACTERS]}")
        if self._logs:
            stream = sys.stdout if line.stream == "stdout" else sys.stderr
            print(f"{prefix}{shown(line.text)}", file=stream, flush=True)

    def log(self) -> str:
        """Return the last lines of all, in the order in which they came."""
        return log_text(self._log)

    def failure(self, host: str, status: int, known: Known = UNKNOWN) -> JobFailed:
        """Return the error that the end of a program stands for.

        Args:
            host: The instance.
            status: As in `subprocess`: negative for the signal that killed it.
            known: What else is known.
        """
        if known.error:
            return JobFailed(f"{host}: {known.error}")
        last = list(self._last[host])
        message = without_secrets(self._hosts[host].message(), self._secrets)
        why = [f"{host} {cause(status).rstrip(',')}"]
        if any("MemoryError" in line or tells_of_memory(line) for line in last):
            why.append("it ran out of memory")
        if any(line.startswith(NO_MODULE) for line in last):
            why.append("name the package in backend.requirements, or install it beside headrace")
        if any(NOT_MAPPED in line for line in last):
            why.append("an input of another user or group can be read here, not changed")
        if message:
            why.append(f"it left the message: {harmless(message)}")
        if not last:
            return JobFailed("; ".join([*why, "it wrote nothing to stderr"]))
        lines = "".join(f"\n  {plain(without_colours(line), LAST_CHARACTERS)}" for line in last)
        return JobFailed("; ".join([*why, f"the last lines of its stderr:{lines}"]))
