"""Who gets colours, and who gets links."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from headrace.terminal import links
from headrace.terminal.colours import RED, coloured, first_line_coloured, has_colours
from headrace.terminal.links import has_links, linked


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


XTERM = {"TERM": "xterm-256color"}


@pytest.mark.parametrize(
    ("environment", "on_terminal", "in_a_file"),
    [
        (XTERM, True, False),
        ({"TERM": "dumb"}, False, False),
        ({}, True, False),
        ({**XTERM, "NO_COLOR": "1"}, False, False),
        ({**XTERM, "NO_COLOR": ""}, True, False),
        ({**XTERM, "NO_COLOR": "1", "FORCE_COLOR": "1"}, False, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, True, True),
        ({**XTERM, "FORCE_COLOR": "0"}, False, False),
        ({"CLICOLOR_FORCE": "1"}, True, True),
        ({**XTERM, "CLICOLOR_FORCE": "0"}, True, False),
        ({**XTERM, "CLICOLOR": "0"}, False, False),
        ({**XTERM, "CLICOLOR": "1"}, True, False),
    ],
    ids=str,
)
def test_who_has_colours(environment: dict[str, str], on_terminal: bool, in_a_file: bool) -> None:
    assert has_colours(Terminal(), environment) == on_terminal
    assert has_colours(io.StringIO(), environment) == in_a_file


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        (XTERM, False),
        ({**XTERM, "VTE_VERSION": "7600"}, True),
        ({**XTERM, "VTE_VERSION": "5000"}, False),
        ({**XTERM, "TERM_PROGRAM": "iTerm.app", "TERM_PROGRAM_VERSION": "3.5.0"}, True),
        ({**XTERM, "TERM_PROGRAM": "iTerm.app", "TERM_PROGRAM_VERSION": "3.0.15"}, False),
        ({**XTERM, "TERM_PROGRAM": "Apple_Terminal", "TERM_PROGRAM_VERSION": "455"}, False),
        ({**XTERM, "TERM_PROGRAM": "vscode", "TERM_PROGRAM_VERSION": "1.106.0-insider"}, True),
        ({"TERM": "tmux-256color", "TERM_PROGRAM": "tmux", "TERM_PROGRAM_VERSION": "3.3a"}, False),
        ({"TERM": "tmux-256color", "TERM_PROGRAM": "tmux", "TERM_PROGRAM_VERSION": "3.5a"}, True),
        ({"TERM": "xterm-kitty"}, True),
        ({**XTERM, "WT_SESSION": "x"}, True),
        ({**XTERM, "WT_SESSION": "x", "CI": "true"}, False),
        ({"TERM": "dumb", "WT_SESSION": "x"}, False),
        ({**XTERM, "FORCE_HYPERLINK": "1"}, True),
        ({**XTERM, "WT_SESSION": "x", "FORCE_HYPERLINK": "0"}, False),
        ({"TERM": "xterm-kitty", "NO_COLOR": "1"}, True),
    ],
    ids=str,
)
def test_who_has_links(environment: dict[str, str], expected: bool) -> None:
    assert has_links(Terminal(), environment) == expected
    assert not has_links(io.StringIO(), environment)


def test_a_link_names_the_file_and_its_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "has_links", lambda stream: isinstance(stream, Terminal))
    monkeypatch.chdir(tmp_path)
    host = os.uname().nodename
    assert linked("a b/é;\x07.html", Terminal()) == (
        f"\x1b]8;;file://{host}{tmp_path}/a%20b/%C3%A9%3B%07.html\x1b\\"
        "a b/é;\\x07.html\x1b]8;;\x1b\\"
    )
    assert linked("a b/é.html", io.StringIO()) == "a b/é.html"
    assert linked("s3://bucket/é", Terminal()) == "s3://bucket/é"
    assert linked("caf\udce9", Terminal()).startswith(f"\x1b]8;;file://{host}{tmp_path}/caf%E9\x1b")


def test_a_message_has_its_first_line_in_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert first_line_coloured("no\n  why\n", RED, Terminal()) == "\x1b[31mno\x1b[0m\n  why\n"
    assert first_line_coloured("no\n  why", RED, io.StringIO()) == "no\n  why"
    assert coloured("", RED, Terminal()) == ""
