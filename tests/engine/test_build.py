from __future__ import annotations

import hashlib
import re
import tarfile
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryFile

import pytest
from docker.models.images import Image
from omegaconf import DictConfig

from headrace.config.compose import compose
from headrace.config.defaults import PROJECT
from headrace.errors import ConfigError, JobFailed
from headrace.images import build as building
from headrace.images.base_image import BaseImage
from headrace.images.wheels import download
from tests.engine.conftest import SECRET, build
from tests.engine.engine import BASE, Engine

pytestmark = pytest.mark.engine

IMAGES = {"script": "headrace-script:0.1.0", "processor": "headrace-processor:0.1.0"}
OF_THE_BASE = "./usr/share/python-wheels/"
LIST_PACKAGES = """
from importlib.metadata import distributions
found = distributions(path=["/opt/headrace/packages"])
print(sorted(f"{each.metadata['Name']}=={each.version}" for each in found))
"""
LOOK_FOR_BYTE_CODE = """
import sys, numpy, pyarrow.csv, pyarrow.parquet, sklearn.linear_model
from pathlib import Path
files = [str(getattr(module, "__cached__", None)) for module in sys.modules.values()]
own = [Path(file) for file in files if file.startswith("/opt/headrace") and file.endswith(".pyc")]
print(len(own) > 50, [str(file) for file in own if not file.exists()])
"""
LIST_FILES = """
import hashlib
from pathlib import Path
for path in Path("/opt/headrace/packages").rglob("*"):
    status = path.lstat()
    content = hashlib.sha1(path.read_bytes()).hexdigest() if path.is_file() else ""
    print(path, oct(status.st_mode), status.st_mtime_ns, content)
"""
LIST_TRANSFORMS = """
from headrace.runtime.plugins.transforms import load
from headrace.runtime.spec import StepSpec
steps = [StepSpec(name, name) for name in ("split", "feature_hasher")]
print([type(step).__name__ for _, step in load(steps)])
"""


@pytest.fixture(params=IMAGES)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def image(engine: Engine, built: dict[str, str], backend: str) -> Image:
    return engine.client.images.get(IMAGES[backend])


def in_container(engine: Engine, image: Image, code: str) -> str:
    """What Python prints in there: as anybody, with no network, on a read-only file system."""
    said: bytes = engine.client.containers.run(
        image.id,
        ["-c", code],
        entrypoint=["python3"],
        user="1234:1234",
        read_only=True,
        network_mode="none",
        cap_drop=["ALL"],
        remove=True,
    )
    return said.decode().strip()


def test_what_it_prints(built: dict[str, str], backend: str) -> None:
    pattern = rf"image    {IMAGES[backend]}\nid       sha256:[0-9a-f]{{64}}\nsize     [56]\d\d MB\n"
    assert re.fullmatch(pattern, built[backend])


def test_the_packages_are_those_of_the_requirements(
    engine: Engine, backend: str, image: Image
) -> None:
    pins = (PROJECT / "containers" / backend / "requirements.txt").read_text()
    wanted = re.findall(r"^([\w-]+==\S+)", pins, re.MULTILINE)
    assert in_container(engine, image, LIST_PACKAGES) == str(sorted(wanted))


def test_all_byte_code_is_there(engine: Engine, image: Image) -> None:
    """Python could not write it, and would translate all that it imports at every start."""
    assert in_container(engine, image, LOOK_FOR_BYTE_CODE) == "True []"


def test_the_script_image_has_no_code(engine: Engine, built: dict[str, str]) -> None:
    image = engine.client.images.get(IMAGES["script"])
    code = "from importlib.util import find_spec; print(find_spec('headrace'))"
    assert in_container(engine, image, code) == "None"


def test_the_processor_image_has_the_transforms(engine: Engine, built: dict[str, str]) -> None:
    image = engine.client.images.get(IMAGES["processor"])
    assert in_container(engine, image, LIST_TRANSFORMS) == "['Split', 'FeatureHasher']"
    assert image.attrs["Config"]["Entrypoint"] == ["python3", "-m", "headrace.runtime"]


