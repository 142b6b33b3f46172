"""Values that look like secrets are not shown."""

from __future__ import annotations

import pytest

from headrace.terminal.secrets import is_secret, masked_arguments, masked_override


@pytest.mark.parametrize(
    "key",
    [
        "job.env.API_TOKEN", "job.env.AWS_SECRET_ACCESS_KEY", "+job.env.db_password", "--api-key",
        "job.env.APIKEY", "TOKEN", "job.env.GITHUB_TOKENS", "passwd", "job.env.private_key",
    ],
)  # fmt: skip
def test_keys_of_secrets(key: str) -> None:
    assert is_secret(key)


@pytest.mark.parametrize(
    "key", ["transform.n_features", "job.kms_key", "job.env.LANG", "tokenizer"]
)
def test_other_keys(key: str) -> None:
    assert not is_secret(key)


def test_overrides() -> None:
    assert masked_override("+job.env.API_TOKEN=hunter2=x") == "+job.env.API_TOKEN=***"
    assert masked_override("transform.n_features=8") == "transform.n_features=8"
    assert masked_override("~job.env.API_TOKEN") == "~job.env.API_TOKEN"


def test_arguments() -> None:
    given = ["--token", "hunter2", "--secret=hunter2", "--split", "0.8", "--password", "--verbose"]
    shown = ["--token", "***", "--secret=***", "--split", "0.8", "--password", "--verbose"]
    assert masked_arguments(given) == shown
