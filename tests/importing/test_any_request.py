"""Any request that the service's model allows, within what headrace has keys for."""

from __future__ import annotations

from typing import Any

from botocore.model import ListShape, Shape, StructureShape
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.importing.importing import compiled
from tests.importing.requests import BY_HAND, apart, imported
from tests.programs.test_request_fields import REQUESTS, model
from tests.sampling import examples

STAYS = {
    "DatasetDefinition",
    "EnableNetworkIsolation",
    "InputName",
    "InstanceCount",
    "InstancePreferences",
    "InstanceType",
    "LocalPath",
    "S3Input",
    "S3Output",
    "FeatureStoreOutput",
    "AthenaDatasetDefinition",
    "RedshiftDatasetDefinition",
}
"""Optional fields whose absence headrace cannot express (test_action.py), or that go in pairs."""
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12).filter(
    lambda text: text != "???"  # which OmegaConf takes for a value that is missing
)


@st.composite
def requests(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a request: any optional field is missing, and texts are any text."""
    made = _some(draw, draw(st.sampled_from([*REQUESTS, BY_HAND])), model())
    made["AppSpecification"]["ContainerArguments"] = draw(st.lists(TEXT, min_size=1, max_size=4))
    made["Environment"] = draw(st.dictionaries(st.from_regex("[A-Z_]{1,6}", fullmatch=True), TEXT))
    filled: dict[str, Any] = _filled(made)
    return filled


def _some(draw: st.DrawFn, value: Any, shape: Shape) -> Any:
    if isinstance(shape, StructureShape):
        kept = {*shape.required_members, *STAYS}
        if "FeatureStoreOutput" in value:  # to which only the program itself writes
            kept.add("AppManaged")
        if value.get("S3CompressionType") == "Gzip":  # which is unpacked from a pipe alone
            kept.add("S3InputMode")
        return {
            key: _some(draw, each, shape.members[key])
            for key, each in value.items()
            if key in kept or draw(st.booleans())
        }
    if isinstance(shape, ListShape):
        return [_some(draw, each, shape.member) for each in value]
    return value


def _filled(value: Any) -> Any:
    """Leave out what is empty, as the service does."""
    if isinstance(value, dict):
        filled = {key: _filled(each) for key, each in value.items()}
        return {key: each for key, each in filled.items() if each not in ({}, [])}
    return value


@settings(max_examples=examples(8), derandomize=True)
@given(requests())
def test_the_same_request(request: dict[str, Any]) -> None:
    assert apart(request, compiled(imported(request).settings)) == []
