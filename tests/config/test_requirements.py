"""What may stand in ``backend.requirements``."""

from __future__ import annotations

import pytest

from headrace.config.checks import requirement_problems

GOOD = ("pyarrow", "pyarrow>=17,<21", "pandas[performance]==2.2.3", "a ; python_version < '3.12'")
OPTION = "is an option of pip, whose own configuration is the place for it; give a package"
FILE = "names a file or an address; give a package of an index"
BAD = {
    "--index-url=https://example.com": OPTION,
    "-r more.txt": OPTION,
    "a @ https://example.com/a.whl": FILE,
    "https://example.com/a.whl": FILE,
    "./a.whl": FILE,
    "a-1.0-py3-none-any.whl": FILE,
    "a-1.0.tar.gz": FILE,
    "a=>1": (
        "is no requirement of pip's (Expected semicolon (after name with no version specifier) "
        "or end); give a package"
    ),
}


def test_what_pip_takes() -> None:
    assert list(requirement_problems(GOOD)) == []


@pytest.mark.parametrize("text", BAD)
def test_what_is_refused(text: str) -> None:
    (problem,) = requirement_problems(["pyarrow", text])
    assert str(problem) == (f"backend.requirements[1]: {text!r} {BAD[text]}, as in 'pyarrow>=17'")


def test_all_of_them_at_once() -> None:
    wheres = [problem.where for problem in requirement_problems(["-e .", "pyarrow", "a=>1"])]
    assert wheres == ["backend.requirements[0]", "backend.requirements[2]"]
