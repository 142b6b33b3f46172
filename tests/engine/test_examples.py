"""Examples in a real container: an image of one's own, and scripts that give the same bytes."""

from __future__ import annotations

import re
import sys
import zipfile
from collections.abc import Iterable
from importlib.metadata import version
from io import BytesIO
from pathlib import Path

import pytest

import headrace
from headrace.config.defaults import PROJECT
from headrace.images.packages import wheels_for
from headrace.targets.local.private_root.access import refusal
from tests.engine.engine import BASE, Engine

pytestmark = [pytest.mark.engine, pytest.mark.long]

on_this_machine = pytest.mark.skipif(
    refusal() is not None, reason="mount namespaces are forbidden here"
)
EXAMPLES = PROJECT / "examples"
IMAGE = "image-features:1"
SCRIPTS = {"by_hand": "click_rate", "evaluate": "evaluate"}
WITH_PACKAGES = {"split_csv": "split_csv", "one_hot": "one_hot", "with_sklearn": "click_rate"}
PACKAGES = ("numpy", "pandas", "scikit-learn", "scipy")


def unpack(requirements: Iterable[str], folder: Path) -> None:
    """Unpack wheels that this machine's pip has or finds."""
    for wheel in wheels_for(tuple(requirements), "3.11", any_version=False).values():
        with zipfile.ZipFile(BytesIO(wheel)) as opened:
            opened.extractall(folder)


def build_without_network(engine: Engine, context: Path) -> None:
    """Build the example's image on the engine's base; its packages come from this machine's pip."""
    example = EXAMPLES / "images"
    wanted = (example / "requirements.txt").read_text(encoding="utf-8").split()
    unpack(wanted, context / "packages")
    text = (example / "Dockerfile").read_text(encoding="utf-8")
    text = re.sub("^FROM .*$", f"FROM {BASE}", text, flags=re.MULTILINE)
    packages = "COPY packages /packages\nENV PYTHONPATH=/packages"
    text = re.sub("^RUN pip .*$", packages, text, flags=re.MULTILINE)
    for name in ("requirements.txt", "features.py"):
        (context / name).write_bytes((example / name).read_bytes())
    (context / "Dockerfile").write_text(text)
    engine.client.images.build(path=str(context), tag=IMAGE, rm=True)


def test_an_image_of_ones_own(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = tmp_path / "context"
    context.mkdir()
    build_without_network(engine, context)
    monkeypatch.chdir(EXAMPLES / "images")
    settings = {"target": "container", "output.path": str(tmp_path / "out")}
    there = headrace.run(settings, program="images")
    lines = (tmp_path / "out/features/features.csv").read_text().splitlines()
    assert lines[0] == (
        "image,red_mean,green_mean,blue_mean,red_deviation,green_deviation,blue_deviation,"
        "share_0,share_1,share_2,share_3"
    )
    assert [line.split(",")[0] for line in lines[1:]] == [f"{each:02}.png" for each in range(6)]
    assert all(sum(map(float, line.split(",")[7:])) == pytest.approx(1) for line in lines[1:])
    if refusal() is None and sys.version_info[:2] == (3, 11):
        here = headrace.run(
            {
                "output.path": str(tmp_path / "here"),
                "program.entrypoint": [sys.executable, str(EXAMPLES / "images/features.py")],
                "job.env.PYTHONPATH": str(context / "packages"),
            },
            program="images",
        )
        assert here.manifest["outputs"] == there.manifest["outputs"]


@pytest.fixture(scope="module")
def with_packages(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image that has the releases of this machine's packages."""
    context = tmp_path_factory.mktemp("context")
    unpack([f"{name}=={version(name)}" for name in PACKAGES], context / "packages")
    lines = [f"FROM {BASE}", "COPY packages /packages", "ENV PYTHONPATH=/packages"]
    (context / "Dockerfile").write_text("\n".join(lines))
    engine.client.images.build(path=str(context), tag="with-packages:1", rm=True)
    return "with-packages:1"


@on_this_machine
@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the base image has Python 3.11")
@pytest.mark.parametrize("program", WITH_PACKAGES)
def test_a_script_with_packages_gives_the_same_bytes(
    program: str, with_packages: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(EXAMPLES / WITH_PACKAGES[program])
    assert_same_bytes(program, tmp_path, {"backend.image_uri": with_packages})


@pytest.mark.usefixtures("built")
@on_this_machine
@pytest.mark.parametrize("program", SCRIPTS)
def test_a_script_gives_the_same_bytes(
    program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(EXAMPLES / SCRIPTS[program])
    assert_same_bytes(program, tmp_path, {})


def assert_same_bytes(program: str, folder: Path, image: dict[str, str]) -> None:
    found = []
    for target in ("local", "container"):
        settings = {"backend": "script", "target": target, "output.path": str(folder / target)}
        settings |= image
        result = headrace.run(settings, program=program)
        found.append(result.manifest["outputs"])
    assert found[0] == found[1]
