"""What reaches Hydra: all problems are told in one pass, and only known objects are made."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import DictConfig

from headrace import compile
from headrace.config.compose import compose
from headrace.errors import ConfigError

Composer = Callable[..., DictConfig]
Runner = Callable[..., subprocess.CompletedProcess[str]]
NO_OBJECTS = "a configuration may name a plugin, never a Python object"
TOUCH = "{_target_: pathlib.Path.touch, self: {_target_: pathlib.Path, _args_: [made]}}"


def refused(composed: Composer, *overrides: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        compose(composed(*overrides))
    return [str(problem) for problem in caught.value.problems]


# -- all problems at once

WRONG = [
    (
        ["dataset=csv", "dataset.path=a=b"],
        [
            "dataset.path: the value wants quotes; write 'dataset.path=\"a=b\"'",
            "dataset.label: this key is required",
        ],
    ),
    (
        ["transform.nfeatures=3", "datset.id=x"],
        [
            "datset: unknown key; did you mean 'dataset'?",
            "transform.nfeatures: unknown key; did you mean 'n_features'?",
        ],
    ),
    (
        ["nonsense", "evaluation=logistc", "dataset.path=dt=1", "zzz.a=1", "resources.cpus=2"],
        [
            "nonsense: is no override; write key=value (missing EQUAL at '<EOF>')",
            "dataset.path: the value wants quotes; write 'dataset.path=\"dt=1\"'",
            "evaluation: there is no choice 'logistc'; did you mean 'logistic'?",
            "zzz: unknown key; allowed: action, backend, dataset, evaluation, experiment, flow, "
            "format, from, hydra, inputs, job, name, output, outputs, profiles, program, "
            "regions, resources, runtime, "
            "schema, start, target, transform, watch",
            "resources.cpus: unknown key; allowed: instance_count, instance_preferences, "
            "instance_type, max_runtime_minutes, max_runtime_seconds, usd_per_hour, volume_size_gb",
        ],
    ),
    (
        ["transform=nope", "transform.steps.mine.length=3"],
        [
            "transform: there is no choice 'nope'; allowed: counts, custom_hashing, hashing, "
            "rare_hashing, split, standard_hashing, target, time_hashing, vocabulary"
        ],
    ),
    (
        ["evaluation=true"],
        ["evaluation: there is no choice 'true'; allowed: linear, logistic, none"],
    ),
    (
        ["evaluation=null"],
        ["evaluation: there is no choice 'null'; allowed: linear, logistic, none"],
    ),
    (
        ["dataset=2024"],
        [
            "dataset: there is no choice '2024'; allowed: avazu, avazu_sample, criteo, criteo_tsv, "
            "csv"
        ],
    ),
    (["backend=[sklearn,script]"], ["backend: takes one choice (got '[sklearn,script]')"]),
    (["transform=[[a]]"], ["transform: takes one choice (got '[[a]]')"]),
    (["~dataset=[]"], ["dataset: takes one choice (got '[]')"]),
    (["+dataset=csv"], ["dataset: has a choice already; write dataset=csv"]),
    (["=1"], ["=1: is no override; write key=value"]),
    (["hydra/launcher=1"], ["hydra/launcher: takes the name of a choice (got '1')"]),
    (
        ["job.arguments.x=1"],
        ["job.arguments.x: job.arguments is a list, whose places are numbers"],
    ),
    (
        ["job.arguments=[a=b, c]"],
        ['job.arguments: the value wants quotes; write \'job.arguments=["a=b","c"]\''],
    ),
    (
        ["dataset.path=\x1b[31m"],
        ["dataset.path: the value wants quotes; write 'dataset.path=\"\\x1b[31m\"'"],
    ),
    (
        ["dataset.\x1b=1"],
        [
            "dataset.\\x1b=1: is no override; write key=value (LexerNoViableAltException: "
            "dataset.\\x1b=1)"
        ],
    ),
]


@pytest.mark.parametrize(("overrides", "lines"), WRONG, ids=lambda each: " ".join(each)[:40])
def test_what_hydra_refuses_is_told_with_all_the_rest(
    composed: Composer, overrides: list[str], lines: list[str]
) -> None:
    assert refused(composed, *overrides) == lines


def test_python_is_told_the_same() -> None:
    with pytest.raises(ConfigError) as caught:
        compile("transform.nfeatures=3", "datset.id=x", {"+hydra.callbacks.e._target_": "a.b"})
    assert str(caught.value) == (
        "3 problems in the configuration:\n"
        "  datset: unknown key; did you mean 'dataset'?\n"
        f"  hydra.callbacks.e._target_: {NO_OBJECTS} (got 'a.b')\n"
        "  transform.nfeatures: unknown key; did you mean 'n_features'?"
    )


def test_links_that_lead_in_a_circle(composed: Composer) -> None:
    assert refused(composed, "transform.n_features=${transform.n_features}") == [
        "transform.n_features: '${transform.n_features}' cannot be resolved: it refers to itself"
    ]
    assert refused(composed, "dataset.label=${dataset.id}", "dataset.id=${dataset.label}") == [
        "dataset.label: '${dataset.id}' cannot be resolved: it refers to itself",
        "dataset.id: '${dataset.label}' cannot be resolved: it refers to itself",
    ]


# -- settings that a choice does not have

WITHOUT = [
    (
        ["backend.base_image=x"],
        "backend.base_image: backend=sklearn has no such key (it is one of backend=script, "
        "backend=processor); "
        "allowed: framework_version, image_uri, name, python_version, region, requirements",
    ),
    (
        ["backend=processor", "backend.framework_version=banana"],
        "backend.framework_version: backend=processor has no such key (it is one of "
        "backend=sklearn, backend=pyspark); allowed: "
        "base_image, image_uri, name, python_version, region, requirements",
    ),
    (
        ["backend=script", "backend.spark.executor.memory=4g"],
        "backend.spark: backend=script has no such key (it is one of backend=pyspark); allowed: "
        "base_image, image_uri, name, python_version, region, requirements",
    ),
    (
        ["backend.regoin=x"],
        "backend.regoin: backend=sklearn has no such key; did you mean 'region'?",
    ),
    (
        ["backend.name=foo"],
        "backend.name: should be one of 'sklearn', 'script', 'processor', 'pyspark' (got 'foo')",
    ),
    (
        ["evaluation.passes=3"],
        "evaluation.passes: evaluation=none has no such key (it is one of "
        "evaluation=logistic, evaluation=linear); allowed: name",
    ),
    (
        ["transform=split", "transform.n_features=5"],
        "transform.n_features: no step of this chain takes it; leave it out",
    ),
    (
        ["runtime.split_bytes=5"],
        "runtime.split_bytes: is for Spark's tasks, and backend=sklearn has none; leave it out",
    ),
    (
        ["backend.image_uri=x", "backend.framework_version=1.4-2-py312"],
        "backend.framework_version: has no effect beside backend.image_uri, which names the image; "
        "leave one out",
    ),
    (
        ["backend.python_version=3.11"],
        "backend.python_version: has no effect without backend.requirements, whose wheels it is "
        "for; leave it out",
    ),
    (
        ["dataset.format=parquet", "dataset.max_line_bytes=5"],
        "dataset.max_line_bytes: Parquet has no lines; leave it out",
    ),
    (
        ["runtime.block_bytes=99999999999999999999"],
        "runtime.block_bytes: should be at most 2147483647 (got 99999999999999999999)",
    ),
    (
        ['+job.env.A="a\0b"'],
        r"job.env.A: should be text without the character NUL (got 'a\x00b')",
    ),
    (
        ["+job.env.A-B=x"],
        "job.env.A-B: should be letters, digits and underscores, no digit first (got 'A-B')",
    ),
    (
        ['output.path="o\0ut"'],
        r"output.path: should be text without the character NUL (got 'o\x00ut')",
    ),
    (
        ["program=script", "program.path=x.py", 'program.arguments=["a\0b"]'],
        r"program.arguments.0: should be text without the character NUL (got 'a\x00b')",
    ),
    (
        ["resources.instance_type=m5"],
        "resources.instance_type: should be an instance type, as in ml.m5.xlarge (got 'm5')",
    ),
    (
        ["resources.instance_preferences=[{instance_type: ml.m5}]"],
        "resources.instance_preferences.0.instance_type: should be an instance type, as in "
        "ml.m5.xlarge (got 'ml.m5')",
    ),
    (
        ["backend.image_uri='x y'"],
        "backend.image_uri: should be text without blanks (got 'x y')",
    ),
    ([f"inputs.{'d' * 300}=x"], f"++inputs.{'d' * 300}.path: has a name that is too long"),
    (
        ["transform.steps.split.before=14102900"],
        "transform.steps.split: 'column' and 'before' are for method 'time', not 'hash'",
    ),
]


@pytest.mark.parametrize(("overrides", "line"), WITHOUT, ids=lambda each: str(each)[:40])
def test_a_setting_that_a_choice_does_not_have(
    composed: Composer, overrides: list[str], line: str
) -> None:
    assert refused(composed, *overrides) == [line]


def test_the_defaults_of_a_choice_are_shown(composed: Composer) -> None:
    assert composed("backend=script").backend.base_image is None
    assert composed("evaluation=logistic").evaluation.passes == 1
    assert "passes" not in composed().evaluation


# -- objects

EVERYWHERE = [
    ("+hydra.callbacks.e._target_=os.system", "hydra.callbacks.e._target_", "os.system"),
    ("hydra.callbacks.summary._target_=os.system", "hydra.callbacks.summary._target_", "os.system"),
    ("+hydra.callbacks.summary.x._target_=a.B", "hydra.callbacks.summary.x._target_", "a.B"),
    ("hydra.launcher._target_=os.system", "hydra.launcher._target_", "os.system"),
    ("hydra.sweeper._target_=os.system", "hydra.sweeper._target_", "os.system"),
    (
        "hydra.launcher._target_=hydra._internal.core_plugins.basic_sweeper.BasicSweeper",
        "hydra.launcher._target_",
        "hydra._internal.core_plugins.basic_sweeper.BasicSweeper",
    ),
    ("+hydra.sweeper.sampler._target_=os.system", "hydra.sweeper.sampler._target_", "os.system"),
    ("+hydra.sweeper.custom_search_space=a.b", "hydra.sweeper.custom_search_space", "a.b"),
]


@pytest.mark.parametrize(("override", "where", "name"), EVERYWHERE)
def test_an_object_that_hydra_would_make(
    composed: Composer, override: str, where: str, name: str
) -> None:
    short = name if len(name) <= 60 else f"{name[:30]}…{name[-29:]}"
    assert refused(composed, override) == [f"{where}: {NO_OBJECTS} (got {short!r})"]


LOGGING = [
    (
        "{h: {class: logging.handlers.SocketHandler}}",
        "h.class: a logging configuration may not name 'logging.handlers.SocketHandler'; allowed: "
        "logging.StreamHandler, logging.FileHandler, logging.NullHandler",
    ),
    (
        "{h: {class: logging.StreamHandler, stream: 'ext://os.environ'}}",
        "h.stream: a logging configuration may not name 'ext://os.environ'; allowed: "
        "ext://sys.stdout, ext://sys.stderr",
    ),
    (
        "{h: {class: '${oc.env:HOME}'}}",
        "h.class: a logging configuration may not name '${oc.env:HOME}'; allowed: "
        "logging.StreamHandler, logging.FileHandler, logging.NullHandler",
    ),
    (
        "{h: {class: logging.QueueHandler, queue: a.b}}",
        "h.queue: a logging configuration may not name 'a.b'",
    ),
]


@pytest.mark.parametrize("key", ["job_logging", "hydra_logging"])
@pytest.mark.parametrize(("handlers", "line"), LOGGING)
def test_a_logging_configuration(composed: Composer, key: str, handlers: str, line: str) -> None:
    told = refused(composed, f"+hydra.{key}.handlers={handlers}")
    assert f"hydra.{key}.handlers.{line}" in told


def test_hydras_own_objects_are_no_problem(composed: Composer) -> None:
    for choice in ("hydra/job_logging=default", "hydra/hydra_logging=hydra_debug"):
        assert composed(choice).action == "run"
    for launcher in ("basic", "fused", "joblib"):
        assert composed(f"hydra/launcher={launcher}").action == "run"
    sampler = "+hydra.sweeper.sampler._target_=optuna.samplers.TPESampler"
    assert composed(sampler).action == "run"


def test_an_object_that_a_link_brings_in(composed: Composer) -> None:
    link = "${oc.decode:'{_target_: os.system}'}"
    assert refused(composed, f'+hydra.callbacks.e="{link}"') == [
        f"hydra.callbacks.e: {link!r} has to be written out where Hydra makes objects of it"
    ]


SOURCES = {
    "experiment": f"# @package _global_\nhydra:\n  callbacks:\n    e: {TOUCH}\n",
    "hydra/job_logging": (
        "version: 1\nhandlers: {e: {'()': pathlib.Path.touch, self: made}}\n"
        "root: {level: INFO, handlers: [e]}\n"
    ),
    "dataset": f"path: x\nlabel: {TOUCH}\n",
}


@pytest.mark.parametrize("flags", [[], ["-m"], ["--cfg", "job"], ["--help"]])
@pytest.mark.parametrize("group", SOURCES)
def test_a_file_of_a_further_folder(
    headrace: Runner, tmp_path: Path, group: str, flags: list[str]
) -> None:
    (tmp_path / "more" / group).mkdir(parents=True)
    (tmp_path / "more" / group / "evil.yaml").write_text(SOURCES[group])
    ran = headrace(*flags, "--config-dir", "more", f"{group}=evil")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "Python object" in ran.stderr or "may not name" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not (tmp_path / "made").exists()
