"""The output prefix on S3: what it may contain, and what prevents a job from using it.

The same rule as for folders: what a manifest or a receipt of ours lists belongs to an earlier job
and may be replaced, anything else stays. Where there is neither, a prefix has to be empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from headrace.aws import lock
from headrace.aws.account import is_running
from headrace.aws.s3 import bucket_and_key, unlisted, with_prefix
from headrace.config.models import OutputConfig
from headrace.errors import ConfigError, JobFailed, Problem
from headrace.results.layout import MANIFEST, RECEIPT, Listing
from headrace.results.prefix_content import PrefixContent, look
from headrace.runtime.shown import listed, plain, quoted
from headrace.uris import join

WHERE = "output.path"
MOST_NAMES = 3
"""Objects that a message names."""
URI_LENGTH = 400


def check(output: OutputConfig, new: Iterable[str] = ()) -> list[Problem]:
    """Return what prevents writing a result there, as far as it is known now.

    Args:
        output: Its path is an ``s3://`` URI.
        new: Files that will be written, as far as they are known: paths below it.
    """
    if not bucket_and_key(output.path)[0]:
        return [Problem(WHERE, f"{output.path!r} names no bucket")]
    try:
        with unlisted(output.path, WHERE):
            if next(with_prefix(join(output.path, "")), None) is None:
                return []  # and there is no lock
            problem = _in_use(output.path) or refusal(look(output.path), output.overwrite, new)
    except ConfigError as exc:
        return list(exc.problems)
    except JobFailed as exc:
        problem = str(exc)
    return [Problem(WHERE, problem)] if problem else []


def refusal(content: PrefixContent, overwrite: bool, new: Iterable[str]) -> str | None:
    """Return why a result may not be written to a prefix, or None.

    Args:
        content: What is there.
        overwrite: Whether an earlier result may be replaced.
        new: Files that will be written, as far as they are known: paths below the prefix.

    Raises:
        botocore.exceptions.ClientError: SageMaker cannot be asked.
    """
    prefix = f"the prefix {shown(content.output)}"
    if job := _in_progress(content.receipt):
        how = f"wait for its end, stop it by action=stop job.name={job}, or choose another prefix"
        return f"the job {job} on SageMaker is writing to {shown(content.output)}; {how}"
    if content.result is not None and not overwrite:
        return f"{prefix} holds a result; choose another or set output.overwrite=true"
    if content.changed:
        names = listed(content.changed, MOST_NAMES)
        what = "changed since it was written, so it is not replaced"
        return f"{prefix}: {names} {what}; move it away or choose another prefix"
    if content.result is None and content.others:
        why = f", and {_why(content)}" if overwrite else ""
        return f"{prefix} is not empty ({_named(content.others)}){why}; choose another prefix"
    clashes = sorted({*content.others}.intersection({*new, RECEIPT}))
    return obstacle(content.output, clashes, "is in the way") if clashes else None


def obstacle(output: str, names: Iterable[str], why: str) -> str:
    """Return a problem: files there belong to no job, and would be overwritten or mixed in."""
    what = f"{listed(names, MOST_NAMES)} {why} and belongs to no earlier result"
    return f"the prefix {shown(output)}: {what}; move it away or choose another prefix"


def shown(uri: str) -> str:
    """Return a URI for a message."""
    return quoted(uri, URI_LENGTH)


def _named(names: Sequence[str]) -> str:
    """Return the first of them; of a prefix without a manifest no more is listed."""
    return listed(names[:MOST_NAMES]) + (", and more" if len(names) > MOST_NAMES else "")


def _why(content: PrefixContent) -> str:
    """Return why there is no result that could be replaced."""
    why = f"there is no {MANIFEST}"
    if MANIFEST in content.others:
        why = f"{MANIFEST} is none of headrace's, or has been changed"
    return f"is not taken for a result of headrace: {why}"


def _in_use(output: str) -> str | None:
    holder = lock.held_by(output)
    return None if holder is None else lock.in_use(output, holder)


def _in_progress(receipt: Listing | None) -> str | None:
    """Return the job that left a receipt, if it is still in progress on SageMaker."""
    if receipt is None or receipt.region is None or receipt.job is None:
        return None
    return plain(receipt.job) if is_running(receipt.job, receipt.region) else None
