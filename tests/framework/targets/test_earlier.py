"""What an earlier request names; a file that only has its name says nothing."""

from __future__ import annotations

import json

import pytest

from framework.targets.earlier import Earlier, earlier
from tests.framework.targets.by_hand import data_input, make_job


def test_outputs_and_inputs() -> None:
    request = make_job("s3://b/out", "", inputs=(data_input("s3://b/in/"),)).request
    assert earlier(json.dumps(request).encode()) == Earlier(
        outputs=("s3://b/out/train", "s3://b/out/report"),
        inputs=("s3://b/in/", "s3://b/out/code/entry.pyz"),
    )


@pytest.mark.parametrize(
    "text",
    ["", "[]", "1", "{}", "null", '{"ProcessingInputs": 1}', '{"ProcessingOutputConfig": []}'],
)
def test_whatever_is_no_request(text: str) -> None:
    assert earlier(text.encode()) == Earlier()


def test_what_is_no_text() -> None:
    assert earlier(b"\xff\xfe\x00") == Earlier()
