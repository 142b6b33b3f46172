"""Build shim.c, tell it what to do, and read what it has counted."""

from __future__ import annotations

import os
import shutil
import struct
from dataclasses import dataclass
from pathlib import Path

from tests import children

SOURCE = Path(__file__).with_name("shim.c")
KINDS = ("write", "sync", "rename", "make", "open", "close", "remove", "noreplace", "any")
"""Kinds of calls, in the order of shim.c; `any` counts them all."""
ROLES = ("client", "child")
ACTIONS = ("fail", "signal self", "signal client")
_CONTROL = struct.Struct(f"={len(ROLES) * len(KINDS) + 2}Q")


def build(folder: Path) -> Path | str:
    """Compile the shim with the machine's C compiler.

    Args:
        folder: Where the library goes.

    Returns:
        The library, or the reason why there is none.
    """
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        return "no C compiler (cc) is installed"
    library = folder / "shim.so"
    options = ["-std=gnu11", "-O1", "-Wall", "-Wextra", "-shared", "-fPIC"]
    command = [compiler, *options, "-o", str(library), str(SOURCE), "-ldl", "-pthread"]
    done = children.run(command, capture_output=True, text=True, check=False, timeout=120)
    return library if done.returncode == 0 else f"the shim cannot be compiled: {done.stderr}"


@dataclass(frozen=True)
class Plan:
    """What goes wrong: the n-th call of a kind that a role makes.

    Attributes:
        role: Who makes the call.
        kind: One of `KINDS`.
        number: Which call, counted from 1 over all processes of the role.
        action: One of `ACTIONS`.
        value: The errno or the number of the signal.
        lasting: Kinds of which every later call fails as well, in every process.
    """

    role: str
    kind: str
    number: int
    action: str
    value: int
    lasting: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """As HEADRACE_FAULT_PLAN has it."""
        bits = sum(1 << KINDS.index(kind) for kind in self.lasting)
        numbers = (ROLES.index(self.role), KINDS.index(self.kind), self.number)
        return " ".join(map(str, (*numbers, ACTIONS.index(self.action), self.value, bits)))


@dataclass(frozen=True)
class Control:
    """The file in which the processes of one run count together."""

    file: Path

    @classmethod
    def new(cls, file: Path) -> Control:
        """All counters at zero."""
        file.write_bytes(bytes(_CONTROL.size))
        return cls(file)

    def environment(self, library: Path, below: Path, plan: Plan | None) -> dict[str, str]:
        """What the client's process needs to be watched."""
        variables = {
            "LD_PRELOAD": str(library),
            "HEADRACE_FAULT_CONTROL": str(self.file),
            "HEADRACE_FAULT_BELOW": str(below),
            "HEADRACE_FAULT_ROLE": "client",
        }
        return variables if plan is None else {**variables, "HEADRACE_FAULT_PLAN": plan.text}

    def seen(self, role: str, kind: str) -> int:
        """Number of calls of a kind that a role made."""
        return int(self._numbers()[ROLES.index(role) * len(KINDS) + KINDS.index(kind)])

    @property
    def fired(self) -> bool:
        """Whether the planned call came."""
        return bool(self._numbers()[-2])

    def processes(self) -> dict[int, str]:
        """The live processes of the run and their roles."""
        found = {}
        mark = f"HEADRACE_FAULT_CONTROL={self.file}".encode()
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and (variables := _environment(entry)) and mark in variables:
                is_client = b"HEADRACE_FAULT_ROLE=client" in variables
                found[int(entry.name)] = ROLES[0] if is_client else ROLES[1]
        return found

    def _numbers(self) -> tuple[int, ...]:
        return _CONTROL.unpack(self.file.read_bytes())


def _environment(process: Path) -> list[bytes]:
    """The variables of a process; none of one that has ended, or is somebody else's."""
    try:
        return (process / "environ").read_bytes().split(b"\0")
    except OSError:
        return []
