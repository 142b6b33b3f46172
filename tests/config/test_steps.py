"""Steps are left out and put in from the command line, as if conf/ had them so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import DictConfig

from headrace.api import compile
from headrace.config.compose import Plan, compose
from headrace.config.steps import arranged
from headrace.errors import ConfigError

Composer = Callable[..., DictConfig]
RARE = "name: rare_values, min_count: 2"
ORDERS: dict[str, tuple[list[str], list[str]]] = {
    "left out by Hydra": (["~transform.steps.split"], ["feature_hasher"]),
    "left out by null": (["transform.steps.split=null"], ["feature_hasher"]),
    "behind": (
        ["+transform.steps.x={after: split, " + RARE + "}"],
        ["split", "x", "feature_hasher"],
    ),
    "in front": (
        ["+transform.steps.x={before: feature_hasher, " + RARE + "}"],
        ["split", "x", "feature_hasher"],
    ),
    "the first of all": (
        ["+transform.steps.x={before: split, " + RARE + "}"],
        ["x", "split", "feature_hasher"],
    ),
    "two behind one": (
        [
            "+transform.steps.x={after: split, " + RARE + "}",
            "+transform.steps.time_features={after: split}",
        ],
        ["split", "x", "time_features", "feature_hasher"],
    ),
    "behind one that is put in": (
        [
            "+transform.steps.x={after: time_features, " + RARE + "}",
            "+transform.steps.time_features={after: split}",
        ],
        ["split", "time_features", "x", "feature_hasher"],
    ),
    "null for no place and no other name": (
        ["+transform.steps.rare_values={after: null, before: feature_hasher, name: null}"],
        ["split", "rare_values", "feature_hasher"],
    ),
    "one that is there moves": (
        ["+transform.steps.split.after=feature_hasher"],
        ["feature_hasher", "split"],
    ),
    "out and in again": (
        [
            "~transform.steps.split",
            "+transform.steps.s={before: feature_hasher, name: rare_values}",
        ],
        ["s", "feature_hasher"],
    ),
}


@pytest.mark.parametrize("case", ORDERS)
def test_the_order(composed: Composer, case: str) -> None:
    overrides, expected = ORDERS[case]
    chain = compose(composed(*overrides)).chain
    assert [step.label for step in chain] == expected
    for step in chain:
        assert "after" not in step.parameters


def meaning(plan: Plan) -> list[tuple[str, str, dict[str, Any]]]:
    return [(step.label, step.name, step.parameters) for step in plan.chain]


def test_a_chain_made_so_has_the_digest_of_the_same_in_yaml(tmp_path: Path) -> None:
    conf = tmp_path / "conf/transform"
    conf.mkdir(parents=True)
    text = (
        "steps:\n  split: {}\n  rare_values: {min_count: 2}\n  feature_hasher: {n_features: 64}\n"
    )
    (conf / "written.yaml").write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        written = compile("transform=written", "output.path=o")
        typed = compile(
            "output.path=o",
            "transform.steps.feature_hasher.n_features=64",
            "+transform.steps.rare_values={after: split, min_count: 2}",
        )
    assert written.job.program.sha256 == typed.job.program.sha256


FAULTS = [
    (["~transform.steps.splt"],
     "~transform.steps.splt: there is no step 'splt'; did you mean 'split'?"),
    (["transform.steps.splt=null"],
     "transform.steps.splt: there is no step 'splt'; did you mean 'split'?"),
    (["+transform.steps.zzz=null"],
     "transform.steps.zzz: there is no step 'zzz'; allowed: feature_hasher, split"),
    (["+transform.steps.x={after: splt, name: rare_values}"],
     "transform.steps.x.after: there is no other step 'splt'; did you mean 'split'?"),
    (["+transform.steps.x={after: [split], name: rare_values}"],
     "transform.steps.x.after: there is no other step '[\"split\"]'; did you mean 'split'?"),
    (["+transform.steps.x={before: x, name: rare_values}"],
     "transform.steps.x.before: there is no other step 'x'; allowed: feature_hasher, split"),
    (["+transform.steps.x={after: split, before: feature_hasher, name: rare_values}"],
     "transform.steps.x: takes one place: 'after' or 'before', not both"),
    (["+transform.steps.x={after: y, name: rare_values}",
      "+transform.steps.y={before: x, name: rare_values}"],
     "transform.steps.x: the steps 'x', 'y' are placed by each other; leave one 'after' or "
     "'before' out"),
    (["~transform.steps.split", "+transform.steps.x={after: split, name: rare_values}"],
     "transform.steps.x.after: there is no other step 'split'; allowed: feature_hasher"),
    (["transform.steps.split=null", "transform.steps.feature_hasher=null"],
     "transform.steps: all steps are left out; a chain needs one at least"),
    (["+transform.steps.x={aftr: split, name: rare_values}"],
     "transform.steps.x.aftr: unknown key; did you mean 'after'?"),
    (["+transform.steps.join={input: sites, key: a, columns: [b]}"],
     "transform.steps.join: there is no input 'sites'; inputs.sites=PATH brings the table"),
    (["+transform.steps.join={input: sites, key: a, columns: [b]}", "+inputs.site=s3://b/x/"],
     "transform.steps.join: there is no input 'sites'; did you mean 'site'?"),
    (["+transform.steps.join={input: t, key: a, columns: [b]}",
      "+inputs.t={path: 's3://b/x/', sharded: true}"],
     "inputs.t.sharded: every instance needs the whole table; leave it out (transform.steps.join "
     "reads it)"),
    (["+transform.steps.join={input: t, key: a, columns: [b]}",
      "+inputs.t={path: 's3://b/x/', mode: Pipe}"],
     "inputs.t.mode: the table is read as files; leave it out (transform.steps.join reads it)"),
]  # fmt: skip


@pytest.mark.parametrize(("overrides", "message"), FAULTS, ids=lambda each: str(each)[:60])
def test_what_is_wrong_is_told(composed: Composer, overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        compose(composed(*overrides))
    assert [str(problem) for problem in caught.value.problems] == [message]


def test_a_split_keeps_its_own_before(composed: Composer) -> None:
    plan = compose(
        composed(
            "transform.steps.split.method=time",
            "+transform.steps.split.column=hour",
            "+transform.steps.split.before=14102300",
        )
    )
    assert plan.chain[0].parameters["before"] == "14102300"


@given(st.permutations("abcdef"), st.data())
def test_each_step_is_where_it_was_put(labels: list[str], data: st.DataObject) -> None:
    """Whatever the order of writing; a step is put beside one that was there before it was."""
    steps: dict[str, Any] = {}
    for number, label in enumerate(labels):
        places = (
            [{}]
            if number < 2
            else [{key: o} for key in ("after", "before") for o in labels[:number]]
        )
        steps[label] = data.draw(st.sampled_from(places))
    made, problems = arranged(dict(data.draw(st.permutations(list(steps.items())))), lambda _: ())
    order = list(made)
    assert (sorted(order), problems) == (sorted(labels), [])
    assert all(not raw for raw in made.values())
    for label, place in steps.items():
        for key, other in place.items():
            is_behind = order.index(label) > order.index(other)
            assert is_behind == (key == "after")
