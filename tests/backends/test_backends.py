"""What each backend answers."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest
from pydantic import TypeAdapter

from headrace.aws.image_uris import sklearn_image, spark_image
from headrace.backends import BACKENDS
from headrace.config.compose import CHOICES
from headrace.config.models import AnyBackend, ProcessorConfig, PySparkConfig, SklearnConfig
from headrace.errors import Problem
from headrace.job.entry_script import Program
from headrace.job.mapping import Mapping, ProcessingInput
from headrace.runtime import VERSION
from headrace.runtime.spec import DatasetSpec, JobSpec, OutputSpec, RuntimeSpec

PROGRAM = Program(
    JobSpec(DatasetSpec(), (), OutputSpec(), RuntimeSpec()),
    Mapping((ProcessingInput("data", "s3://b/d", "/opt/ml/processing/input/data"),), ()),
    (),
)
BACKEND: TypeAdapter[Any] = TypeAdapter(AnyBackend)
PYTHON = ("python3", "/opt/ml/processing/input/code/entry.pyz")


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
def test_a_script_is_shipped(name: str) -> None:
    config = BACKEND.validate_python({"name": name})
    (shipped,) = BACKENDS.load(name)().ship(PROGRAM, config)
    assert (shipped.input_name, shipped.file) == ("code", "code/entry.pyz")
    assert shipped.container_path == "/opt/ml/processing/input/code"
    assert shipped.content.startswith(b"#!/usr/bin/env python3\n")
    assert BACKENDS.load(name)().entrypoint(config) == PYTHON


def test_a_baked_image_gets_the_parameters_alone() -> None:
    config = ProcessorConfig(name="processor")
    (shipped,) = BACKENDS.load("processor")().ship(PROGRAM, config)
    assert (shipped.input_name, shipped.file) == ("config", "config/job.json")
    assert shipped.container_path == "/opt/ml/processing/input/config"
    assert JobSpec.from_json(shipped.content.decode()) == PROGRAM.spec
    assert BACKENDS.load("processor")().entrypoint(config) == ()


SPARK = PySparkConfig(name="pyspark", framework_version="3.5")


def test_spark_gets_a_script_and_an_archive() -> None:
    archive, code = BACKENDS.load("pyspark")().ship(PROGRAM, SPARK)
    assert (code.input_name, code.file) == ("code", "code/entry.py")
    assert (archive.input_name, archive.file) == ("py-files", "py-files/headrace.zip")
    assert archive.container_path == "/opt/ml/processing/input/py-files"
    with zipfile.ZipFile(io.BytesIO(archive.content)) as content:
        assert JobSpec.from_json(content.read("job.json").decode()) == PROGRAM.spec
    assert BACKENDS.load("pyspark")().entrypoint(SPARK) == (
        "smspark-submit",
        "--py-files",
        "/opt/ml/processing/input/py-files",
        "/opt/ml/processing/input/code/entry.py",
    )


def test_sparks_settings_go_the_way_that_its_image_reads() -> None:
    given = {"executor": {"memory": "4g", "cores": 2}, "speculation": True}
    config = BACKEND.validate_python({"name": "pyspark", "spark": given, "event_logs": True})
    _, settings, _ = BACKENDS.load("pyspark")().ship(PROGRAM, config)
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
    assert BACKENDS.load("pyspark")().entrypoint(config)[3:5] == (
        "--local-spark-event-logs-dir",
        "/opt/ml/processing/spark-events",
    )
    outputs = {"spark-event-logs": "/opt/ml/processing/spark-events"}
    assert BACKENDS.load("pyspark")().outputs(config) == outputs


def test_sparks_image_is_awss() -> None:
    assert BACKENDS.load("pyspark")().image_uri(SPARK, Paris()) == spark_image("eu-west-3", "3.5")
