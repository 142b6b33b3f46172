"""The environment of a user's program: what a container of SageMaker Processing has.

Sources:

* ``Environment`` of the request:
  https://docs.aws.amazon.com/sagemaker/latest/dg/build-your-own-processing-container.html
* ``AWS_REGION``: the SDK's local mode (``REGION_ENV_NAME``) and the programs of the stock images,
  which read it; the service does not set ``AWS_DEFAULT_REGION``.
* ``SM_CURRENT_HOST`` and ``SM_HOSTS``: the names of sagemaker-training-toolkit
  (``ENVIRONMENT_VARIABLES.md``), with what ``resourceconfig.json`` says.
* The variables of Python and of the language: the Dockerfiles of the stock scikit-learn and Spark
  images (``ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PYTHONIOENCODING=UTF-8 …``).

A container has a machine of its own; here `MACHINES` comes from the user's environment. The role of
the job has no counterpart but the user's own credentials. Nothing else of the user's environment,
or of headrace's, is passed on.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from headrace.aws.region import find_region
from headrace.aws.request import RequestView
from headrace.job.account import LOCAL_REGION

MACHINES = re.compile(
    r"PATH|HOME|JAVA_HOME|TMPDIR|LD_LIBRARY_PATH|OPENBLAS_\w+|SSL_CERT_(FILE|DIR)"
    r"|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|(?i:(https?|no|all)_proxy)"
)
"""The variables of the machine: where its programs, folders and proxies are."""
CREDENTIALS = re.compile(
    r"AWS_(ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN|PROFILE|CONFIG_FILE"
    r"|SHARED_CREDENTIALS_FILE|CA_BUNDLE|ENDPOINT_URL\w*|ROLE_ARN|WEB_IDENTITY_TOKEN_FILE"
    r"|CONTAINER_\w+)"
)
"""The stand-in for the role; a job with network isolation could not use it, and does not get it."""
IMAGES = {
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONIOENCODING": "UTF-8",
    "PYTHONUNBUFFERED": "1",
}
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_REGION = re.compile(r"\.dkr\.ecr\.([a-z0-9-]+)\.")


def environment(
    request: RequestView, host: str, hosts: Sequence[str], users: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """Return the environment of the program on one instance.

    Args:
        request: The request.
        host: Name of the instance.
        hosts: Names of all.
        users: The user's own environment.
    """
    passed_on = {key: value for key, value in users.items() if MACHINES.fullmatch(key)}
    if not request.network_isolation:
        passed_on |= {key: value for key, value in users.items() if CREDENTIALS.fullmatch(key)}
    service = service_variables(request, host, hosts)
    path = f"{Path(sys.executable).parent}:{users.get('PATH') or DEFAULT_PATH}"
    return {**IMAGES, **passed_on, "PATH": path, **service, **request.environment}


def service_variables(request: RequestView, host: str, hosts: Sequence[str]) -> dict[str, str]:
    """Return what the service adds to the environment of the image."""
    return {
        "AWS_REGION": _region(request),
        "SM_CURRENT_HOST": host,
        "SM_HOSTS": json.dumps(list(hosts)),
    }


def _region(request: RequestView) -> str:
    """Return the region that the image comes from, or the one of this machine's configuration."""
    found = _REGION.search(request.image)
    return found[1] if found else find_region(None) or LOCAL_REGION
