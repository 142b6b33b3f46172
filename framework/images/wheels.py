"""The packages of an image, fetched by this machine's pip.

pip here knows the user's index, proxy, certificates and credentials, and none of them gets near the
image. Nothing but a file whose hash stands in ``requirements.txt`` is taken, and pip in the image
looks at the hashes once more.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from framework.errors import JobFailed
from framework.images.base_image import BaseImage
from framework.images.messages import shown

LAST_LINES = 5


def download(requirements: Path, base: BaseImage, folder: Path) -> None:
    """Fetch the wheels that fit a base image.

    Args:
        requirements: Pinned, with hashes.
        base: The image that they are for.
        folder: Where they go.

    Raises:
        JobFailed: pip is not here or refuses, one of the hashes being wrong, for example.
    """
    command = [
        *(sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "download"),
        *("--require-hashes", "--no-deps", "--only-binary=:all:", "--implementation=cp"),
        f"--python-version={base.python}",
        *(f"--platform={platform}" for platform in base.platforms),
        f"--dest={folder}",
        f"--requirement={requirements}",
    ]
    with shown(f"fetching packages for Python {base.python}"):
        done = subprocess.run(  # noqa: S603 - our own arguments, and no shell
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
    if done.returncode:
        last = "\n".join(done.stderr.strip().splitlines()[-LAST_LINES:])
        what = f"pip cannot fetch the packages for Python {base.python} of {base.name!r}"
        raise JobFailed(f"{last}\n{what}")
