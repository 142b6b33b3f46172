"""A user's program on this machine: one private root for each instance."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from headrace.errors import ConfigError, JobFailed, Problem
from headrace.job.request import RequestView
from headrace.runtime.spec import ML_ROOT
from headrace.targets.local.command import Command
from headrace.targets.local.private_root.access import refusal
from headrace.targets.local.private_root.command import PrivateRoot, argv
from headrace.targets.local.private_root.environment import environment
from headrace.targets.local.private_root.findings import findings
from headrace.targets.local.private_root.relay import ProgramRelay
from headrace.targets.local.processes import Ended
from headrace.targets.local.sandbox import Host


def check_program(request: RequestView) -> None:
    """Refuse a program that cannot run on this machine.

    Raises:
        ConfigError: Its files cannot be where it looks for them, or only its image has it.
        JobFailed: There is no such program here.
    """
    if why := refusal():
        what = f"a program needs an {ML_ROOT} of its own, and {why}"
        ways = "run as root, or use target=container"
        raise ConfigError([Problem("target", f"{what}; {ways}")])
    if not request.entrypoint:
        what = "this machine cannot run an image's own command; name it in program.entrypoint"
        raise ConfigError([Problem("program", f"{what}, or use target=container")])
    argv(request, environment(request, "", ())["PATH"])


class ProgramRun:
    """The processes of one job.

    Args:
        request: What to run.
        hosts: The instances.
        logs: Whether to show what they print.
    """

    def __init__(self, request: RequestView, hosts: Sequence[Host], logs: bool) -> None:
        self._request = request
        self._hosts = hosts
        self.relay = ProgramRelay(hosts, logs)

    def commands(self) -> list[Command]:
        """Return what starts them."""
        return [self._command(host) for host in self._hosts]

    def _command(self, host: Host) -> Command:
        names = [each.name for each in self._hosts]
        variables = environment(self._request, host.name, names)
        words = argv(self._request, variables["PATH"])
        return Command(host, _root(host).command(words, variables), {})

    def failure(self, failed: Ended) -> JobFailed:
        """Return the error that the first process that failed stands for."""
        host = next(host for host in self._hosts if host.name == failed.host)
        return self.relay.failure(failed.host, failed.status, _root(host).ended())

    def tell(self) -> None:
        """Tell what no output delivers.

        Raises:
            JobFailed: The folder of an output is none any more.
        """
        for host in self._hosts:
            prefix = f"{host.name}: " if len(self._hosts) > 1 else ""
            for note in findings(self._request, host.ml, _root(host).ended().strays):
                print(f"note: {prefix}{note}", file=sys.stderr, flush=True)


def timings_of(hosts: Sequence[Host]) -> dict[str, Any]:
    """Return the slowest instance's seconds and the largest memory, for ``report/timings.json``."""
    every = [_root(host).ended() for host in hosts]
    return {
        "seconds": round(max(ended.seconds for ended in every), 3),
        "cpu_seconds": round(sum(ended.cpu_seconds for ended in every), 3),
        "peak_memory_mb": max(ended.peak_memory_mb for ended in every),
    }


def _root(host: Host) -> PrivateRoot:
    if host.private is None:
        raise TypeError(f"{host.name} has no private root")
    return host.private
