"""``action=policy``: prints the IAM policy that the job's role needs, as JSON and nothing else."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from headrace.aws.policy import Where
from headrace.aws.policy import policy as policy_of
from headrace.aws.request import LOCAL_ROLE
from headrace.backends import backend_of
from headrace.config.flow import GROUP
from headrace.errors import ConfigError
from headrace.job import sources
from headrace.job.account import NoAccount, OnPaper
from headrace.job.compiler import compile_job
from headrace.programs import program_of
from headrace.uris import S3

if TYPE_CHECKING:
    from headrace.config.compose import Plan
    from headrace.config.models import JobConfig

ANY = "*"
NAME = "headrace"
"""Of a job that is never run."""


def perform(plan: Plan) -> None:
    """Print the policy of the job as SageMaker would run it, whatever the target is."""
    print(json.dumps(policy(plan), indent=2))


def policy(plan: Plan) -> dict[str, Any]:
    """Return the policy document.

    Raises:
        ConfigError: The data is not there, or the mapping is wrong.
    """
    config, output = plan.config, plan.config.output
    role = config.job.role or LOCAL_ROLE
    account = OnPaper(NoAccount(config).region(), _account_id(config), role)
    if not output.path.startswith(S3):  # then it is whatever folder of the default bucket
        output = output.model_copy(update={"path": account.default_place(ANY)})
    config = config.model_copy(update={"output": output})
    plan = replace(plan, config=config)
    found, problems = sources.find(plan, is_remote=True, asking=False)
    backend, program = backend_of(config.backend), program_of(plan)
    problems += program.problems(backend.way, asking=False)
    if problems:
        raise ConfigError(problems)
    wheels = dict.fromkeys(config.backend.requirements, b"")  # where they lie is all that counts
    job = compile_job(plan, backend, program, found, NAME, account, wheels)
    where = Where(account.region_name, account.account_id)
    return policy_of(job.view, where, listed(config))


def listed(config: JobConfig, label: str = "") -> list[str]:
    """Return what manifests list, as far as the configuration tells of it; note what it does not.

    Args:
        config: Of the job.
        label: Of the job, if it is one of a flow.
    """
    job = f"{GROUP}.jobs.{label}: " if label else ""
    for name, channel in config.inputs.items():
        if channel.data_type == "ManifestFile":
            what = "the objects that its manifest lists are not in the policy; add them"
            print(f"note: {job}inputs.{name}: {what}", file=sys.stderr)
    several = config.dataset.paths if config.program.is_chain else ()
    return [path for path in several if path.startswith(S3)] if len(several) > 1 else []


def _account_id(config: JobConfig) -> str:
    """Return the role's account, or the user's own, or any: better a wide policy than none."""
    if config.job.role:
        return config.job.role.split(":")[4]
    from headrace.aws.account import AwsAccount

    try:
        return AwsAccount(config).account_id()
    except ConfigError as exc:
        print(
            f"note: the account is not known, so ARNs say '{ANY}' for it: {exc.problems[0]}",
            file=sys.stderr,
        )
        return ANY
