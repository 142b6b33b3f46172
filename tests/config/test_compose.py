"""Every fault of a configuration is told in one line that says where, what, and what is right."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import DictConfig

from headrace.config.compose import Plan, compose
from headrace.config.models import JobConfig
from headrace.errors import ConfigError

Composer = Callable[..., DictConfig]
TRANSFORMS = ", ".join(
    sorted(file.stem for file in (Path(__file__).parents[2] / "transforms").glob("[a-z]*.py"))
)
NO_OBJECTS = "a configuration may name a plugin, never a Python object"
FAULTS = [
    # numbers
    (["transform.n_features=0"], ["transform.n_features: should be at least 1 (got 0)"]),
    (["transform.n_features=-3"], ["transform.n_features: should be at least 1 (got -3)"]),
    (
        ["transform.n_features=2147483648"],
        ["transform.n_features: should be at most 2147483647 (got 2147483648)"],
    ),
    (
        ["transform.n_features=abc"],
        ["transform.n_features: should be a whole number (got 'abc')"],
    ),
    (["transform.n_features=1.5"], ["transform.n_features: should be a whole number (got 1.5)"]),
    (["transform.n_features=true"], ["transform.n_features: should be a whole number (got true)"]),
    (["transform.n_features=null"], ["transform.n_features: should be a whole number (got null)"]),
    (
        ["transform.steps.feature_hasher.n_features=0"],
        ["transform.steps.feature_hasher.n_features: should be at least 1 (got 0)"],
    ),
    (
        ["transform.steps.split.train_fraction=0"],
        ["transform.steps.split.train_fraction: should be greater than 0 (got 0)"],
    ),
    (
        ["transform.steps.split.train_fraction=1"],
        ["transform.steps.split.train_fraction: should be less than 1 (got 1)"],
    ),
    (
        ["transform.steps.split.train_fraction=1.5"],
        ["transform.steps.split.train_fraction: should be less than 1 (got 1.5)"],
    ),
    (
        ["transform.steps.split.train_fraction=nan"],
        ["transform.steps.split.train_fraction: should be a finite number (got NaN)"],
    ),
    (
        ["backend.python_version=3.10"],
        [r"backend.python_version: should be text that matches ^3\.1[1-9]$ (got '3.10')"],
    ),
    (
        ["backend.requirements=['-r more.txt',pyarrow,'./a.whl']"],
        [
            "backend.requirements[0]: '-r more.txt' is an option of pip, whose own configuration "
            "is the place for it; give a package, as in 'pyarrow>=17'",
            "backend.requirements[2]: './a.whl' names a file or an address; give a package of an "
            "index, as in 'pyarrow>=17'",
        ],
    ),
    # names
    (
        ["resources.instance_cout=2"],
        ["resources.instance_cout: unknown key; did you mean 'instance_count'?"],
    ),
    (
        ["output.zzz=2"],
        [
            "output.zzz: unknown key; allowed: columns, format, header, overwrite, path, "
            "rows_per_part, tokens"
        ],
    ),
    (["+sources=2"], ["sources: unknown key; did you mean 'resources'?"]),
    (
        ["transform.steps.split.metod=hash"],
        ["transform.steps.split.metod: unknown key; did you mean 'method'?"],
    ),
    (
        ["transform.steps.feature_hashr.alternate_sign=true"],
        [
            "transform.steps.feature_hashr: no transform is called 'feature_hashr'; "
            "did you mean 'feature_hasher'?"
        ],
    ),
    (
        ["transform.steps.mine.name=zzz"],
        [f"transform.steps.mine.name: no transform is called 'zzz'; allowed: {TRANSFORMS}"],
    ),
    # choices
    (
        ["dataset.on_bad_rows=foo"],
        ["dataset.on_bad_rows: should be one of 'error', 'skip' (got 'foo')"],
    ),
    (
        ["action=pln"],
        [
            "action: should be one of 'run', 'plan', 'build', 'push', 'jobs', 'describe', 'logs', "
            "'stop', 'policy', 'pipeline', 'schema', 'look', 'import' (got 'pln')"
        ],
    ),
    (
        ["evaluation=logistic", "dataset.label_values={a:0,b:1,c:2,d:3}"],
        [
            "evaluation: a logistic regression needs labels that are 0 or 1, and "
            "dataset.label_values has 2, 3; use evaluation=linear or none for others"
        ],
    ),
    (["output.overwrite=perhaps"], ["output.overwrite: should be true or false (got 'perhaps')"]),
    # kinds
    (["dataset.numeric=I1"], ["dataset.numeric: should be a list (got 'I1')"]),
    (["dataset.label=[a]"], ['dataset.label: should be text (got ["a"])']),
    (["resources=3"], ["resources: should be a mapping of keys (got 3)"]),
    (["transform.steps.split=3"], ["transform.steps.split: should be a mapping of keys (got 3)"]),
    (
        ["~transform.steps.split", "~transform.steps.feature_hasher"],
        ["transform.steps: should not be empty"],
    ),
    (["transform.steps=3"], ["transform.steps: should be a mapping of keys (got 3)"]),
    (["dataset.label=''"], ["dataset.label: should not be empty"]),
    # what may be of several kinds, and lists
    (
        ["+transform.steps.x={name: arithmetic, before: feature_hasher, operations: [sqrt]}"],
        [
            "transform.steps.x.operations.0: should be 'log1p' or a mapping of keys (got 'sqrt')",
        ],
    ),
    (
        ["+transform.steps.x={name: arithmetic, before: feature_hasher, operations: [{sqrt: 1}]}"],
        [
            "transform.steps.x.operations.0: should be 'log1p' or a mapping with the key 'clip' or "
            "a mapping with the key 'scale' (got {\"sqrt\": 1})"
        ],
    ),
    (
        ["+transform.steps.x={name: arithmetic, before: feature_hasher, operations: [{clip: 3}]}"],
        ["transform.steps.x.operations.0.clip: should be a list (got 3)"],
    ),
    (
        ["+transform.steps.x={name: cross, before: feature_hasher, columns: [C1]}"],
        ["transform.steps.x.columns: should have at least 2 entries"],
    ),
    (
        ["job.experiment_config.Run=x"],
        [
            "job.experiment_config.Run: should be one of 'ExperimentName', 'TrialName', "
            "'TrialComponentDisplayName', 'RunName' (got 'Run')"
        ],
    ),
    (
        ["job.name=a_b"],
        ["job.name: should be text that matches ^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$ (got 'a_b')"],
    ),
    # what is missing
    (
        ["dataset=csv"],
        ["dataset.path: this key is required", "dataset.label: this key is required"],
    ),
    (["resources.instance_count=???"], ["resources.instance_count: this key is required"]),
    (
        ["job.env.HOME=${oc.env:HEADRACE_NO_SUCH_VARIABLE}"],
        [
            "job.env.HOME: '${oc.env:HEADRACE_NO_SUCH_VARIABLE}' cannot be resolved: "
            'KeyError raised while resolving interpolation: "Environment variable '
            "'HEADRACE_NO_SUCH_VARIABLE' not found\""
        ],
    ),
    (
        ["output.rows_per_part=${output.rows}"],
        [
            "output.rows_per_part: '${output.rows}' cannot be resolved: "
            "Interpolation key 'output.rows' not found"
        ],
    ),
    # Python objects
    (
        ["+transform.steps.x={_target_:os.system,command:ls}"],
        [
            f"transform.steps.x._target_: {NO_OBJECTS}",
            f"transform.steps.x: no transform is called 'x'; allowed: {TRANSFORMS}",
        ],
    ),
    (["+dataset._target_=a.B"], [f"dataset._target_: {NO_OBJECTS}"]),
    (["+job.env={_target_:a.B}"], [f"job.env._target_: {NO_OBJECTS}"]),
    (["+_target_=a.B"], [f"_target_: {NO_OBJECTS}"]),
    # what only shows when settings are seen together
    (
        ["transform.steps.split.method=time"],
        ["transform.steps.split: method 'time' needs both 'column' and 'before'"],
    ),
    (
        ["transform.steps.again.name=split"],
        ["transform.steps.again: the channels are declared by transform.steps.split already"],
    ),
    (
        ["transform.steps.split.method=shuffle", "resources.instance_count=2"],
        [
            "transform.steps.split: learns from all rows, and instances cannot tell each other "
            "what they saw; use one instance (resources.instance_count=2), or "
            "backend=pyspark"
        ],
    ),
    (
        ["evaluation=logistic", "dataset.label=null"],
        ["evaluation: needs a label to learn; say which column it is (dataset.label)"],
    ),
    (
        ["output.header=true", "output.columns=[click]", "output.tokens=true", "transform=split"],
        [
            "output.header: means nothing with output.format=npz; leave it out, or use "
            "output.format=csv",
            "output.columns: means nothing with output.format=npz; leave it out, or use "
            "output.format=csv",
            "output.tokens: lists what a hasher makes indices of, but no step of the chain "
            "hashes; leave it out",
        ],
    ),
    (
        ["evaluation=logistic", "~transform.steps.split"],
        [
            "evaluation: needs the channel 'train' and another one to judge on (got train); "
            "add the step 'split', or use evaluation=none"
        ],
    ),
    (
        ["evaluation=logistic", "resources.instance_count=2"],
        [
            "evaluation: each instance would train and judge a model of its own share of the rows; "
            "use one (resources.instance_count=2)"
        ],
    ),
    (
        [
            "evaluation=logistic",
            "evaluation.passes=0",
            "evaluation.learning_rate=9",
            "evaluation.alpha=-1",
        ],
        [
            "evaluation.passes: should be at least 1 (got 0)",
            "evaluation.learning_rate: should be at most 8 (got 9)",
            "evaluation.alpha: should be at least 0 (got -1)",
        ],
    ),
    (["dataset.numeric=[click]"], ["dataset.numeric: the column 'click' is the label already"]),
    (["dataset.categorical=[id]"], ["dataset.categorical: the column 'id' is the id already"]),
    (["dataset.id=click"], ["dataset.id: the column 'click' is the label already"]),
    (
        ["dataset.numeric=[C1]", "dataset.categorical=[C1]"],
        ["dataset.categorical: the column 'C1' is numeric already"],
    ),
    (["dataset.numeric=[C1,C1]"], ["dataset.numeric: the column 'C1' is named twice"]),
]


@pytest.mark.parametrize(("overrides", "lines"), FAULTS, ids=lambda each: " ".join(each)[:60])
def test_a_fault_is_told_in_full(
    composed: Composer, overrides: list[str], lines: list[str]
) -> None:
    with pytest.raises(ConfigError) as caught:
        compose(composed(*overrides))
    assert [str(problem) for problem in caught.value.problems] == lines


def test_nothing_is_asked_of_rows_that_nobody_evaluates(composed: Composer) -> None:
    plan = compose(composed("transform=split", "dataset.label=null", "resources.instance_count=2"))
    assert plan.config.evaluation.name == "none"


def test_all_faults_are_told_at_once(composed: Composer) -> None:
    cfg = composed(
        "dataset=csv",
        "dataset.path=x",
        "resources.instance_cout=2",
        "transform.n_features=-3",
        "transform.steps.hasher.name=feature_hashr",
        "transform.steps.split.seed=-1",
    )
    with pytest.raises(ConfigError) as caught:
        compose(cfg)
    assert str(caught.value) == (
        "5 problems in the configuration:\n"
        "  dataset.label: this key is required\n"
        "  transform.n_features: should be at least 1 (got -3)\n"
        "  transform.steps.split.seed: should be at least 0 (got -1)\n"
        "  transform.steps.hasher.name: no transform is called 'feature_hashr'; "
        "did you mean 'feature_hasher'?\n"
        "  resources.instance_cout: unknown key; did you mean 'instance_count'?"
    )


@pytest.mark.parametrize("value", ["abc", "???", "true", "${nowhere}"])
def test_a_key_that_repeats_a_wrong_one_is_not_told_again(composed: Composer, value: str) -> None:
    cfg = composed(
        f"transform.n_features={value}",
        "transform.steps.mine={name:custom_hasher,n_features:'${..feature_hasher.n_features}'}",
    )
    with pytest.raises(ConfigError) as caught:
        compose(cfg)
    assert [problem.where for problem in caught.value.problems] == ["transform.n_features"]


def test_a_right_key_repeated_in_the_wrong_place_is_told_there(composed: Composer) -> None:
    cfg = composed("transform.steps.split.train_fraction=${transform.n_features}")
    with pytest.raises(ConfigError) as caught:
        compose(cfg)
    assert [str(problem) for problem in caught.value.problems] == [
        "transform.steps.split.train_fraction: should be less than 1 (got 1048576)"
    ]


def test_the_chain_keeps_order_labels_and_defaults(composed: Composer) -> None:
    plan = compose(composed("transform.n_features=64", "transform.steps.split.seed=7"))
    assert [(step.label, step.name) for step in plan.chain] == [
        ("split", "split"),
        ("feature_hasher", "feature_hasher"),
    ]
    assert plan.chain[0].parameters == {
        "method": "hash",
        "train_fraction": 0.8,
        "test_fraction": 0.0,
        "seed": 7,
        "column": None,
        "before": None,
    }
    assert plan.chain[1].parameters == {"n_features": 64, "alternate_sign": True}
    assert type(plan.chain[0].transform).__module__ == "transforms.split"
    assert vars(plan.chain[0].transform)["seed"] == 7


def test_keys_need_no_plus_and_numbers_may_stand_for_text(composed: Composer) -> None:
    plan = compose(
        composed(
            "transform.steps.last.name=custom_hasher",
            "job.env.LEVEL=3",
            "job.name=7",
            "job.arguments=[1,b]",
            "resources.instance_count=2",
        )
    )
    assert plan.chain[-1].label == "last"
    assert plan.config.job.env == {"LEVEL": "3"}
    assert plan.config.job.name == "7"
    assert plan.config.job.arguments == ("1", "b")
    assert plan.config.resources.instance_count == 2


def test_local_paths_become_absolute_and_others_stay(
    composed: Composer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = compose(composed("dataset.path=logs/*.csv", "output.path=s3://bucket/x"))
    assert plan.config.dataset.path == str(tmp_path / "logs" / "*.csv")
    assert plan.config.output.path == "s3://bucket/x"
    plan = compose(composed("output.path=not_there/../x"))  # which the system would not find
    assert plan.config.output.path == str(tmp_path / "x")


def test_a_composed_configuration_is_the_models_own_defaults(composed: Composer) -> None:
    """conf/ states choices and repeats no default; Hydra's base node adds none of its own."""
    config = _plan(composed).config
    chosen = {"backend", "target", "dataset", "transform", "output", "evaluation"}
    plain = {key: getattr(config, key).model_dump(exclude_unset=True) for key in chosen}
    bare = JobConfig.model_validate(
        {
            "backend": {"name": "sklearn"},
            "target": {"name": "local"},
            "dataset": {"path": config.dataset.path, "label": "click", "id": "id", "time": "hour"},
            "transform": {"steps": plain["transform"]["steps"]},
            "output": {"path": config.output.path},
        }
    )
    assert config == bare


def test_errors_survive_the_way_between_processes(composed: Composer) -> None:
    cfg = composed("transform.n_features=0", "dataset.label=null", "dataset.id=[]")
    with pytest.raises(ConfigError) as caught:
        compose(cfg)
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301
    assert again.problems == caught.value.problems
    assert str(again) == str(caught.value)


def _plan(composed: Composer) -> Plan:
    return compose(composed())
