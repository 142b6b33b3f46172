"""A flow that uses all that a pipeline has, compiled once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from omegaconf import DictConfig

from headrace import compile_flow
from headrace.config.hydra import session
from headrace.config.hydra.session import Overrides
from headrace.flow.flow import Flow
from headrace.flow.pipeline import Pipeline, pipeline_of
from tests.flow.flows import project

FLOW = """\
parameters: {day: 2014-10-21, width: 65536, depth: 3, floor: 0.7, machine: ml.m5.xlarge}
cache: {expire_after: P30D}
retry: {max_attempts: 3}
jobs:
  prepare:
    - transform=time_hashing
    - dataset=avazu
    - transform.n_features=${param:width}
    - dataset.path=s3://logs/${param:day}/part-${param:depth}/
    - resources.instance_type=${param:machine}
    - job.env.DAY=${param:day}
  fit:
    - program=script
    - program.path=fit.py
    - program.arguments.depth=${param:depth}
    - resources.instance_count=${param:depth}
    - inputs.rows=${output:prepare.train}
    - outputs=[model,report]
  judge:
    - program=script
    - program.path=judge.py
    - inputs.model=${output:fit.model}/model.tar.gz
    - outputs=[verdict]
  train:
    raw:
      Type: Training
      Arguments:
        InputDataConfig: [{DataSource: {S3DataSource: {S3Uri: "${output:prepare.train}"}}}]
        HyperParameters: {depth: "${param:depth}", day: "on-${param:day}"}
    after: [fit]
  last:
    overrides:
      - program=script
      - program.path=judge.py
      - inputs.v=${output:judge.verdict}
      - inputs.model=${output:train.ModelArtifacts.S3ModelArtifacts}
      - outputs=[done]
    after: [train]
    cache: false
    retry: []
when:
  judge: {output: fit.report, file: metrics.json, path: scores.0.auc, at_least: "${param:floor}",
          otherwise: fail}
"""
ROLE = "job.role=arn:aws:iam::123456789012:role/processing"


@pytest.fixture(autouse=True)
def composed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compose the same overrides once in a test: most jobs of a flow are the same each time."""
    compose, known = session.composed, dict[str, DictConfig]()

    def composed(overrides: Sequence[Overrides]) -> DictConfig:
        key = repr(list(overrides))
        if key not in known:
            known[key] = compose(overrides)
        return known[key]

    monkeypatch.setattr(session, "composed", composed)


@pytest.fixture(scope="session")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return project(tmp_path_factory.mktemp("flow"), FLOW)


@pytest.fixture(scope="session")
def compiled(here: Path) -> tuple[Flow, Pipeline]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(here)
        flow = compile_flow("flow=ctr", "output.path=s3://results/ctr", ROLE).flow
        return flow, pipeline_of(flow)
