"""Environments with exactly the packages of AWS's images and nothing else.

The table is that of AWS's release notes; scipy, which AWS does not list, is the newest that its
scikit-learn takes. Of what the Spark image has, a job uses NumPy alone; pyarrow, which it has not,
is the one that `conf/backend/pyspark.yaml` ships. The images have Python 3.12. Where this machine
has none, the running Python stands in for it with the releases nearest to the pins that it can
have; `EXACTLY` then says so.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import sys
from pathlib import Path

import yaml

from headrace.config.defaults import PROJECT
from tests import children

PYTHON = "3.12"
BACKEND = PROJECT / "conf" / "backend" / "pyspark.yaml"
IMAGES: dict[str, tuple[str, ...]] = {
    "1.9-0": ("numpy==2.5.1", "scikit-learn==1.9.0", "pandas==2.2.3", "pyarrow==25.0.0", "scipy"),
    "1.4-2-py312": (
        "numpy==2.1.0", "scikit-learn==1.4.2", "pandas==2.3.2", "pyarrow==17.0.0", "scipy",
    ),
}  # fmt: skip
SPARK = "spark-3.5-py312"
SPARK_HAS = ("numpy==1.26.4",)
NEAREST = {"numpy==2.5.1": "numpy>=2.1,<2.6"}
"""What to take where the running Python is too old for a pin."""


def python_of_the_images() -> str | None:
    """A Python of the images' version, if there is one on the path or among pyenv's or uv's."""
    name = f"python{PYTHON}"
    found = [Path(folder, name) for folder in os.get_exec_path()]
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    uv = Path.home() / ".local/share/uv/python"
    for folder in (pyenv / "versions", uv):
        found += sorted(folder.glob(f"*{PYTHON}*/bin/{name}"))
    return next((str(path) for path in found if _is_wanted(path)), None)


def _is_wanted(path: Path) -> bool:
    """Whether it runs: a shim of pyenv's may be there without what it stands for."""
    code = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"
    try:
        done = children.run([path, "-c", code], capture_output=True, text=True, check=False)
    except OSError:
        return False
    return bool(done.stdout.strip() == PYTHON)


FOUND = python_of_the_images()
EXACTLY = "" if FOUND else f"-nearest-for-python{sys.version_info[0]}.{sys.version_info[1]}"


def packages_of(image: str) -> tuple[str, ...]:
    """What an image has, and what a job for it brings along."""
    if image != SPARK:
        return IMAGES[image]
    shipped = yaml.safe_load(BACKEND.read_text("utf-8"))["requirements"]
    return (*SPARK_HAS, *re.findall("'(.+?)'", shipped))  # ${chain_only:'pyarrow==…'}


def python_with(image: str, cache: Path) -> Path:
    """The Python of an environment with an image's packages, made if it is not there yet.

    Args:
        image: A key of `IMAGES`, or `SPARK`.
        cache: A folder that may be used by several processes at once.
    """
    pins = packages_of(image)
    if FOUND is None:
        pins = tuple(NEAREST.get(pin, pin) for pin in pins)
    return environment(cache, FOUND or sys.executable, pins) / "python"


def environment(cache: Path, python: str, packages: tuple[str, ...]) -> Path:
    """The programs of a virtual environment, made if it is not there yet.

    The pip that is here fills it, and its packages are compiled when they are imported: that takes
    a third of the time.

    Args:
        cache: A folder that may be used by several processes at once.
        python: What it is made with.
        packages: What to install.
    """
    key = hashlib.sha256(repr((python, packages)).encode()).hexdigest()[:12]
    folder = cache / key
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            _install(folder, python, packages)
            (folder / "complete").touch()
    return folder / "bin"


def _install(folder: Path, python: str, packages: tuple[str, ...]) -> None:
    children.run([python, "-m", "venv", "--without-pip", str(folder)], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin/python"), "install", "-qq"]
    options = ["--no-compile", "--only-binary=:all:", "--disable-pip-version-check"]
    done = children.run(
        [*pip, *options, *packages], capture_output=True, text=True, check=False,
        timeout=children.INSTALL_SECONDS,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
