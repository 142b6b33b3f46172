"""References in overrides are replaced as Hydra's grammar wants it."""

from __future__ import annotations

from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from headrace.config.flow import Scalar
from headrace.config.hydra.session import texts_of
from headrace.flow.references import Reference, pieces, references, replaced, whole, without_escapes

VALUES: dict[str, Scalar] = {
    "day": "2014-10-21",
    "odd": "a,b 'c' ${x} \\",
    "width": 64,
    "deep": True,
    "rate": 0.5,
}


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("dataset.path=s3://b/${param:day}/", "s3://b/2014-10-21/"),
        ("dataset.path=${param:odd}", VALUES["odd"]),
        ("dataset.path=x/${param:odd}/y", f"x/{VALUES['odd']}/y"),
        ("transform.n_features=${param:width}", 64),
        ("transform.n_features=${ param : width }", 64),
        ("a=${param:rate}", 0.5),
        ("a=${param:deep}", True),
        ("a=[${param:odd},2]", [VALUES["odd"], 2]),
        ("a={b:${param:odd},c:${param:width}}", {"b": VALUES["odd"], "c": 64}),
        ("a=${other.key}", "${other.key}"),
    ],
)
def test_what_is_put_in_is_what_hydra_reads(override: str, expected: object) -> None:
    text = replaced(override, lambda each: VALUES[each.name])
    value = OverridesParser.create().parse_override(text).value()
    if expected == VALUES["odd"]:  # OmegaConf undoes this escape
        value = str(value).replace("\\${", "${")
    if isinstance(expected, str) and "odd" not in override:
        assert str(value) == expected
    elif "odd" not in override:
        assert value == expected
    else:
        assert repr(value).replace("\\\\${", "${") == repr(expected)


def test_references_are_found_wherever_they_stand() -> None:
    found = list(references({"a": ["x${param:day}", {"b": "${output:fit.model}/m"}], "c": 3}))
    assert found == [Reference("param", "day"), Reference("output", "fit.model")]
    assert (found[1].job, found[1].channel) == ("fit", "model")
    assert str(found[1]) == "${output:fit.model}"
    assert pieces("a${param:x}b") == ["a", Reference("param", "x"), "b"]
    assert whole("${param:x}") == Reference("param", "x")
    assert whole("${param:x}/") is None
    assert whole(3) is None


@pytest.mark.parametrize("text", ["x=${param:a}", "x=[y,${ output:a.b }]", "x=\\\\${param:a}"])
def test_what_a_dict_of_overrides_escapes_is_a_reference_again(text: str) -> None:
    (override,) = texts_of([{"flow.jobs.fit": [text]}])
    value: Any = OverridesParser.create().parse_override(override).value()
    given = str(value[0])
    assert given != text
    assert without_escapes(given) == text
    assert without_escapes("x=\\${other.key}") == "x=\\${other.key}"
