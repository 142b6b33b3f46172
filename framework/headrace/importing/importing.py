"""Find the configuration that compiles to a request, by compiling what may."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf

from headrace.aws.request import RequestView
from headrace.backends import backend_of
from headrace.config.compose import Plan, compose
from headrace.config.problems import got
from headrace.errors import ConfigError, Problem
from headrace.importing.experiment_file import yaml_of
from headrace.importing.request_file import FATE, Imported, differences
from headrace.importing.settings import Settings, candidates
from headrace.job import inputs
from headrace.job.account import NoAccount
from headrace.job.compiler import compile_job
from headrace.job.inputs import DataInput
from headrace.programs import program_of
from headrace.uris import FILE, uri_of

JOB = "imported"
SOME_FOLDER = "/nowhere/headrace"
"""Stands for the run folder, which no request names."""
CHAIN = {
    "dataset": {"path": SOME_FOLDER, "label": None},
    "transform": {"steps": {"none": None}},
    "target": {"name": "local"},
}
REASONS = {
    "EnableNetworkIsolation": "said beside every other setting of the network, as the SDK does",
    "LocalPath": "headrace names a folder for everything",
    "S3Uri": "the place goes by output.path",
    "ProcessingResources": "the answer does not say it; these are the defaults",
    "KmsKeyId": "there is no output that it would encrypt",
}
NO_KEY = "headrace has no key for it"
Difference = tuple[str, Any, Any]


@dataclass(frozen=True)
class Configuration:
    """The configuration of a request."""

    settings: Settings
    notes: tuple[str, ...]
    """Parts of the request that it does not hold, or adds, and why."""

    def yaml(self, name: str, command: str) -> str:
        """Return the text of the file.

        Args:
            name: Of the file, without its ending.
            command: Runs the program: ``headrace`` or ``python run.py``.
        """
        return yaml_of(self.settings, name, command, self.notes)


def configuration_of(imported: Imported, source: str) -> Configuration:
    """Return the configuration that compiles to a request, or the one that comes nearest.

    Args:
        imported: The request.
        source: Where it comes from, for the head of the file.

    Raises:
        ConfigError: headrace refuses what the request asks for.
    """
    best: tuple[Settings, list[Difference]] | None = None
    refused: ConfigError | None = None
    for settings in candidates(RequestView(imported.request)):
        try:
            made = list(differences(imported.request, compiled(settings)))
        except ConfigError as exc:
            refused = refused or exc
            continue
        if best is None or len(made) < len(best[1]):
            best = settings, made
        if not made:
            break
    if best is None:
        raise refused or ConfigError([])
    notes = [f"Made by action=import from {source}.", *_notes(imported, best[1])]
    return Configuration(best[0], tuple(notes))


def compiled(settings: Settings) -> dict[str, Any]:
    """Return the request that a configuration compiles to, read from its text.

    Raises:
        ConfigError: headrace refuses it.
    """
    plan = _plan(settings)
    backend, program = backend_of(plan.config.backend), program_of(plan)
    if problems := program.problems(backend.way, asking=False):
        raise ConfigError(problems)
    found = dict(_found(plan))
    return compile_job(plan, backend, program, found, JOB, NoAccount(plan.config)).request


def _plan(settings: Settings) -> Plan:
    said = yaml.safe_load(yaml_of(settings, JOB, "", ()))
    del said["defaults"]
    chosen = {"backend": {"name": settings.backend}, "program": {"name": settings.program}}
    base = {**CHAIN, **chosen, "output": {"path": SOME_FOLDER}}
    merged = OmegaConf.merge(base, said)
    if not isinstance(merged, DictConfig):
        raise TypeError("a configuration is a mapping")
    return compose(merged)


def _found(plan: Plan) -> Iterator[tuple[str, DataInput]]:
    """Yield what the inputs name, of which nothing is looked at."""
    for name, channel in plan.config.inputs.items():
        path = channel.path
        if path is not None and uri_of(path).startswith(FILE):
            yield name, DataInput(uri_of(path) + ("/" if path.endswith("/") else ""))
        elif path is not None:
            yield name, inputs.resolve_whole(path, f"inputs.{name}.path")


def _notes(imported: Imported, made: Sequence[Difference]) -> Iterator[str]:
    if imported.name:
        yield f"The job was called {imported.name}; each run gets a name of its own, or job.name."
    fate = [path for path, why in imported.left_out.items() if why == FATE]
    if fate:
        yield f"Left out, since they say what became of the job: {', '.join(fate)}."
    for path, why in imported.left_out.items():
        if why != FATE:
            yield f"Not kept: {path} ({why})."
    for path, theirs, ours in made:
        why = REASONS.get(path.rpartition(".")[2], NO_KEY)
        if theirs is None:
            yield f"Added: {path}: {got(ours)} ({why})."
        elif ours is None:
            yield f"Not kept: {path}: {got(theirs)} ({why})."
        else:
            yield f"Changed: {path}: {got(theirs)} becomes {got(ours)} ({why})."


def refusal(error: ConfigError, where: str) -> ConfigError:
    """Return the same problems, said of what was imported."""
    return ConfigError([Problem(where, f"{each.where}: {each.what}") for each in error.problems])
