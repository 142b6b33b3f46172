"""AWS's Spark image: a script for the driver, the code for the driver and the executors.

The request is the one that ``PySparkProcessor`` of SDK 2.x sent; what ``smspark-submit``
makes of it stands in github.com/aws/sagemaker-spark-container.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import ClassVar

from headrace.aws.image_uris import spark_image
from headrace.config.models import PySparkConfig
from headrace.job.account import Account
from headrace.job.backend import PY_FILES, PY_FILES_INPUT, Code, Shipment, Way
from headrace.runtime.spec import CODE_INPUT, PROCESSING

SETTINGS_FILE = "conf/configuration.json"
CONF_INPUT = f"{PROCESSING}/input/conf"
EVENT_LOGS = f"{PROCESSING}/spark-events"


class PySparkBackend:
    """The behaviour of ``PySparkProcessor`` in SDK 2.x."""

    way: ClassVar[Way] = "spark"

    def entrypoint(self, config: PySparkConfig, code: Code) -> tuple[str, ...]:
        """Return the command of the image that calls ``spark-submit``."""
        if not code.script:
            return code.command
        has_archive = any(each.input_name == PY_FILES for each in code.shipments)
        archive = ("--py-files", PY_FILES_INPUT) if has_archive else ()
        logs = ("--local-spark-event-logs-dir", EVENT_LOGS) if config.event_logs else ()
        return ("smspark-submit", *archive, *logs, f"{CODE_INPUT}/{code.script}")

    def image_uri(self, config: PySparkConfig, account: Account) -> str:
        """Return the configured image, or AWS's by region and version."""
        return config.image_uri or spark_image(account.region(), config.framework_version)

    def ship(self, config: PySparkConfig, variables: Mapping[str, str]) -> tuple[Shipment, ...]:
        """Return Spark's settings, if there are any."""
        environment = {f"executorEnv.{name}": value for name, value in variables.items()}
        if not (settings := {**config.spark, **environment}):
            return ()
        return (Shipment("conf", CONF_INPUT, SETTINGS_FILE, _configuration(settings)),)

    def outputs(self, config: PySparkConfig) -> dict[str, str]:
        """Return the event logs, if they are wanted."""
        return {"spark-event-logs": EVENT_LOGS} if config.event_logs else {}


def _configuration(properties: Mapping[str, str]) -> bytes:
    """Return Spark's properties in the form that the image reads.

    Source: https://docs.aws.amazon.com/emr/latest/ReleaseGuide/emr-configure-apps.html
    """
    named = {f"spark.{name}": value for name, value in properties.items()}
    content = [{"Classification": "spark-defaults", "Properties": named}]
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()
