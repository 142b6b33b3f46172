"""Whatever a person types ends in an exit status and a message, and makes no object.

Everything goes through the real thing: ``hydra.main``, `headrace.cli.main.main`, our checks. Only
what would be done with a right configuration is left out.
"""

from __future__ import annotations

import sys
from pathlib import Path

import hydra
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from omegaconf import DictConfig

from headrace.cli import actions
from headrace.cli import main as cli
from headrace.config.defaults import PROJECT
from tests.sampling import examples

MADE: list[object] = []
"""What Hydra was made to call."""


def make(*args: object, **kwargs: object) -> None:
    """Stand for any function that a configuration might name."""
    MADE.append((args, kwargs))


@hydra.main(version_base="1.3", config_path=str(PROJECT / "conf"), config_name="config")
def run(config: DictConfig) -> float:
    """Do what run.py does."""
    return cli.execute(config)


KEYS = [
    *("action", "backend", "backend.name", "backend.spark", "backend.spark.a.b", "target"),
    *("backend.requirements", "backend.base_image", "dataset", "dataset.path", "dataset.label"),
    *("dataset.numeric", "dataset.columns", "dataset.columns.0", "transform", "transform.steps"),
    *("transform.n_features", "transform.steps.split", "transform.steps.split.method"),
    *("transform.steps.split.before", "transform.steps.x", "transform.steps.x.name", "output"),
    *("output.path", "output.rows_per_part", "evaluation", "evaluation.passes", "experiment"),
    *("resources.instance_count", "job", "job.arguments", "job.env", "job.env.A", "job.tags.a.b"),
    *("runtime", "runtime.threads", "hydra.verbose", "hydra.job.env_copy", "hydra.job.name"),
    *("hydra.callbacks", "hydra.callbacks.e", "hydra.callbacks.summary", "hydra.sweeper"),
    *("hydra.launcher", "hydra.launcher._target_", "hydra.sweeper.params", "hydra.job_logging"),
    *("hydra.job_logging.root", "hydra.job_logging.handlers", "hydra.searchpath", "hydra/launcher"),
    *("hydra/job_logging", "hydra", "hydra/callbacks", "hydra.output_subdir", "_target_"),
]
NAME = f"{__name__}.{make.__name__}"
WORDS = [
    *("", "1", "-1", "1.10", "1e5", "0x1F", "007", "1_0", "true", "null", "NaN", "-inf", "???"),
    *("sklearn", "pyspark", "hashing", "split", "run", "logistic", "none", "csv", "a=b", "a:b"),
    *("~/x", "~nobody-here/x", "s3://b/k", "pkg://tests", "file:///", "ext://os.system", "'", '"'),
    *("${x}", "${dataset.path}", "${transform}", "${transform.n_features}", "${.a}", "${..a}"),
    *("${oc.env:NOPE}", "${oc.decode:'{a: 1}'}", "${hydra:run.dir}", "${now:%Y}", "${run_folder:}"),
    *(
        "${",
        "}",
        "[",
        "{",
        "choice(1,2)",
        "range(1,3)",
        "1,2",
        "\x1b[31m",
        "\n",
        "\udcff",
        "é",
        NAME,
    ),
]
TEXT = st.sampled_from(WORDS) | st.text(st.characters(exclude_characters="\0"), max_size=12)
VALUE = st.recursive(
    TEXT,
    lambda inside: (
        st.lists(inside, max_size=3).map(lambda each: f"[{','.join(each)}]")
        | st.dictionaries(
            st.sampled_from(["a", "name", "_target_", "()", "class", "1"]), inside
        ).map(lambda each: "{" + ",".join(f"{k}:{v}" for k, v in each.items()) + "}")
        | inside.map(lambda each: f"'{each}'")
    ),
    max_leaves=4,
)
OVERRIDE = st.builds(
    "{}{}={}".format, st.sampled_from(["", "", "+", "++", "~"]), st.sampled_from(KEYS), VALUE
)
TYPED = OVERRIDE | OVERRIDE | OVERRIDE | TEXT.filter(lambda each: not each.startswith("-"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where nothing is ever run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(actions, "perform", lambda plan: None)
    monkeypatch.setattr(sys, "argv", ["run.py"])
    return tmp_path


@given(st.lists(TYPED, min_size=1, max_size=4))
@settings(
    max_examples=examples(8),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@pytest.mark.usefixtures("folder")
def test_whatever_is_typed(typed: list[str]) -> None:
    sys.argv[1:] = ["hydra.output_subdir=null", *typed]
    MADE.clear()
    status: object
    try:
        status = cli.main(run, sys.argv[1:])
    except SystemExit as exc:
        status = exc.code
    assert status in (0, 2)
    assert not MADE
