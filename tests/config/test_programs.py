"""Programs, inputs and outputs as they are written: on the command line, in files, from Python."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

from headrace.config.compose import compose
from headrace.config.models import JobConfig
from headrace.config.program.channels import OutputSettings
from headrace.config.program.models import ScriptProgram
from headrace.config.program.overrides import program_overrides
from headrace.config.program.shorthands import spell_out_in, spelled_out
from headrace.errors import ConfigError

Composer = Callable[..., DictConfig]
SCRIPT = ("program=script", "program.path=/a/prepare.py")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test is in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def checked(composed: Composer) -> Callable[..., JobConfig]:
    return lambda *overrides: compose(composed(*SCRIPT, *overrides)).config


@pytest.fixture
def refused(composed: Composer) -> Callable[..., list[str]]:
    def refuse(*overrides: str) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            compose(composed(*overrides))
        return [str(problem) for problem in caught.value.problems]

    return refuse


# -- arguments


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ((), ()),
        (("program.arguments.split=0.80",), ("--split", "0.80")),
        (("program.arguments={a: 1e5, b: true}",), ("--a", "1e5", "--b")),
        (
            ("program.arguments.verbose=true", "program.arguments.quiet=false"),
            ("--verbose",),
        ),
        (("program.arguments.a=null", "program.arguments.b=[]"), ()),
        (("program.arguments.columns=[age,1.0,true]",), ("--columns", "age", "1.0", "true")),
        (('program.arguments.flag="true"',), ("--flag", "true")),
        (("program.arguments={-v: true, -n: 3}",), ("-v", "-n", "3")),
        (("program.arguments=[a,1e5,true]",), ("a", "1e5", "true")),
    ],
)
def test_arguments(
    checked: Callable[..., JobConfig], overrides: tuple[str, ...], words: tuple[str, ...]
) -> None:
    assert checked(*overrides).program.words == words


def test_an_argument_that_is_none(refused: Callable[..., list[str]]) -> None:
    assert refused(*SCRIPT, "program.arguments.a.b=1") == [
        'program.arguments: an argument is a text or a number (got {"b": 1})'
    ]
    assert refused(*SCRIPT, "program.arguments=all") == [
        "program.arguments: should be a list, or a mapping of options (got 'all')"
    ]


def test_a_shell_of_sparks_image_would_change_an_argument(
    refused: Callable[..., list[str]],
) -> None:
    assert refused(*SCRIPT, "backend=pyspark", 'program.arguments.name="a b"') == [
        "program.arguments: the image hands it to a shell as it is, which would change 'a b'; "
        "quote it for one"
    ]


# -- inputs and outputs


def test_inputs_and_outputs_in_full(checked: Callable[..., JobConfig]) -> None:
    config = checked(
        "inputs={a: {path: x/a, sharded: true}}",
        "inputs.b.path=s3://bucket/b/",
        "+inputs.b.at=/opt/ml/processing/b",
        "outputs.train.upload=Continuous",
        "+outputs.test={}",
    )
    assert [each.path for each in config.inputs.values()] == [
        str(Path("x/a").absolute()),
        "s3://bucket/b/",
    ]
    assert config.inputs["a"].sharded
    assert config.inputs["b"].at == "/opt/ml/processing/b"
    assert config.outputs == {
        "train": OutputSettings(upload="Continuous"),
        "test": OutputSettings(),
    }


@pytest.mark.parametrize("plus", ["", "+", "++"])
def test_an_input_is_its_path(checked: Callable[..., JobConfig], plus: str) -> None:
    config = checked("inputs.a.at=/opt/ml/processing/a", f"{plus}inputs.a=2014")
    assert config.inputs["a"].path == str(Path("2014").absolute())
    assert config.inputs["a"].at == "/opt/ml/processing/a"


@pytest.mark.parametrize("plus", ["", "+"])
def test_outputs_are_their_names(checked: Callable[..., JobConfig], plus: str) -> None:
    config = checked("outputs.old={}", f"{plus}outputs=[train,validation]")
    assert list(config.outputs) == ["train", "validation"]
    assert list(checked("outputs={train: null}").outputs) == ["train"]


@pytest.mark.parametrize(
    ("override", "full"),
    [
        ("inputs.a=b", ["++inputs.a.path=b"]),
        ("+inputs.a='b c'", ["++inputs.a.path='b c'"]),
        ("inputs.a=x,y", ["++inputs.a.path=x,y"]),
        ("inputs.a=null", ["++inputs.a=null"]),
        ("inputs.a={path: b}", ["++inputs.a={path: b}"]),
        ("inputs.a.path=b", ["++inputs.a.path=b"]),
        ("outputs=[a,b]", ["~outputs", "+outputs={a: {},b: {}}"]),
        ("outputs=[]", ["~outputs", "+outputs={}"]),
        ("outputs=[a],[b]", ["outputs=[a],[b]"]),
        ("outputs=[1]", ["~outputs", "+outputs=[1]"]),
        ("outputs=[a,a]", ["~outputs", "+outputs=[a,a]"]),
        ("outputs={a: {}}", ["outputs={a: {}}"]),
        ("~inputs.a", ["~inputs.a"]),
        ("inputs.a=b=c", ["++inputs.a=b=c"]),
        ("output.path=a", ["output.path=a"]),
    ],
)
def test_shorthands(override: str, full: list[str]) -> None:
    assert spelled_out([override]) == full


def test_shorthands_in_files() -> None:
    config = OmegaConf.create(
        {"inputs": {"a": "x", "b": {"path": "y"}, "c": "${dataset.path}"}, "outputs": ["t", "v"]}
    )
    spell_out_in(config)
    assert OmegaConf.to_container(config) == {
        "inputs": {"a": {"path": "x"}, "b": {"path": "y"}, "c": {"path": "${dataset.path}"}},
        "outputs": {"t": {}, "v": {}},
    }


def test_a_file_of_ones_own(
    composed: Composer, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in {
        "program/churn": "name: script\npath: churn.py\narguments: {split: 0.50}\n",
        "experiment/monthly": "# @package _global_\n"
        "defaults:\n  - override /program: churn\n"
        "inputs: {customers: data/all.csv}\noutputs: [train]\n",
    }.items():
        file = elsewhere / f"conf/{name}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    from headrace.config import defaults
    from headrace.config.hydra import session

    with defaults.run_folder_is("out"):
        config = compose(
            session.composed(["experiment=monthly", "inputs.customers.sharded=true"])
        ).config
    assert config.program == ScriptProgram(
        name="script", path=str(elsewhere / "churn.py"), arguments={"split": "0.50"}
    )
    assert config.inputs["customers"].path == str(elsewhere / "data/all.csv")
    assert config.inputs["customers"].sharded
    assert list(config.outputs) == ["train"]


def test_what_is_wrong_with_inputs_and_outputs(refused: Callable[..., list[str]]) -> None:
    assert refused(*SCRIPT, "inputs.a.pth=x", "outputs.b.uplod=Continuous") == [
        "inputs.a.pth: unknown key; did you mean 'path'?",
        "outputs.b.uplod: unknown key; did you mean 'upload'?",
    ]
    assert refused(
        *SCRIPT,
        "inputs.a.sharded=true",
        "inputs.b={path: x, compression: Gzip, data_type: ManifestFile}",
        "outputs.c.path=/tmp/c",
        "outputs.d.feature_group=ctr",
    ) == [
        "inputs.a.path: this key is required, or one of athena, redshift",
        "inputs.b.compression: SageMaker unpacks in Pipe mode only; set mode=Pipe, or leave it out",
        "inputs.b.data_type: a manifest lies on S3, as in path=s3://bucket/my.manifest",
        "outputs.c.path: should be s3://… (got '/tmp/c'); without it, outputs.c goes below "
        "output.path",
        "outputs.d.feature_group: the program itself writes to a feature group; set "
        "outputs.d.app_managed=true",
    ]


@pytest.mark.parametrize("path", ["prepare.py", "scripts/prepare.py"])
def test_a_script_in_the_place_of_a_choice(refused: Callable[..., list[str]], path: str) -> None:
    hint = f"'{path}' is no choice; write program=script program.path={path}"
    assert refused(f"program={path}") == [f"program: {hint}"]


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("inputs=a.csv", "each input has a name, as in inputs.customers=PATH (got 'a.csv')"),
        ("inputs=[a.csv]", 'each input has a name, as in inputs.customers=PATH (got ["a.csv"])'),
        ("outputs=[1,a]", 'should be a list of names, as in outputs=[train] (got [1, "a"])'),
        ("outputs=[a,a]", 'should name each output once (got ["a", "a"])'),
        ("outputs=train", "should be a list of names, as in outputs=[train] (got 'train')"),
    ],
)
def test_an_input_without_a_name_and_an_output_without_a_list(
    override: str, problem: str, refused: Callable[..., list[str]]
) -> None:
    assert refused(*SCRIPT, override) == [f"{override.partition('=')[0]}: {problem}"]


def test_a_chain_has_outputs_of_its_own(composed: Composer) -> None:
    plan = compose(composed("inputs.lookup=table.csv"))
    assert list(plan.config.inputs) == ["lookup"]
    with pytest.raises(ConfigError) as caught:
        compose(composed("outputs=[train]"))
    assert [str(problem) for problem in caught.value.problems] == [
        "outputs: the chain delivers its own channels; leave it out, or choose program=script"
    ]


def test_what_a_job_runs_on(refused: Callable[..., list[str]]) -> None:
    assert refused(
        "resources.instance_type=ml.c5.xlarge",
        "resources.instance_preferences=[{instance_type: ml.m5.large}]",
        "resources.max_runtime_minutes=5",
        "resources.max_runtime_seconds=5",
    ) == [
        "resources.instance_type: has no effect beside resources.instance_preferences; leave one "
        "out",
        "resources.max_runtime_minutes: has no effect beside resources.max_runtime_seconds; leave "
        "one out",
    ]
    assert refused("resources.max_runtime_minutes=12961") == [
        "resources.max_runtime_minutes: should be at most 12960 (got 12961)"
    ]


# -- what belongs to the chain


def test_a_chains_settings_have_no_effect_on_a_script(refused: Callable[..., list[str]]) -> None:
    assert refused(
        *SCRIPT,
        "transform=hashing",
        "transform.n_features=3",
        "+transform.steps.mine.name=split",
        "dataset=avazu",
        "evaluation=logistic",
        "runtime.threads=2",
        "output.format=csv",
        "output.overwrite=true",
    ) == [
        f"{key}: has no effect with program=script; leave it out"
        for key in (
            "transform",
            "transform.n_features",
            "transform.steps.mine.name",
            "dataset",
            "evaluation",
            "runtime.threads",
            "output.format",
        )
    ]


def test_the_defaults_of_the_chain_are_ignored(checked: Callable[..., JobConfig]) -> None:
    config = checked()
    assert (config.dataset.label, config.evaluation.name) == (None, "none")
    assert checked("backend=pyspark").backend.requirements == ()


def test_keys_of_another_program(refused: Callable[..., list[str]]) -> None:
    assert refused("program.arguments.a=1") == [
        "program.arguments: program=chain has no such key (it is one of program=script, "
        "program=image); allowed: name"
    ]
    assert refused("program=script") == ["program.path: this key is required"]


def test_a_width_of_the_chain_may_be_an_argument(checked: Callable[..., JobConfig]) -> None:
    config = checked("program.arguments.width=${transform.n_features}")
    assert config.program.words == ("--width", "1048576")


# -- requirements


def test_requirements_of_a_file(checked: Callable[..., JobConfig], elsewhere: Path) -> None:
    file = elsewhere / "requirements.txt"
    file.write_text("# ours\npandas==2.2.3  # for the join\n\nnumpy \\\n  >=2\n")
    config = checked("backend.requirements=requirements.txt")
    assert config.backend.requirements == ("pandas==2.2.3", "numpy   >=2")


def test_requirements_that_cannot_be_read(
    refused: Callable[..., list[str]], elsewhere: Path
) -> None:
    (elsewhere / "a.txt").write_bytes(b"\xff")
    (elsewhere / "b.txt").write_text("-r other.txt\n")
    assert refused("backend.requirements=no.txt") == [
        "backend.requirements: cannot read 'no.txt': No such file or directory; give a file of "
        "requirements, or a list"
    ]
    assert refused("backend.requirements=a.txt") == ["backend.requirements: 'a.txt' is not UTF-8"]
    assert refused("backend.requirements=b.txt") == [
        "backend.requirements[0]: '-r other.txt' is an option of pip, whose own configuration is "
        "the place for it; give a package, as in 'pyarrow>=17'"
    ]


# -- from Python


@pytest.mark.parametrize(
    ("given", "overrides"),
    [
        ((None, None, None), []),
        (("churn", None, ["train"]), [{"program": "churn"}, {"outputs": ["train"]}]),
        (
            (Path("a.py"), {"x": "d.csv"}, None),
            [{"program": "script", "program.path": Path("a.py")}, {"inputs.x": "d.csv"}],
        ),
        (
            ({"path": "a.py", "arguments": {"n": 1}}, None, None),
            [{"program": "script"}, {"program.path": "a.py"}, {"program.arguments.n": 1}],
        ),
        (({"name": "image"}, None, None), [{"program": "image"}]),
        (
            (None, {"x": {"path": "d.csv", "sharded": True}}, {"t": None, "v": {"at": "/v"}}),
            [
                {"inputs.x.path": "d.csv"},
                {"inputs.x.sharded": True},
                "+outputs.t={}",
                "+outputs.v={}",
                {"outputs.v.at": "/v"},
            ],
        ),
    ],
)
def test_a_program_from_python(given: Any, overrides: list[Any]) -> None:
    assert list(program_overrides(*given)) == overrides


def test_types_that_python_may_not_give() -> None:
    with pytest.raises(TypeError, match=r"outputs is a list of names or a dict \(got 'train'\)"):
        list(program_overrides(None, None, "train"))
    with pytest.raises(TypeError, match=r"inputs is a dict, name → path \(got \['x'\]\)"):
        list(program_overrides(None, ["x"], None))  # type: ignore[arg-type]
