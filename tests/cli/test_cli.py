"""What a person sees and what a shell gets: the help page, messages, exit statuses, sweeps."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from headrace.cli import actions
from headrace.cli import main as cli
from headrace.config.defaults import PROJECT, defaults_of
from headrace.config.models import JobConfig
from headrace.errors import ConfigError, DataError, JobFailed, PluginError, Problem

Runner = Callable[..., subprocess.CompletedProcess[str]]
HEAVY = ("boto3", "numpy", "pandas", "pyarrow", "rich", "sagemaker", "scipy", "sklearn")


# -- the help page


def test_the_help_page(headrace: Runner) -> None:
    ran = headrace("--help")
    assert (ran.returncode, ran.stderr) == (0, "")
    page = ran.stdout
    assert page.startswith("headrace turns raw event logs into training data.\n")
    assert max(map(len, page.splitlines())) <= 120
    for group in sorted(path for path in (PROJECT / "conf").iterdir() if path.is_dir()):
        if group.name != "hydra":
            choices = ", ".join(sorted(file.stem for file in group.glob("*.yaml")))
            assert f"\n  {group.name}: {choices}\n" in page.replace("\n", "\n  ")
    assert len(re.findall(r"^  python run.py( .*)?\n      \S", page, re.MULTILINE)) == 5


def test_the_help_page_names_keys_that_exist(headrace: Runner) -> None:
    known = defaults_of(JobConfig)
    named = re.findall(r"^  ([a-z_.]+)=", headrace("--help").stdout, re.MULTILINE)
    assert len(named) == 15
    for address in named:
        group, *rest = address.split(".")
        assert group in known
        assert not rest or rest[0] in known[group]


@pytest.mark.parametrize(
    ("action", "overrides"), [("--help", []), ("--cfg", ["job"]), ("action=schema", [])]
)
def test_nothing_heavy_is_imported_before_it_is_needed(
    headrace: Runner, action: str, overrides: list[str]
) -> None:
    ran = headrace(action, *overrides, environment={"PYTHONPROFILEIMPORTTIME": "1"})
    assert ran.returncode == 0
    imported = {line.rpartition("|")[2].strip() for line in ran.stderr.splitlines()}
    assert "pydantic" in imported
    assert not imported & set(HEAVY)


def test_a_local_run_imports_nothing_that_asks_aws(headrace: Runner, tmp_path: Path) -> None:
    paths = (f"dataset.path={PROJECT / 'data' / 'avazu_sample.csv'}", f"output.path={tmp_path}/out")
    ran = headrace(*paths, environment={"PYTHONPROFILEIMPORTTIME": "1"})
    assert ran.returncode == 0
    imported = {line.rpartition("|")[2].strip() for line in ran.stderr.splitlines()}
    assert "headrace.targets.local.delivery" in imported
    asking = {"boto3", "botocore", "docker", "s3transfer", "sagemaker", "urllib3"}
    assert not imported & asking


def test_the_composed_configuration_can_be_shown(headrace: Runner, tmp_path: Path) -> None:
    shown = headrace("--cfg", "job", "--resolve", "transform.n_features=64")
    assert (shown.returncode, shown.stderr) == (0, "")
    config = OmegaConf.create(shown.stdout)
    assert config.transform.steps.feature_hasher.n_features == 64
    assert Path(config.output.path).is_relative_to(tmp_path / "outputs")


def test_tab_completion(headrace: Runner) -> None:
    installed = headrace("-sc", "install=bash")
    assert installed.returncode == 0
    assert "hydra_bash_completion" in installed.stdout
    line = "python run.py dataset="
    place = {"COMP_LINE": line, "COMP_POINT": str(len(line))}
    asked = headrace("-sc", "query=bash", environment=place)
    assert asked.stdout.split() == [
        f"dataset={name}" for name in ("avazu", "avazu_sample", "criteo", "criteo_tsv", "csv")
    ]
    line = "python run.py transform.steps.split.method="
    place = {"COMP_LINE": line, "COMP_POINT": str(len(line))}
    asked = headrace("-sc", "query=bash", environment=place)
    assert asked.returncode == 0
    assert asked.stdout.split() == [
        f"{line.split()[-1]}{name}" for name in ("hash", "shuffle", "time")
    ]


# -- what Hydra refuses is told in the same form


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["transfrom.n_features=3"], "transfrom: unknown key; did you mean 'transform'?"),
        (["datset=avazu"], "datset: unknown key; did you mean 'dataset'?"),
        (
            ["zzz=1"],
            "zzz: unknown key; allowed: action, backend, dataset, evaluation, experiment, flow, "
            "format, from, hydra, inputs, job, name, output, outputs, profiles, program, "
            "regions, resources, runtime, schema, start, target, transform, watch",
        ),
        (
            ["evaluation=logistc"],
            "evaluation: there is no choice 'logistc'; did you mean 'logistic'?",
        ),
        (["dataset=avazo"], "dataset: there is no choice 'avazo'; did you mean 'avazu'?"),
        (["target=qqq"], "target: there is no choice 'qqq'; allowed: aws, container, local"),
        (
            ["hydra/launcher=qqq"],
            "hydra/launcher: there is no choice 'qqq'; allowed: basic, fused, joblib",
        ),
        (["action.x=3"], "action.x: action has no keys of its own"),
        (
            ["nonsense"],
            "nonsense: is no override; write key=value (missing EQUAL at '<EOF>')",
        ),
        (
            ["transform.n_features=1,2"],
            "transform.n_features: has several values; for a run with each, add -m; for a list, "
            "write 'transform.n_features=[1,2]'; for one text, write "
            "'transform.n_features=\"1,2\"'",
        ),
        (["~nothing"], "~nothing: Could not delete from config. 'nothing' does not exist."),
    ],
)
def test_what_hydra_refuses(headrace: Runner, arguments: list[str], problem: str) -> None:
    ran = headrace(*arguments)
    expected = f"1 problem in the configuration:\n  {problem}\n"
    assert (ran.returncode, ran.stdout, ran.stderr) == (2, "", expected)


def test_a_file_that_is_no_yaml(headrace: Runner, copy_of_project: Path) -> None:
    (copy_of_project / "conf" / "dataset" / "odd.yaml").write_text("path: [")
    ran = headrace("dataset=odd", project=copy_of_project)
    assert ran.returncode == 2
    assert "Traceback" not in ran.stderr
    assert "odd.yaml" in ran.stderr.splitlines()[-1]


# -- exit statuses


def test_a_wrong_configuration_ends_in_its_problems(headrace: Runner) -> None:
    ran = headrace("transform.n_features=0", "resources.instance_cout=2")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == (
        "2 problems in the configuration:\n"
        "  transform.n_features: should be at least 1 (got 0)\n"
        "  resources.instance_cout: unknown key; did you mean 'instance_count'?\n"
    )


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ConfigError([Problem("a.b", "wrong")]), 2),
        (PluginError("transform 'x' is broken"), 2),
        (DataError("x.csv: empty"), 1),
        (JobFailed("the job failed: out of memory"), 1),
    ],
)
def test_what_a_user_can_mend_is_a_message_and_a_status(
    single_run: DictConfig,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    status: int,
) -> None:
    monkeypatch.setattr(actions, "perform", _raiser(error))
    with pytest.raises(SystemExit) as ended:
        cli.main(lambda: cli.execute(single_run))
    assert ended.value.code == status
    assert capsys.readouterr().err == f"{error}\n"


def test_a_bug_keeps_its_traceback(single_run: DictConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "perform", _raiser(RuntimeError("a bug")))
    with pytest.raises(RuntimeError, match="a bug"):
        cli.main(lambda: cli.execute(single_run))


def test_an_interrupt_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(_raiser(KeyboardInterrupt())) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_any_error_of_hydra_is_a_wrong_configuration(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(_raiser(HydraException("no\nsuch thing"))) == 2
    assert capsys.readouterr().err == "1 problem in the configuration:\n  no such thing\n"


@pytest.fixture
def single_run(composed: Callable[..., DictConfig], monkeypatch: pytest.MonkeyPatch) -> DictConfig:
    """A right configuration, as Hydra hands it to a single run."""
    monkeypatch.setattr(HydraConfig, "get", lambda: HydraConf(mode=RunMode.RUN))
    return composed()


def _raiser(error: BaseException) -> Callable[..., NoReturn]:
    def fail(*_: object) -> NoReturn:
        raise error

    return fail


# -- sweeps


@pytest.mark.parametrize("launcher", ["basic", "joblib"])
def test_a_sweep_goes_on_after_a_wrong_value(headrace: Runner, launcher: str) -> None:
    ran = headrace(
        "-m", f"hydra/launcher={launcher}", "action=schema", "transform.n_features=0,16,-1,32"
    )
    assert ran.returncode == 2
    assert "Traceback" not in ran.stderr
    for value in (0, -1):
        told = f"transform.n_features: should be at least 1 (got {value})"
        assert ran.stderr.count(told) == 1
    assert ran.stdout.count('"transforms": {') == 2
