"""Every file under conf/ composes, validates, and is what its first two lines say."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf

from headrace.config.compose import compose
from headrace.config.defaults import PROJECT, defaults_of
from headrace.config.models import JobConfig

Composer = Callable[..., DictConfig]
CONF = PROJECT / "conf"
FILES = sorted(path for path in CONF.rglob("*.yaml"))
CHOICES = [path for path in FILES if path.parent.parent == CONF]
PRESETS = {
    "avazu_counts": ["split", "time_features", "target_encode", "count_encode"],
    "avazu_fuxictr": ["split", "time_features", "vocabulary"],
    "criteo_dlrm": ["split", "vocabulary", "impute", "arithmetic"],
    "criteo_ffm": ["split", "bucketize", "rare_values", "custom_hasher"],
}
REQUIRED = {"path": "x.csv", "label": "click"}


def _header(path: Path) -> tuple[list[str], list[str]]:
    """The overrides of the file's own command, and the ones worth trying."""
    lines = [line for line in path.read_text().splitlines() if "@package" not in line]
    command = re.fullmatch(r"# python run\.py ?(.*)", lines[0])
    trying = re.fullmatch(r"# Worth trying: (.+)", lines[1])
    assert command, f"{path}: does not open with the command that runs it"
    assert trying, f"{path}: no override worth trying"
    return _of_one_run(shlex.split(command[1])), _of_one_run(shlex.split(trying[1]))


def _of_one_run(arguments: list[str]) -> list[str]:
    """Without what only concerns a sweep."""
    return [each for each in arguments if each != "-m" and not each.startswith("hydra/sweeper")]


def _address(path: Path) -> tuple[str, str]:
    return path.parent.relative_to(CONF).as_posix(), path.stem


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(CONF).as_posix())
def test_the_header_names_a_command_and_something_to_try(path: Path) -> None:
    command, trying = _header(path)
    assert trying
    assert command or path == CONF / "config.yaml"


@pytest.mark.parametrize("path", CHOICES, ids=lambda path: path.relative_to(CONF).as_posix())
def test_a_choice_validates_as_its_header_runs_it(path: Path, composed: Composer) -> None:
    command, trying = _header(path)
    group, choice = _address(path)
    assert f"{group}={choice}" in command
    before = compose(composed(*command))
    after = compose(composed(*command, *trying))
    assert after != before, "what is worth trying changes nothing"


@pytest.mark.parametrize("path", CHOICES, ids=lambda path: path.relative_to(CONF).as_posix())
def test_a_choice_validates_with_what_it_requires(path: Path, composed: Composer) -> None:
    group, choice = _address(path)
    cfg = composed(f"{group}={choice}")
    of_a_job = [str(key) for key in cfg if key != "flow"]  # whose references are not OmegaConf's
    missing = OmegaConf.missing_keys(OmegaConf.masked_copy(cfg, of_a_job))
    assert missing <= {*(f"dataset.{key}" for key in REQUIRED), "program.path"}
    given = [f"{key}={REQUIRED[key.partition('.')[2]]}" for key in sorted(missing)]
    compose(composed(f"{group}={choice}", *given) if given else cfg)


@pytest.mark.parametrize("path", CHOICES, ids=lambda path: path.relative_to(CONF).as_posix())
def test_a_choice_repeats_no_default(path: Path, composed: Composer) -> None:
    """A value in YAML that equals the model's default would be a second home for it."""
    base = OmegaConf.create(defaults_of(JobConfig))
    group, _ = _address(path)
    stated = OmegaConf.load(path)
    prefix = "" if group == "experiment" else f"{group}."
    for address, value in _leaves(OmegaConf.to_container(stated, resolve=False)):
        if not address.startswith("defaults") and value != "???":
            assert OmegaConf.select(base, prefix + address) != value, f"{prefix}{address}"


def _leaves(value: object, address: str = "") -> list[tuple[str, object]]:
    if isinstance(value, dict) and value:
        return [
            leaf
            for key, below in value.items()
            for leaf in _leaves(below, f"{address}.{key}" if address else str(key))
        ]
    return [(address, value)]


def test_the_sample_is_found_from_anywhere(
    composed: Composer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = compose(composed()).config.dataset.path
    assert path == str(PROJECT / "data" / "avazu_sample.csv")
    assert Path(path).is_file()


def test_every_width_follows_the_one_knob(composed: Composer) -> None:
    choices = GlobalHydra.instance().config_loader().get_group_options("transform")
    for choice in choices:
        chain = compose(composed(f"transform={choice}")).chain
        if not any("n_features" in step.parameters for step in chain):
            continue  # it hashes nothing
        plan = compose(composed(f"transform={choice}", "transform.n_features=77"))
        widths = {step.parameters.get("n_features", 77) for step in plan.chain}
        assert widths == {77}, choice


def test_the_experiments_say_what_they_are_for(composed: Composer) -> None:
    by_time = compose(composed("experiment=avazu_time"))
    assert [step.name for step in by_time.chain] == ["split", "time_features", "feature_hasher"]
    assert by_time.chain[0].parameters["method"] == "time"
    for name, steps in PRESETS.items():
        preset = compose(composed(f"experiment={name}", "dataset.path=x.csv"))
        assert [step.name for step in preset.chain] == steps
    embedding = compose(composed("experiment=embedding"))
    assert embedding.config.output.format == "parquet"
    assert embedding.chain[-1].parameters["index_ranges"] == "per_column"
