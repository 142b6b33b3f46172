"""Render a template into one HTML file, with a policy that lets it load nothing.

Values come from strangers' data. The templates escape all that they are given; the page's policy
(Content-Security-Policy) loads nothing and runs no script but the one that sorts tables.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from headrace.results.pages.figures import FILTERS
from headrace.results.whole_files import write_whole
from headrace.runtime import VERSION

TEMPLATES = Path(__file__).parent / "templates"


def write(path: Path, template: str, data: Mapping[str, Any]) -> Path:
    """Render a page and write it, whole or not at all.

    Args:
        path: The file.
        template: Its template, in ``templates/``.
        data: What the template shows.

    Returns:
        The file.
    """
    write_whole(path, render(template, data).encode())
    return path


def get_ready(template: str) -> None:
    """Prepare the page of this template before its data is known."""
    _template(template)


def render(template: str, data: Mapping[str, Any]) -> str:
    """Return the text of a page."""
    style, script = (_source(name) for name in ("page.css", "sort.js"))
    own = {"style": Markup(style), "script": Markup(script), "version": VERSION}  # noqa: S704 - ours
    return _template(template).render(**own, policy=_policy(style, script), **data)


@cache
def _template(name: str) -> Template:
    """Return the template, compiled once per process because compiling is slow."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= FILTERS
    return environment.get_template(name)


def _source(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    """Return the policy: no network; only the page's own style sheet and script, by digest.

    Source: https://www.w3.org/TR/CSP3/
    """
    return "; ".join(
        [
            "default-src 'none'",
            f"style-src {_digest(style)}",
            f"script-src {_digest(script)}",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


def _digest(source: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}'"