def test_installed_anew_the_packages_are_the_same_files(
    engine: Engine, built: dict[str, str]
) -> None:
    """Each image has installed them for itself; the processor's has one more."""
    script, processor = (
        set(in_container(engine, engine.client.images.get(name), LIST_FILES).splitlines())
        for name in IMAGES.values()
    )
    more = [re.match(r"/opt/headrace/packages/(\w+)", line) for line in processor - script]
    assert {match and match[1] for match in more} == {"annotated_types"}
    assert script - processor == set()
    assert len(script) > 1000


@pytest.mark.long
def test_built_anew_it_has_the_same_layers(
    engine: Engine, built: dict[str, str], tmp_path: Path
) -> None:
    """All is done again but for the packages, which take the time."""
    name, images = IMAGES["processor"], engine.client.images
    before = images.get(name).attrs
    images.remove(name, force=True)
    [code] = [each for each in images.list(filters={"dangling": True}) if has_code(each)]
    images.remove(code.id)
    build(engine, "processor", tmp_path)
    after = images.get(name).attrs
    assert after["Id"] != before["Id"]  # it has the time of its making
    assert after["RootFS"] == before["RootFS"]


def has_code(image: Image) -> bool:
    return any("/opt/headrace/code" in step["CreatedBy"] for step in image.history())


def test_no_layer_has_a_secret_or_a_wheel(image: Image) -> None:
    names: list[str] = []
    with TemporaryFile() as saved:
        for chunk in image.save():
            saved.write(chunk)
        saved.seek(0)
        with tarfile.open(fileobj=saved) as archive:
            for member in archive:
                content = archive.extractfile(member)
                if content is None:
                    continue
                assert SECRET.encode() not in content.read()
                if member.name.endswith("layer.tar"):
                    content.seek(0)
                    with tarfile.open(fileobj=content) as layer:
                        names += layer.getnames()
    assert any(name.startswith("opt/headrace/packages/numpy/") for name in names)
    wheels = [name for name in names if name.endswith(".whl")]
    assert [name for name in wheels if not name.startswith(OF_THE_BASE)] == []


def test_no_step_of_the_build_has_a_secret(engine: Engine, built: dict[str, str]) -> None:
    for each in engine.client.images.list(all=True):
        assert SECRET not in str(each.history())
        assert SECRET not in str(each.attrs)


@pytest.mark.long
def test_a_wheel_that_was_tampered_with(
    composed: Callable[..., DictConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    got = []

    def tampered(requirements: Path, base: BaseImage, folder: Path) -> None:
        download(requirements, base, folder)
        wheel = next(folder.glob("numpy-*.whl"))
        wheel.write_bytes(wheel.read_bytes() + b"\0")
        got.append(hashlib.sha256(wheel.read_bytes()).hexdigest())

    monkeypatch.setattr(building, "download", tampered)
    plan = compose(
        composed("backend=script", f"backend.base_image={BASE}", "backend.image_uri=tampered:1")
    )
    with pytest.raises(JobFailed) as caught:
        building.build(plan.config, {})
    lines = str(caught.value).splitlines()
    assert ["Got", *got] in [line.split() for line in lines]
    assert lines[-1] == "building tampered:1: step 5 of 8, RUN ended with status 1"


def test_a_base_image_without_python(
    engine: Engine, composed: Callable[..., DictConfig], tmp_path: Path
) -> None:
    with tarfile.open(tmp_path / "empty.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo("nothing"))
    engine.client.api.import_image(str(tmp_path / "empty.tar"), repository="empty", tag="1")
    plan = compose(composed("backend=script", "backend.base_image=empty:1"))
    with pytest.raises(ConfigError) as caught:
        building.build(plan.config, {})
    assert str(caught.value) == (
        "1 problem in the configuration:\n"
        "  backend.base_image: 'empty:1' has no python3 with the module venv"
    )


def test_a_base_image_that_cannot_be_pulled(composed: Callable[..., DictConfig]) -> None:
    name = "127.0.0.1:80/nowhere:1"
    plan = compose(composed("backend=script", f"backend.base_image={name}"))
    with pytest.raises(JobFailed, match=f"pulling {name}: .*no basic auth credentials"):
        building.build(plan.config, {})
