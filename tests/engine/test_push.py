from __future__ import annotations

import base64
import json
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from docker.models.images import Image

from headrace.aws.clients import client
from tests.conftest import Completed
from tests.engine.engine import ECR, PASSWORD, REGISTRY, USER, Engine

pytestmark = pytest.mark.engine

LOGIN = {"username": USER, "password": PASSWORD}
IN_ECR = f"{ECR}/headrace-script:0.1.0"


@pytest.fixture(scope="session")
def small(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Image:
    file = tmp_path_factory.mktemp("small") / "small.tar"
    with tarfile.open(file, "w") as archive:
        archive.addfile(tarfile.TarInfo("nothing"))
    engine.client.api.import_image(str(file), repository="small", tag="1")
    return engine.client.images.get("small:1")


@pytest.fixture
def small_in_its_place(engine: Engine, small: Image) -> Iterator[Image]:
    """What is pushed as the script image; how the engine sends half a GB is not ours to test."""
    name = "headrace-script:0.1.0"
    built = engine.client.images.list(name)
    small.tag(name)
    yield small
    engine.client.images.remove(name, noprune=True)
    for image in built:
        image.tag(name)


def store_login(docker: Path, password: str) -> None:
    """What ``docker login`` writes."""
    docker.mkdir()
    auth = base64.b64encode(f"{USER}:{password}".encode()).decode()
    (docker / "config.json").write_text(json.dumps({"auths": {REGISTRY: {"auth": auth}}}))


def test_to_a_registry_with_dockers_own_login(
    engine: Engine, small: Image, docker: Path, headrace: Callable[..., Completed]
) -> None:
    name = f"{REGISTRY}/mine/hashing:1"
    small.tag(name)
    store_login(docker, PASSWORD)
    done = headrace("backend=script", "action=push", f"backend.image_uri={name}")
    digest = engine.client.images.get_registry_data(name, auth_config=LOGIN).id
    assert done.stdout == f"image    {name}\ndigest   {digest}\n"
    assert done.returncode == 0


def test_to_a_registry_that_does_not_know_the_login(
    small: Image, docker: Path, headrace: Callable[..., Completed]
) -> None:
    name = f"{REGISTRY}/mine/refused:1"
    small.tag(name)
    store_login(docker, "wrong")
    done = headrace("backend=script", "action=push", f"backend.image_uri={name}")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"pushing {name}: unauthorized: authentication required\n"


def test_to_the_accounts_ecr(
    aws: str,
    engine: Engine,
    small_in_its_place: Image,
    docker: Path,
    headrace: Callable[..., Completed],
) -> None:
    push = ("backend=script", "target=aws", "action=push")
    first = headrace(*push)
    digest = engine.client.images.get_registry_data(IN_ECR, auth_config=LOGIN).id
    report = f"image    {IN_ECR}\ndigest   {digest}\n"
    assert first.returncode == 0, first.stderr
    assert first.stdout == f"{report}made     the ECR repository, which was missing\n"
    (repository,) = client("ecr", "us-east-1").describe_repositories()["repositories"]
    assert repository["repositoryName"] == "headrace-script"
    assert repository["imageScanningConfiguration"] == {"scanOnPush": True}
    second = headrace(*push)
    assert (second.returncode, second.stdout) == (0, report)
    assert not docker.exists()  # the login has not been stored
    assert PASSWORD not in first.stdout + first.stderr
    engine.client.images.remove(IN_ECR)
    pulled = engine.client.images.pull(IN_ECR, auth_config=LOGIN)
    assert pulled.id == small_in_its_place.id


def test_an_image_that_has_not_been_built(
    headrace: Callable[..., Completed], engine: Engine
) -> None:
    name = f"{REGISTRY}/mine/missing:1"
    done = headrace("backend=processor", "action=push", f"backend.image_uri={name}")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "1 problem in the configuration:\n"
        f"  image: there is no image '{name}' on this machine; "
        "run the same with action=build first\n"
    )
