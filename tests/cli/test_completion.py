"""Tab completion: the values of keys, the parameters of steps, the paths of files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hydra.plugins.completion_plugin import CompletionPlugin, DefaultCompletionPlugin
from omegaconf import DictConfig

from headrace.cli.completion import candidates, completing
from headrace.runtime.plugins.formats import WRITERS

Composer = Callable[..., DictConfig]


@pytest.fixture
def offered(composed: Composer) -> Callable[[str], set[str]]:
    """Return what the last word of a line may become, without that word."""
    configs: dict[str, DictConfig] = {}

    def offered(line: str) -> set[str]:
        before, _, word = line.rpartition(" ")
        if before not in configs:
            configs[before] = composed(*before.split())
        lead = word[: max(word.rfind("="), word.rfind(".")) + 1]
        return {each.removeprefix(lead) for each in candidates(line, configs[before])}

    return offered


def test_the_values_of_a_key(offered: Callable[[str], set[str]]) -> None:
    assert offered("output.format=") == set(WRITERS.names())
    assert offered("output.format=p") == {"parquet"}
    assert offered("action=pl") == {"plan"}
    assert offered("job.wait=") == {"true", "false"}
    assert offered("inputs.logs.mode=") == {"File", "Pipe"}
    assert offered("schema=da") == {"dataset"}
    assert offered("transform.n_features=") == set()


def test_the_keys_of_a_choice(offered: Callable[[str], set[str]]) -> None:
    assert "spark." in offered("backend=pyspark backend.")
    assert offered("backend.s") == set()
    assert offered("backend=script backend.b") == {"base_image="}
    assert offered("evaluation=logistic evaluation.") == {"passes=", "learning_rate=", "alpha="}


def test_the_parameters_of_a_step(offered: Callable[[str], set[str]]) -> None:
    assert offered("transform.steps.split.t") == {"train_fraction=", "test_fraction="}
    assert offered("transform.steps.split.method=") == {"hash", "shuffle", "time"}
    chain = "transform=custom_hashing"
    assert offered(f"{chain} transform.steps.custom_hasher.hash=x") == {"xxh32"}
    assert offered("+transform.steps.rare_v") == {"rare_values."}
    assert offered("+transform.steps.mine.name=rare") == {"rare_values"}
    named = "+transform.steps.mine.name=rare_values"
    assert offered(f"{named} transform.steps.mine.min") == {"min_count="}
    assert offered("transform.steps.feature_hasher.a") == {"alternate_sign=", "after="}


def test_a_prefix_stays(composed: Composer) -> None:
    assert list(candidates("++output.format=libs", composed())) == ["++output.format=libsvm"]
    assert list(candidates("~job.w", composed())) == ["~job.wait="]


def test_the_paths_of_files(
    offered: Callable[[str], set[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "clicks.csv").touch()
    (tmp_path / ".hidden").touch()
    for key in ("dataset.path", "program.path", "inputs.logs", "inputs.logs.path", "from"):
        assert offered(f"{key}=") == {"data/"}
    assert offered("dataset.path=data/c") == {"data/clicks.csv"}
    assert offered("dataset.path=s3://b") == set()
    assert offered("job.name=") == set()


def test_half_a_line_that_is_wrong_gets_what_there_is() -> None:
    assert set(candidates("wrong=1 job.logs=", None)) == {"job.logs=true", "job.logs=false"}
    assert set(candidates("wrong=1 transform.steps.split.se", None)) == {
        "transform.steps.split.seed="
    }
    assert list(candidates("", None))


def test_every_shell_is_offered_hydras_and_these(monkeypatch: pytest.MonkeyPatch) -> None:
    def theirs(self: object, config_name: str | None, line: str) -> list[str]:
        return ["output.format=npz", "output.format=none"]

    monkeypatch.setattr(CompletionPlugin, "_query", theirs)
    loader: Any = None
    plugin = DefaultCompletionPlugin(loader)
    with completing():
        found = plugin._query(config_name="config", line="output.format=np")
    names = {name for name in WRITERS.names() if name.startswith("np")}
    assert found == sorted(f"output.format={name}" for name in {*names, "npz", "none"})
    assert CompletionPlugin._query is theirs
