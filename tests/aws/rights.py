"""IAM's rules, as moto keeps them: until it is told to, everybody may do everything."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def enforced(endpoint: str) -> Iterator[None]:
    """Meanwhile everybody may do what their policies say, and nothing else.

    moto knows the resources of S3's actions only, and takes a condition for one that is not met.
    """
    _let_pass(endpoint, "0")
    try:
        yield
    finally:
        _let_pass(endpoint, "inf")


def _let_pass(endpoint: str, actions: str) -> None:
    request = urllib.request.Request(
        f"{endpoint}/moto-api/reset-auth",
        data=actions.encode(),
        headers={"Content-Type": "text/plain"},
        method="POST",
    )
    urllib.request.urlopen(request, timeout=30).close()
