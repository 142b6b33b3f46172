"""A process that writes to a prefix, as its lock tells of it to other processes and machines."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from headrace.runtime.shown import plain

_PROC = Path("/proc")
_BOOT = _PROC / "sys/kernel/random/boot_id"


@dataclass(frozen=True)
class Holder:
    """The holder of a lock."""

    job: str
    """The job's name."""
    host: str
    """Name of the machine, for people: several may have the same one."""
    machine: str
    """Names the machine since it was started, and in it the space of process numbers."""
    pid: int
    begun: int
    """When the process began, in the kernel's ticks: its number may be given to another one."""
    started: str
    """When the lock was taken, by the machine's clock."""
    token: str
    """Tells one attempt to take a lock from all others."""

    @classmethod
    def here(cls, job: str) -> Holder:
        """Return this process."""
        pid, now = os.getpid(), datetime.now(UTC).isoformat(timespec="seconds")
        return cls(job, socket.gethostname(), _machine(), pid, _begun(pid), now, uuid4().hex)

    @classmethod
    def from_json(cls, content: bytes) -> Holder | None:
        """Read what `to_json` made; return None for anything else."""
        try:
            found = json.loads(content)
            values = {each.name: found[each.name] for each in fields(cls)}
        except (ValueError, LookupError, TypeError, RecursionError):
            return None
        numbers = (values.pop("pid"), values.pop("begun"))
        if not all(type(each) is int and each >= 0 for each in numbers):
            return None
        if not all(isinstance(each, str) for each in values.values()):
            return None
        return cls(pid=numbers[0], begun=numbers[1], **values)

    def to_json(self, **more: int) -> bytes:
        """Return the content of a lock; `more` goes into it and is not read back."""
        described: Mapping[str, Any] = {**asdict(self), **more}
        return (json.dumps(described, indent=2) + "\n").encode()

    def has_ended(self) -> bool:
        """Return whether it is known to be gone, as only its own machine can tell."""
        return self.machine == _machine() and not _is_running(self.pid, self.begun)

    def __str__(self) -> str:
        return f"the job {plain(self.job)} (process {self.pid} on {plain(self.host)})"


def _machine() -> str:
    try:
        return f"{_BOOT.read_text().strip()} {(_PROC / 'self/ns/pid').readlink()}"
    except OSError:  # no Linux, or a /proc that hides this: nobody can be told to be gone
        return uuid4().hex


def _is_running(pid: int, begun: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:  # somebody else's
        pass
    except (OSError, OverflowError):
        return False
    now = _begun(pid)
    return not (now and begun) or now == begun


def _begun(pid: int) -> int:
    """When a process began; 0 if that cannot be seen. A zombie did at no time that counts."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return 0
    state, *rest = stat.rpartition(")")[2].split()  # the name before it may hold anything
    return -1 if state == "Z" else int(rest[18])
