from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from headrace.errors import JobFailed
from headrace.images.base_image import BaseImage
from headrace.images.wheels import download
from tests.tiny_wheels import make_wheel

BASE = BaseImage("base:1", "3.12", ("manylinux_2_36_x86_64", "manylinux_2_28_x86_64"))


@pytest.fixture
def index(pip_index: Path) -> Path:
    for tag in ("cp312-cp312-manylinux_2_28_x86_64", "cp311-cp311-manylinux_2_28_x86_64"):
        make_wheel(pip_index, "example", tag=tag)
    return pip_index


def requirements(folder: Path, *digests: str) -> Path:
    file = folder / "requirements.txt"
    hashes = " ".join(f"--hash=sha256:{digest}" for digest in digests)
    file.write_text(f"example==1.0 {hashes}\n")
    return file


def digest_of(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_the_wheel_that_fits_the_base_image(index: Path, tmp_path: Path) -> None:
    digests = [digest_of(file) for file in index.iterdir()]
    wheels = tmp_path / "wheels"
    download(requirements(tmp_path, *digests), BASE, wheels)
    names = [file.name for file in wheels.iterdir()]
    assert names == ["example-1.0-cp312-cp312-manylinux_2_28_x86_64.whl"]


def test_a_file_with_another_hash(index: Path, tmp_path: Path) -> None:
    wrong = "0" * 64
    with pytest.raises(JobFailed) as caught:
        download(requirements(tmp_path, wrong), BASE, tmp_path / "wheels")
    got = digest_of(index / "example-1.0-cp312-cp312-manylinux_2_28_x86_64.whl")
    lines = str(caught.value).splitlines()
    assert lines[-1] == "pip cannot fetch the packages for Python 3.12 of 'base:1'"
    assert [line.split() for line in lines[-3:-1]] == [["Expected", "sha256", wrong], ["Got", got]]
