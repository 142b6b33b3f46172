"""AWS's Spark image: a script for the driver, the code for the driver and the executors.

The request is the one that ``PySparkProcessor`` of SDK 2.x sent; what ``smspark-submit``
makes of it stands in github.com/aws/sagemaker-spark-container.
"""

from __future__ import annotations

import json

from headrace.aws.image_uris import spark_image
from headrace.config.models import PySparkConfig
from headrace.job.account import Account
from headrace.job.backend import Shipment
from headrace.job.entry_script import ChainCode, driver_script, py_files
from headrace.runtime.spec import CODE_INPUT, PROCESSING

SCRIPT = "entry.py"
SCRIPT_FILE = f"code/{SCRIPT}"
ARCHIVE_FILE = "py-files/headrace.zip"
SETTINGS_FILE = "conf/configuration.json"
PY_FILES_INPUT = f"{PROCESSING}/input/py-files"
CONF_INPUT = f"{PROCESSING}/input/conf"
EVENT_LOGS = f"{PROCESSING}/spark-events"


class PySparkBackend:
    """What ``PySparkProcessor`` of SDK 2.x did."""

    def entrypoint(self, config: PySparkConfig) -> tuple[str, ...]:
        """The image's own way to ``spark-submit``."""
        logs = ("--local-spark-event-logs-dir", EVENT_LOGS) if config.event_logs else ()
        return ("smspark-submit", "--py-files", PY_FILES_INPUT, *logs, f"{CODE_INPUT}/{SCRIPT}")

    def image_uri(self, config: PySparkConfig, account: Account) -> str:
        """The image by hand, or AWS's by region and version."""
        return config.image_uri or spark_image(account.region(), config.framework_version)

    def ship(self, program: ChainCode, config: PySparkConfig) -> tuple[Shipment, ...]:
        """The archive that all processes import from, Spark's settings, and the driver's script."""
        archive = Shipment("py-files", PY_FILES_INPUT, ARCHIVE_FILE, py_files(program))
        code = Shipment("code", CODE_INPUT, SCRIPT_FILE, driver_script(program))
        if not config.spark:
            return (archive, code)
        settings = _configuration(config.spark)
        return (archive, Shipment("conf", CONF_INPUT, SETTINGS_FILE, settings), code)

    def files(self, config: PySparkConfig) -> tuple[str, ...]:
        """The same."""
        return (ARCHIVE_FILE, SCRIPT_FILE, *([SETTINGS_FILE] if config.spark else []))

    def outputs(self, config: PySparkConfig) -> dict[str, str]:
        """The event logs, if they are wanted."""
        return {"spark-event-logs": EVENT_LOGS} if config.event_logs else {}


def _configuration(properties: dict[str, str]) -> bytes:
    """Spark's properties in the form that the image reads.

    Source: https://docs.aws.amazon.com/emr/latest/ReleaseGuide/emr-configure-apps.html
    """
    named = {f"spark.{name}": value for name, value in properties.items()}
    content = [{"Classification": "spark-defaults", "Properties": named}]
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()
