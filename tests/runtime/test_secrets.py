"""Values that look like secrets are not shown."""

from __future__ import annotations

import json

import pytest

from headrace.errors import ConfigError, Problem
from headrace.runtime.shown import (
    is_secret,
    masked_arguments,
    masked_override,
    masked_words,
    secret_values,
    without_secrets,
)


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


def test_values_that_hold_secrets_under_names_of_their_own() -> None:
    assert masked_override("+job.env={API_TOKEN: hunter2}") == "+job.env=***"
    assert masked_override('job.arguments=["--token","hunter2"]') == "job.arguments=***"
    assert masked_override("job.arguments=[--split,0.8]") == "job.arguments=[--split,0.8]"


def test_a_line_that_repeats_overrides() -> None:
    line = "#0 : transform.n_features=8 +job.env.API_TOKEN=hunter2 x=hunter2"
    assert masked_words(line) == "#0 : transform.n_features=8 +job.env.API_TOKEN=***"
    assert masked_words("write 'a=1' or b=2") == "write 'a=1' or b=2"


@pytest.mark.parametrize(
    ("where", "what"),
    [
        ("+job.env.API_TOKEN=hunter2=x", "the value wants quotes; write 'API_TOKEN=\"hunter2=x\"'"),
        ("job.env.API_TOKEN", 'should be text (got ["hunter2"])'),
        ("job.env.API_TOKEN", "'${hunter2}' cannot be resolved"),
        ("", "Error merging override job.env=[API_TOKEN, hunter2]"),
    ],
)
def test_no_problem_shows_a_secret(where: str, what: str) -> None:
    assert "hunter2" not in str(ConfigError([Problem(where, what)]))


def test_a_problem_that_shows_no_value_keeps_its_words() -> None:
    assert str(Problem("job.env.API_TOKEN", "this key is required")).endswith("key is required")


def test_the_values_of_secrets_are_found_in_any_text() -> None:
    variables = {
        "AWS_SECRET_ACCESS_KEY": 'wJalr/X"UtnF\\',
        "DB_PASSWORD": "first line\nsecond line",
        "https_proxy": "http://me:letmein@proxy:3128",
        "AWS_WEB_IDENTITY_TOKEN_FILE": "/var/token",
        "USE_TOKEN": "true",
        "PATH": "/usr/bin",
    }
    secrets = secret_values(variables, ["--token", "hunter2", "--api-key=hunter3", "--rows", "7"])
    text = f"{variables} hunter2 hunter3 {json.dumps(variables)} second line /usr/bin 7"
    found = without_secrets(text, secrets)
    for secret in ("wJalr", "first line", "second line", "letmein", "hunter"):
        assert secret not in found
    for word in ("/var/token", "true", "/usr/bin", "http://me:***@proxy:3128", " 7"):
        assert word in found
