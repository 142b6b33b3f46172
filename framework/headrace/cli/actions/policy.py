"""``action=policy``: prints the IAM policy that the job's role needs, as JSON and nothing else."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from headrace.aws.image_uris import domain
from headrace.aws.policy import Where
from headrace.aws.policy import policy as policy_of
from headrace.backends import backend_of
from headrace.errors import ConfigError
from headrace.job import sources
from headrace.job.account import LOCAL_ROLE, NoAccount
from headrace.job.compiler import compile_job
from headrace.programs import program_of
from headrace.uris import S3

if TYPE_CHECKING:
    from headrace.config.compose import Plan
    from headrace.config.models import JobConfig
    from headrace.errors import Problem

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
    account = _OnPaper(plan.config)
    output = account.output_path(plan.config.output.path, NAME)
    placed = plan.config.output.model_copy(update={"path": output})
    config = plan.config.model_copy(update={"output": placed})
    plan = replace(plan, config=config)
    found, problems = sources.find(plan, is_remote=True, asking=False)
    backend, program = backend_of(config.backend), program_of(plan)
    problems += program.problems(backend.way, asking=False)
    if problems:
        raise ConfigError(problems)
    wheels = dict.fromkeys(config.backend.requirements, b"")  # where they lie is all that counts
    job = compile_job(plan, backend, program, found, NAME, account, wheels)
    return policy_of(job.view, account.where, _listed(config))


def _listed(config: JobConfig) -> list[str]:
    """Return what manifests list, as far as the configuration tells of it."""
    for name, channel in config.inputs.items():
        if channel.data_type == "ManifestFile":
            what = "the objects that its manifest lists are not in the policy; add them"
            print(f"note: inputs.{name}: {what}", file=sys.stderr)
    several = config.dataset.paths if config.program.is_chain else ()
    return [path for path in several if path.startswith(S3)] if len(several) > 1 else []


class _OnPaper:
    """The account that a job would run in, as far as the configuration tells of it."""

    def __init__(self, config: JobConfig) -> None:
        self._role = config.job.role or LOCAL_ROLE
        self.where = Where(NoAccount(config).region(), _account_id(config))

    def check_access(self, asking: bool) -> None:
        pass

    def region(self) -> str:
        return self.where.region

    def registry(self) -> str:
        return f"{self.where.account}.dkr.ecr.{self.where.region}.{domain(self.where.region)}"

    def role(self) -> str:
        return self._role

    def output_path(self, path: str, name: str) -> str:
        """Return the URI; for a local path, whatever folder of the default bucket a job may get."""
        bucket = f"sagemaker-{self.where.region}-{self.where.account}"
        return path if path.startswith(S3) else f"{S3}{bucket}/headrace/{ANY}"

    def problems(self, request: dict[str, Any], asking: bool) -> list[Problem]:
        return []


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
