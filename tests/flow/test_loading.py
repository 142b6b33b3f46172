"""A flow is read with the types of its parameters; what is wrong is told in one pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from headrace import compile_flow
from headrace.config.flow import note_in
from headrace.errors import ConfigError
from headrace.flow import graph
from headrace.flow.loading import common_overrides, flow_config, has_flow, typed
from tests.flow.flows import project


def problems(**flow: Any) -> list[str]:
    """What is wrong with a flow, without Hydra."""
    flow.setdefault("jobs", {"a": ["program=script"], "b": ["inputs.x=${output:a.out}"]})
    with pytest.raises(ConfigError) as caught:
        graph.order(flow_config(OmegaConf.create({"flow": flow})))
    return [str(each) for each in caught.value.problems]


WHEN = {"output": "a.out", "file": "m.json", "path": "auc", "at_least": 0.5}


@pytest.mark.parametrize(
    ("flow", "lines"),
    [
        ({"jobs": {}}, ["flow.jobs: this key is required: a flow has jobs, as in jobs: "
                        "{prepare: [transform=split]}"]),
        ({"jobs": ["a"]}, ["flow.jobs: each job has a label, as in prepare: [transform=split] "
                           "(got [\"a\"])"]),
        (
            {"jobs": {"a": ["${output:b.o}"], "b": ["${output:c.o}"], "c": ["${output:a.o}"]}},
            ["flow.jobs: jobs need each other in a circle: a → b → c → a"],
        ),
        ({"jobs": {"a": ["x=${output:a.o}"]}},
         ["flow.jobs: jobs need each other in a circle: a → a"]),
        (
            {"jobs": {"prepare": [], "fit": ["x=${output:prepar.train}", "y=${param:day}"]}},
            [
                "flow.jobs.fit: there is no job 'prepar'; did you mean 'prepare'?",
                "flow.jobs.fit: there is no parameter 'day'; declare it",
            ],
        ),
        ({"parameters": {"day": 1}, "jobs": {"a": ["x=${param:dya}"]}},
         ["flow.jobs.a: there is no parameter 'dya'; did you mean 'day'?"]),
        ({"jobs": {"a": [], "b": ["x=${output:a}"]}},
         ["flow.jobs.b: should name a job and its output, as in ${output:prepare.train} "
          "(got ${output:a})"]),
        ({"jobs": {"a": {"after": ["c"]}}}, ["flow.jobs.a.after: there is no job 'c'; allowed: a"]),
        ({"jobs": {"a": {"raw": {"Arguments": {}}}}},
         ["flow.jobs.a.raw: a raw step has a Type, as in {Type: Training, Arguments: {}}"]),
        ({"jobs": {"a": {"raw": {"Type": "Fail"}, "overrides": ["x=1"]}}},
         ["flow.jobs.a: is a raw step or has overrides, not both"]),
        ({"jobs": {"a": {"overides": []}}},
         ["flow.jobs.a.overides: unknown key; did you mean 'overrides'?"]),
        ({"when": {"c": WHEN}}, ["flow.when.c: there is no job 'c'; allowed: a, b"]),
        ({"when": {"b": {**WHEN, "output": "c.out"}}},
         ["flow.when.b.output: there is no job 'c'; allowed: a, b"]),
        ({"when": {"b": {**WHEN, "output": "a"}}},
         ["flow.when.b.output: should be job.channel, as in fit.report (got 'a')"]),
        ({"when": {"b": {**WHEN, "below": 1}}},
         ["flow.when.b: needs one of equals, one_of, at_least, at_most, above, below "
          "(got at_least, below)"]),
        ({"when": {"b": {**WHEN, "at_least": "much"}}},
         ["flow.when.b.at_least: should be a number (got 'much')"]),
        ({"when": {"b": {**WHEN, "at_least": "${param:x}"}}},
         ["flow.when.b.at_least: there is no parameter 'x'; declare it"]),
        ({"when": {"b": {key: WHEN[key] for key in ("output", "file", "at_least")}}},
         ["flow.when.b.path: this key is required"]),
        ({"when": {"b": [WHEN, {**WHEN, "path": ""}]}},
         ["flow.when.b.1.path: should be text that matches [^.\\[\\]] (got '')"]),
        ({"when": {"b": {**WHEN, "file": "x/../../m.json"}}},
         ["flow.when.b.file: should be a path in a.out (got 'x/../../m.json')"]),
        ({"jobs": {"a": {"cache": {"expire_after": "3"}}}},
         ["flow.jobs.a.cache.expire_after: should be text of at least 3 characters (got '3')"]),
        ({"jobs": {"a": {"retry": {"max_attempts": 99}}}},
         ["flow.jobs.a.retry.max_attempts: should be at most 20 (got 99)"]),
        ({"parameters": {"width": "x"}, "types": {"width": "Integer"}},
         ["flow.parameters.width: should be a whole number (got 'x')"]),
        ({"parameters": {"widht": 1, "day": 2}, "types": {"width": "Integer", "day": "Integer"}},
         ["flow.parameters.widht: unknown parameter; did you mean 'width'?",
          "flow.types.width: has a type and no default; add it to flow.parameters"]),
        ({"parallel": 0}, ["flow.parallel: should be at least 1 (got 0)"]),
        ({"jobz": {}}, ["flow.jobz: unknown key; did you mean 'jobs'?"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(flow: dict[str, Any], lines: list[str]) -> None:
    assert problems(**flow) == lines


@pytest.mark.parametrize(
    ("given", "kind", "expected"),
    [
        ("012", "String", "012"),
        (True, "String", "true"),
        ("12", "Integer", 12),
        ("0.5", "Float", 0.5),
        (3, "Float", 3.0),
        ("false", "Boolean", False),
    ],
)
def test_a_value_gets_the_type_of_its_parameter(given: Any, kind: Any, expected: object) -> None:
    value = typed(given, kind)
    assert (value, type(value)) == (expected, type(expected))


@pytest.mark.parametrize(("given", "kind"), [("1.5", "Integer"), ("nan", "Float"), (1, "Boolean")])
def test_a_value_of_another_type_is_refused(given: Any, kind: Any) -> None:
    with pytest.raises(ValueError, match=r"^should be "):
        typed(given, kind)


def test_the_order_follows_what_jobs_use_and_else_the_file() -> None:
    jobs = {"d": ["x=${output:c.o}"], "a": [], "c": {"after": ["b"]}, "b": []}
    when = {"a": {**WHEN, "output": "b.out"}}
    order = graph.order(flow_config(OmegaConf.create({"flow": {"jobs": jobs, "when": when}})))
    assert order == {"b": (), "a": ("b",), "c": ("b",), "d": ("c",)}


def test_each_job_gets_what_was_typed_beside_the_flow() -> None:
    typed_overrides = ["flow=x", "flow.parameters.a=1", "action=plan", "output.path=x", "name=n"]
    kept = ["target=container", "output.format=csv", "job.role=x", "+job.tags.flow=y"]
    assert common_overrides([*typed_overrides, "start=true", *kept]) == kept


def test_a_configuration_without_a_flow_has_none() -> None:
    assert not has_flow(OmegaConf.create({"flow": {"jobs": {}, "parallel": 1}}))
    assert has_flow(OmegaConf.create({"flow": {"jobs": {"a": []}}}))
    assert has_flow(OmegaConf.create({"flow": "typo"}))


@pytest.mark.parametrize(
    ("given", "root"),
    [("~/out", "home/out"), ("~nobody-of-here/out", "~nobody-of-here/out"), ("sub/../out", "out"),
     (2024, "2024")],
)  # fmt: skip
def test_the_place_of_a_flow_is_a_path_from_the_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: object, root: str
) -> None:
    monkeypatch.chdir(project(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    flow = compile_flow("flow=ctr", {"output.path": given}).flow
    assert flow.root == str(tmp_path / root)
    assert flow.jobs["fit"].place == str(tmp_path / root / "fit")


@pytest.mark.parametrize(
    ("given", "what"),
    [([1], "should be text (got [1])"), (None, "should be text (got null)"),
     ("", "should not be empty")],
)  # fmt: skip
def test_a_place_that_is_no_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: object, what: str
) -> None:
    monkeypatch.chdir(project(tmp_path))
    with pytest.raises(ConfigError) as caught:
        compile_flow("flow=ctr", {"output.path": given})
    assert [str(each) for each in caught.value.problems] == [f"output.path: {what}"]


def test_a_file_gives_the_flow_its_name_and_types(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project(tmp_path))
    flow = compile_flow("flow=ctr", "flow.parameters.day=012", {"flow.parameters.depth": 4}).flow
    assert flow.name == "ctr"
    assert flow.config.types == {"day": "String", "depth": "Integer"}
    assert flow.config.parameters == {"day": "012", "depth": 4}
    assert flow.root == str(tmp_path / "outputs" / "flows" / "ctr")
    assert {label: job.needs for label, job in flow.jobs.items()} == {
        "prepare": (), "fit": ("prepare",), "judge": ("prepare", "fit"),
    }  # fmt: skip
    assert flow.jobs["fit"].configured.config.inputs["rows"].path == str(
        tmp_path / "outputs" / "flows" / "ctr" / "prepare" / "train"
    )


def test_a_list_in_the_place_of_a_mapping_is_told_before_it_is_merged() -> None:
    config = OmegaConf.create({"flow": {"parameters": ["day"], "jobs": ["a"]}})
    with pytest.raises(ConfigError) as caught:
        note_in(config, "flow/ctr.yaml")
    assert [str(each) for each in caught.value.problems] == [
        'flow.parameters: should be a mapping of keys (got ["day"])',
        'flow.jobs: each job has a label, as in prepare: [transform=split] (got ["a"])',
    ]


def test_wrong_jobs_are_told_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project(tmp_path))
    inputs = "inputs.r=${output:prepare.trian}"
    jobs = {
        "flow.jobs.fit": ["program=script", "program.path=fit.py", inputs],
        "flow.jobs.judge": ["resources.instance_count=0", "program=image"],
        "+flow.jobs.rows": [
            "dataset=csv", "dataset.label=a", "dataset.categorical=[b]",
            "dataset.path=[data/raw.csv,${output:prepare.train}]",
        ],
    }  # fmt: skip
    with pytest.raises(ConfigError) as caught:
        compile_flow("flow=ctr", jobs, "~flow.when.judge")
    assert [str(each) for each in caught.value.problems] == [
        "flow.jobs.fit: the job 'prepare' has no output 'trian'; did you mean 'train'?",
        "flow.jobs.judge: resources.instance_count: should be at least 1 (got 0)",
        "flow.jobs.rows: dataset.path: a list names files that are there before the flow runs; "
        "name the output of one job, without a list (got ${output:prepare.train})",
    ]
    jobs = {"flow.jobs.fit": ["flow=sample"], "flow.jobs.prepare": ["action=plan"]}
    with pytest.raises(ConfigError) as caught:
        compile_flow("flow=ctr", jobs, "~flow.jobs.judge", "~flow.when.judge")
    assert [str(each) for each in caught.value.problems] == [
        "flow.jobs.prepare: action: is that of the whole flow; leave it out",
        "flow.jobs.fit: flow: a job of a flow is no flow; leave it out",
    ]
    place = tmp_path / "outputs/flows/ctr/prepare"
    two = {"flow.jobs.judge": ["program=script", "program.path=judge.py", f"output.path={place}/x"]}
    with pytest.raises(ConfigError) as caught:
        compile_flow("flow=ctr", two)
    assert [str(each) for each in caught.value.problems] == [
        f"flow.jobs.judge: writes to '{place}/x', and 'prepare' to '{place}'; give each a place "
        "of its own",
    ]


def test_the_outputs_of_a_raw_step_are_its_properties(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project(tmp_path))
    train = "+flow.jobs.train={raw: {Type: Training, Arguments: {}}}"
    fit = ["program=script", "program.path=fit.py", "inputs.model=${output:train.model}"]
    with pytest.raises(ConfigError) as caught:
        compile_flow("flow=ctr", train, "~flow.jobs.judge", "~flow.when", {"flow.jobs.fit": fit})
    assert [str(each) for each in caught.value.problems] == [
        "flow.jobs.fit: 'train' is a raw step, whose outputs are properties of the step, as in "
        "${output:train.ModelArtifacts.S3ModelArtifacts} (got 'model')"
    ]


def test_the_shipped_flow_is_right_and_a_chain_s_figures_are_known_before_it_runs() -> None:
    flow = compile_flow("flow=sample").flow
    assert {label: job.needs for label, job in flow.jobs.items()} == {
        "narrow": (),
        "wide": ("narrow",),
    }
    for key, value, what in (
        ("file", "evaluation.jsn", "narrow.report has no file 'evaluation.jsn'; did you mean "
         "'evaluation.json'?"),
        ("output", "narrow.train", "narrow.train holds rows; figures are in narrow.report"),
    ):  # fmt: skip
        with pytest.raises(ConfigError) as caught:
            compile_flow("flow=sample", f"flow.when.wide.{key}={value}")
        assert [str(each) for each in caught.value.problems] == [f"flow.when.wide.{key}: {what}"]
