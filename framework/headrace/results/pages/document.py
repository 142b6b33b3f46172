"""Render a template into one HTML file, with a policy that lets it load nothing.

Values come from strangers' data. The templates escape all that they are given; the page's policy
(Content-Security-Policy) loads nothing and runs no script but the one that sorts tables.
"""

from __future__ import annotations

import base64
import hashlib
import marshal
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from importlib.util import MAGIC_NUMBER, cache_from_source
from pathlib import Path
from typing import Any

import jinja2
from jinja2 import BytecodeCache, Environment, FileSystemLoader, StrictUndefined, Template
from jinja2.bccache import Bucket
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


class _CompiledTemplates(BytecodeCache):
    """Keeps compiled templates where Python keeps compiled modules: compiling them is slow."""

    def get_cache_key(self, name: str, filename: str | None = None) -> str:
        """Return the file of a template."""
        return filename or name

    def load_bytecode(self, bucket: Bucket) -> None:
        """Have the code that was compiled from the same text by the same versions."""
        with suppress(OSError, EOFError, ValueError, TypeError):
            head, content = _head(bucket), _compiled(bucket).read_bytes()
            if content.startswith(head):
                bucket.code = marshal.loads(content[len(head) :])  # noqa: S302 - as Python's own

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep the code, if that is possible and Python keeps any."""
        if sys.dont_write_bytecode or bucket.code is None:
            return
        path = _compiled(bucket)
        aside = path.with_name(f"{path.name}.{os.getpid()}")
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            aside.write_bytes(_head(bucket) + marshal.dumps(bucket.code))
            aside.replace(path)


def _compiled(bucket: Bucket) -> Path:
    return Path(cache_from_source(bucket.key))


def _head(bucket: Bucket) -> bytes:
    """Return what code begins with: it tells text, options and versions."""
    by = bucket.environment
    options = (by.autoescape, by.optimized, by.trim_blocks, by.lstrip_blocks)
    made_of = f"{bucket.checksum} {jinja2.__version__} {options}".encode()
    return hashlib.sha256(MAGIC_NUMBER + made_of).digest()


@cache
def _template(name: str) -> Template:
    """Return the template, loaded once per process."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        optimized=False,  # else code would hold what our filters made of constants
        bytecode_cache=_CompiledTemplates(),
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
