"""The SHA-256 of objects, read where they lie: nothing of them is kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Any

from headrace.aws.answer import Answer, CutError, DamagedError
from headrace.aws.clients import client
from headrace.aws.s3 import S3Object
from headrace.aws.threads import THREADS, DaemonExecutor, Meter, wait
from headrace.errors import JobFailed


def sha256_of(objects: Iterable[S3Object], check: Callable[[], None]) -> dict[str, str]:
    """Read objects, several at a time.

    Args:
        objects: As they were listed.
        check: Called all the while, in this thread; what it raises ends it.

    Returns:
        URI → SHA-256.

    Raises:
        JobFailed: One cannot be read to its end.
        botocore.exceptions.ClientError: S3 refuses, also because one has changed.
    """
    wanted = list(objects)
    if not wanted:
        return {}
    s3, executor = client("s3"), DaemonExecutor(THREADS)
    with Meter("comparing", sum(each.size for each in wanted)) as meter:
        running = {each.uri: executor.submit(_sha256, s3, each, meter) for each in wanted}
        try:
            wait(running.values(), check, meter.show)
        finally:
            executor.shutdown(wait=False, cancel_futures=True)
    return {uri: future.result() for uri, future in running.items()}


def _sha256(s3: Any, source: S3Object, meter: Meter) -> str:
    digest = hashlib.sha256()
    try:
        for chunk in Answer(s3, source, 0, source.size).chunks():
            digest.update(chunk)
            meter.add(len(chunk))
    except (CutError, DamagedError) as exc:
        raise JobFailed(f"{source.uri} cannot be read: the connection broke") from exc
    return digest.hexdigest()
