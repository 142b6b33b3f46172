"""The kernels for aarch64, which no machine here has: qemu runs them, and the bytes are the same.

It takes Debian's Python for aarch64 and the same NumPy and pyarrow as here: 40 MB of packages,
100 MB of wheels, ten seconds. Where that cannot be had the test is skipped; to have it,
``apt-get install qemu-user mmdebstrap``, and zig built the kernels (``make .venv/.kernels``).
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy
import pyarrow
import pytest

from headrace.job import kernels
from headrace.runtime.spec import OUTPUT, under
from tests import children, debian
from tests.conftest import Completed
from tests.stock_jobs import Planned, parts

pytestmark = pytest.mark.long

PROGRAMS = {"qemu-aarch64": "qemu-user", "mmdebstrap": "mmdebstrap"}
"""What is needed, and Debian's packages that bring it."""
PLATFORMS = [f"manylinux{each}_aarch64" for each in ("2014", "_2_17", "_2_27", "_2_28")]
JOB = """
import runpy, sys
sys.path[:0] = [sys.argv[1], sys.argv[2]]
try:
    runpy.run_path(sys.argv[2], run_name="__main__")
except SystemExit as ended:
    assert not ended.code, ended
import platform
from headrace.runtime.kernels import library
print(platform.machine(), library.library() is not None, library.note())
"""


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> Sequence[str]:
    """The command that runs `JOB` for aarch64, but for the entry script."""
    missing = [package for name, package in PROGRAMS.items() if shutil.which(name) is None]
    if missing and not debian.can_install():
        pytest.skip(f"{' and '.join(missing)} cannot be installed here")
    if missing:
        with debian.alone():
            debian.run("apt-get", "update")
            debian.run("apt-get", "install", "--yes", "--no-install-recommends", *missing)
    root, wheels = (tmp_path_factory.mktemp(name) for name in ("root", "wheels"))
    include = "--include=python3,libstdc++6"
    release = debian.code_name() or "stable"
    debian.run(
        "mmdebstrap", "--variant=extract", "--architectures=arm64", include, release, f"{root}/"
    )
    program = next((root / "usr/bin").glob("python3.[0-9]*"))
    versions = [f"numpy=={numpy.__version__}", f"pyarrow=={pyarrow.__version__}"]
    options = [word for each in PLATFORMS for word in ("--platform", each)]
    options += ["--python-version", program.name.removeprefix("python")]
    options += ["--only-binary=:all:", "--no-deps", "--quiet", "--target", str(wheels)]
    got = children.run(
        [sys.executable, "-m", "pip", "install", *options, *versions],
        capture_output=True, text=True, check=False, timeout=children.INSTALL_SECONDS,
    )  # fmt: skip
    if got.returncode:
        pytest.skip(f"pip has no wheels for aarch64: {got.stderr.strip().splitlines()[-1]}")
    home = ["-E", f"PYTHONHOME={root}/usr"]
    return ["qemu-aarch64", "-L", str(root), *home, str(program), "-c", JOB, str(wheels)]


@pytest.mark.parametrize(
    "words",
    [
        ("transform=hashing", "dataset.numeric=[C14,C15]"),
        ("transform=custom_hashing", "transform.steps.custom_hasher.hash=xxh32"),
        ("transform=time_hashing", "output.tokens=true", "output.format=libsvm"),
    ],
)
def test_the_same_bytes_as_here(
    headrace: Callable[..., Completed], python: Sequence[str], tmp_path: Path, words: Sequence[str]
) -> None:
    if "aarch64.so" not in kernels.built():
        pytest.skip("zig has not built the kernels for aarch64")
    ran = headrace("output.path=here", *words)
    assert ran.returncode == 0, ran.stderr
    here, ml = tmp_path / "here", tmp_path / "ml"
    _, script = Planned(here).lay_out(ml)
    done = children.run(
        [*python, script], env={"HEADRACE_ML_ROOT": str(ml), "HEADRACE_THREADS": "2"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "aarch64 True None"
    made, names = under(ml, OUTPUT), list(parts(here))
    assert list(parts(made)) == names
    assert len(names) >= 2
    for name in (*names, "report/metrics.json"):
        assert (made / name).read_bytes() == (here / name).read_bytes()
    rows = [json.loads((each / "report/manifest.json").read_text()) for each in (made, here)]
    assert rows[0]["channels"] == rows[1]["channels"]
