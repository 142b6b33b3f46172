"""The kernels under AddressSanitizer and UBSan, each block in memory of exactly its size.

For longer than here: build as `fuzz.c` says, and give it another seed and more rounds.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from headrace.runtime.kernels.library import SOURCES
from tests import children
from tests.corpus.files import FAMILIES

ROUNDS = 1500
FLAGS = (
    *("-std=c11", "-g", "-O1", "-Wall", "-Wextra", "-Werror"),
    *("-fsanitize=address,undefined", "-fno-sanitize-recover=all"),
)
COMPILER = shutil.which("cc")


def test_nothing_is_read_or_written_beyond_its_end(tmp_path: Path) -> None:
    if COMPILER is None:
        pytest.skip("there is no C compiler")
    program = tmp_path / "fuzz"
    sources = [Path(__file__).with_name("fuzz.c"), *sorted(SOURCES.glob("*.c"))]
    command = [COMPILER, *FLAGS, "-I", SOURCES, "-o", program, *sources]
    built = children.run([str(word) for word in command], capture_output=True, text=True)
    if "sanitize" in built.stderr or "asan" in built.stderr:
        pytest.skip(f"the compiler has no sanitizers: {built.stderr[:200]}")
    assert (built.returncode, built.stderr) == (0, "")
    files = []
    for number, case in enumerate(case for family in FAMILIES for case in family()):
        files.append(tmp_path / str(number))
        files[-1].write_bytes(case.content)
    words = [program, int(os.environ.get("HEADRACE_FUZZ_SEED", "1")), ROUNDS, *files]
    ran = children.run([str(word) for word in words], capture_output=True, text=True)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "nothing found\n", "")
