"""What each backend answers."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from pydantic import TypeAdapter

from headrace.aws.image_uris import sklearn_image, spark_image
from headrace.backends import BACKENDS
from headrace.config.compose import CHOICES
from headrace.config.models import AnyBackend, ProcessorConfig, PySparkConfig, SklearnConfig
from headrace.errors import Problem
from headrace.job.backend import Code, Shipment
from headrace.runtime import VERSION

BACKEND: TypeAdapter[Any] = TypeAdapter(AnyBackend)
CODE = Code(script="prepare.py")
INPUT = "/opt/ml/processing/input"


class Asked:
    """An account that must not be asked for a region."""

    def region(self) -> str:
        raise AssertionError("nobody needs a region here")

    def check_access(self, asking: bool) -> None:
        pass

    def registry(self) -> str | None:
        return None

    def role(self) -> str:
        raise AssertionError("nobody needs a role here")

    def output_path(self, path: str, name: str) -> str:
        return path

    def problems(self, request: dict[str, Any], asking: bool) -> list[Problem]:
        return []


class Paris(Asked):
    def region(self) -> str:
        return "eu-west-3"

    def registry(self) -> str:
        return "123456789012.dkr.ecr.eu-west-3.amazonaws.com"


def test_every_backend_of_the_configuration_is_there() -> None:
    assert tuple(BACKENDS.shipped) == CHOICES["backend"]


@pytest.mark.parametrize("name", BACKENDS.shipped)
def test_an_image_by_hand_wins_and_needs_no_region(name: str) -> None:
    config = BACKEND.validate_python({"name": name, "image_uri": "mine:1"})
    assert BACKENDS.load(name)().image_uri(config, Asked()) == "mine:1"


def test_sklearns_image_is_awss() -> None:
    config = SklearnConfig(name="sklearn", framework_version="1.4-2-py312")
    image = BACKENDS.load("sklearn")().image_uri(config, Paris())
    assert image == sklearn_image("eu-west-3", "1.4-2-py312")


@pytest.mark.parametrize("name", ["script", "processor"])
def test_own_images_have_the_projects_version(name: str) -> None:
    config = BACKEND.validate_python({"name": name})
    assert BACKENDS.load(name)().image_uri(config, Asked()) == f"headrace-{name}:{VERSION}"


@pytest.mark.parametrize("name", ["script", "processor"])
def test_own_images_come_from_the_accounts_registry(name: str) -> None:
    config = BACKEND.validate_python({"name": name})
    image = f"123456789012.dkr.ecr.eu-west-3.amazonaws.com/headrace-{name}:{VERSION}"
    assert BACKENDS.load(name)().image_uri(config, Paris()) == image


@pytest.mark.parametrize("name", ["sklearn", "script"])
def test_python_starts_a_script(name: str) -> None:
    backend, config = BACKENDS.load(name)(), BACKEND.validate_python({"name": name})
    assert backend.way == "python"
    assert backend.entrypoint(config, CODE) == ("python3", f"{INPUT}/code/prepare.py")
    assert backend.entrypoint(config, replace(CODE, command=("Rscript", "-e"))) == (
        "Rscript",
        "-e",
        f"{INPUT}/code/prepare.py",
    )
    assert backend.ship(config, {}) == ()


def test_a_baked_image_starts_what_it_has() -> None:
    backend, config = BACKENDS.load("processor")(), ProcessorConfig(name="processor")
    assert backend.way == "image"
    assert backend.entrypoint(config, Code()) == ()
    assert backend.entrypoint(config, Code(command=("/bin/run", "-v"))) == ("/bin/run", "-v")


SPARK = PySparkConfig(name="pyspark", framework_version="3.5")


def test_spark_gets_a_script_and_an_archive_if_there_is_one() -> None:
    backend = BACKENDS.load("pyspark")()
    assert backend.way == "spark"
    assert backend.entrypoint(SPARK, CODE) == ("smspark-submit", f"{INPUT}/code/prepare.py")
    archive = Shipment("py-files", f"{INPUT}/py-files", "py-files/a.zip", b"")
    assert backend.entrypoint(SPARK, replace(CODE, shipments=(archive,))) == (
        "smspark-submit",
        "--py-files",
        f"{INPUT}/py-files",
        f"{INPUT}/code/prepare.py",
    )


def test_sparks_processes_get_their_environment_by_its_settings() -> None:
    (settings,) = BACKENDS.load("pyspark")().ship(SPARK, {"PYTHONPATH": "/x"})
    (group,) = json.loads(settings.content)
    assert group["Properties"] == {"spark.executorEnv.PYTHONPATH": "/x"}


def test_sparks_settings_go_the_way_that_its_image_reads() -> None:
    given = {"executor": {"memory": "4g", "cores": 2}, "speculation": True}
    config = BACKEND.validate_python({"name": "pyspark", "spark": given, "event_logs": True})
    (settings,) = BACKENDS.load("pyspark")().ship(config, {})
    assert settings.container_path == "/opt/ml/processing/input/conf"
    assert settings.file == "conf/configuration.json"
    assert json.loads(settings.content) == [
        {
            "Classification": "spark-defaults",
            "Properties": {
                "spark.executor.memory": "4g",
                "spark.executor.cores": "2",
                "spark.speculation": "true",
            },
        }
    ]
    assert BACKENDS.load("pyspark")().entrypoint(config, CODE)[1:3] == (
        "--local-spark-event-logs-dir",
        "/opt/ml/processing/spark-events",
    )
    outputs = {"spark-event-logs": "/opt/ml/processing/spark-events"}
    assert BACKENDS.load("pyspark")().outputs(config) == outputs


def test_sparks_image_is_awss() -> None:
    assert BACKENDS.load("pyspark")().image_uri(SPARK, Paris()) == spark_image("eu-west-3", "3.5")
