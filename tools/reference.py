"""The pages of ``docs/reference/``: Markdown made from the models, the plugins and ``conf/``."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from headrace.cli.actions import MODULES
from headrace.cli.actions.schema import references, schema
from headrace.config.registry import plugins
from headrace.look.conf_file import GLOBAL, MODELINE

ROOT = Path(__file__).parents[1]
CONF = ROOT / "conf"
ACTIONS = ROOT / "framework" / "headrace" / "cli" / "actions"
NOTE = "<!-- Made by `make generated`; edit the models, the plugins or conf/ instead. -->"
GUIDES = {
    "backend": "[Running on SageMaker](../sagemaker.md), [larger data](../larger.md)",
    "target": "[Running on SageMaker](../sagemaker.md)",
    "program": "[Your own program](../programs.md)",
    "inputs": "[Inputs and outputs of a program](../programs.md#inputs-and-outputs)",
    "outputs": "[Inputs and outputs of a program](../programs.md#inputs-and-outputs)",
    "dataset": "[Your data](../your-data.md)",
    "transform": "[Transforms](../transforms.md), [their parameters](transforms.md)",
    "output": "[Files of a result](../files.md)",
    "evaluation": "[Evaluation](../evaluation.md)",
    "flow": "[Flows](../flows.md)",
    "resources": "[Larger data](../larger.md)",
    "job": "[Running on SageMaker](../sagemaker.md)",
    "runtime": "[Larger data](../larger.md)",
}
"""Where a group of settings is explained."""
OF_FLOWS = {"pipeline": "Makes a SageMaker pipeline of a flow, or of a single job."}
"""Actions without a module of their own."""

Node = Mapping[str, Any]


def pages() -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each page."""
    whole = schema()
    for name, title, lead, body in (
        ("settings.md", "Settings", SETTINGS, _settings(whole)),
        ("choices.md", "Choices", CHOICES, _choices()),
        ("transforms.md", "Parameters of transforms", TRANSFORMS, _transforms(whole)),
        ("actions.md", "Actions", ACTION, _actions()),
    ):
        yield name, "\n".join([NOTE, "", f"# {title}", "", lead.strip(), "", *body]).rstrip() + "\n"


SETTINGS = """
Every key of the configuration. Set it on the command line as `group.key=value`, or in a file below
`conf/`. A key that the chosen backend, program or evaluation does not have is an error.
`python run.py action=schema` prints the same as JSON Schema, `schema=dataset` that of the files in
`conf/dataset/`.
"""
CHOICES = """
Each group has ready choices: `group=choice` on the command line. A file `conf/GROUP/NAME.yaml` of
your own adds a choice; one with the name of a shipped choice replaces it.
"""
TRANSFORMS = """
Each step of a chain and what it takes. `transform.steps.LABEL.PARAMETER=…` sets a parameter.
[Transforms](../transforms.md) explains the steps and shows examples.
"""
ACTION = """
`action=…` says what to do with the job that the configuration describes.
"""


def _settings(whole: Node) -> Iterator[str]:
    models = whole["$defs"]
    groups = {key: _groups(node, models) for key, node in whole["properties"].items()}
    plain = {key: node for key, node in whole["properties"].items() if not groups[key]}
    yield from _table("Top level", "", plain, (), models, level=2)
    for key, alternatives in groups.items():
        if not alternatives:
            continue
        yield from (f"## {key}", "")
        if guide := GUIDES.get(key):
            yield from (f"Guide: {guide}.", "")
        for name, model in alternatives.items():
            title = f"{key}={name}" if name else ""
            address = f"{key}.NAME" if key in ("inputs", "outputs") else key
            yield from _group(title, address, model, models)


def _groups(node: Node, models: Node) -> dict[str, Node]:
    """Return the models of a group, by the choice that each is for; none of a plain key."""
    if "discriminator" in node:
        mapping = node["discriminator"]["mapping"]
        return {name: _model(reference, models) for name, reference in mapping.items()}
    if "$ref" in node:
        return {"": _model(node["$ref"], models)}
    inside = node.get("additionalProperties")
    found = [each["$ref"] for each in _alternatives(inside or {}) if "$ref" in each]
    if not found:  # a shorthand may stand in for a mapping
        shapes = [each.get("additionalProperties") for each in _alternatives(node)]
        found = [
            each["$ref"]
            for shape in shapes
            for each in _alternatives(shape or {})
            if "$ref" in each
        ]
    return {"": _model(found[0], models)} if found else {}


def _alternatives(node: Any) -> list[Node]:
    if not isinstance(node, Mapping):
        return []
    return [*node.get("anyOf", ()), *node.get("oneOf", ())] or [node]


def _model(reference: str, models: Node) -> Node:
    found: Node = models[reference.rpartition("/")[2]]
    return found


def _group(title: str, address: str, model: Node, models: Node) -> Iterator[str]:
    """Yield a table of a model's keys, then those of the models within it."""
    required = model.get("required", ())
    keys = {key: node for key, node in model["properties"].items() if "const" not in node}
    summary = " ".join(model.get("description", "").split())
    yield from _table(title, address, keys, required, models, level=3, summary=summary)
    for key, node in keys.items():
        for reference in dict.fromkeys(references(node)):
            below = f"{address}.{key}"
            if any("additionalProperties" in each for each in _alternatives(node)):
                below += ".LABEL"
            elif any(each.get("type") == "array" for each in _alternatives(node)):
                below += "[]"
            yield from _group(below, below, models[reference], models)


def _table(
    title: str,
    address: str,
    keys: Node,
    required: Any,
    models: Node,
    *,
    level: int,
    summary: str = "",
) -> Iterator[str]:
    if title:
        yield from (f"{'#' * level} {title}", "")
    if summary:
        yield from (summary, "")
    if not keys:
        yield from ("It has no keys of its own.", "")
        return
    yield from ("| key | value | default | meaning |", "|---|---|---|---|")
    for key, node in keys.items():
        full = f"{address}.{key}" if address else key
        default = "required" if key in required else _default(node)
        cells = (f"`{full}`", _value(node, models), default, node.get("description", ""))
        yield f"| {' | '.join(_cell(each) for each in cells)} |"
    yield ""


def _cell(text: str) -> str:
    parts = text.split("`")
    parts[::2] = [_escaped(prose) for prose in parts[::2]]
    return " ".join("`".join(parts).replace("|", r"\|").split())


def _escaped(prose: str) -> str:
    """Return a text in which Markdown sees neither a tag nor an emphasis."""
    return re.sub(r"(?<!\w)_(\w+)_(?!\w)", r"\_\1\_", prose.replace("<", "&lt;"))


def _default(node: Node) -> str:
    default = node.get("default")
    if default is None:
        return "none"
    if default in ([], {}):
        return "empty"
    is_word = isinstance(default, str) and default.strip() == default != ""
    return f"`{default if is_word else json.dumps(default)}`"


def _value(node: Node, models: Node) -> str:
    """Return what may stand there, in words."""
    if "$ref" in node:
        return _value(models[node["$ref"].rpartition("/")[2]], models)
    if alternatives := [*node.get("anyOf", ()), *node.get("oneOf", ())]:
        words = [_value(each, models) for each in alternatives if each.get("type") != "null"]
        return " or ".join(dict.fromkeys(words))
    if "enum" in node:
        return ", ".join(f"`{each}`" for each in node["enum"])
    if "const" in node:
        return f"`{node['const']}`"
    match node.get("type"):
        case "boolean":
            return "`true`, `false`"
        case "integer" | "number" as kind:
            return ", ".join(("whole number" if kind == "integer" else "number", *_bounds(node)))
        case "array":
            return f"list of {_items(node, models)}"
        case "object":
            return "mapping"
        case "string" if "pattern" in node:
            return f"text like `{node['pattern']}`"
        case "string":
            return "text"
    return "any value"


def _items(node: Node, models: Node) -> str:
    first = [*node.get("prefixItems", ())]
    words = [_value(each, models) for each in first or [node.get("items", {})]]
    return " and ".join(words)


def _bounds(node: Node) -> Iterator[str]:
    for key, sign in (
        ("minimum", "≥"),
        ("exclusiveMinimum", ">"),
        ("maximum", "≤"),
        ("exclusiveMaximum", "<"),
    ):
        if key in node:
            number = node[key]
            yield f"{sign} {number:,}" if isinstance(number, int) else f"{sign} {number}"


def _transforms(whole: Node) -> Iterator[str]:
    for name, parameters in whole["transforms"].items():
        yield from (f"## {name}", "")
        yield from (_lead(plugins()[name].source), "")
        models = parameters.get("$defs", {})
        required = parameters.get("required", ())
        if not parameters["properties"]:
            yield from ("It takes no parameters.", "")
            continue
        yield from _table("", "", parameters["properties"], required, models, level=3)


def _lead(source: str) -> str:
    """Return the first paragraph of a module's docstring."""
    docstring = ast.get_docstring(ast.parse(source)) or ""
    return " ".join(docstring.partition("\n\n")[0].replace("``", "`").split())


def _choices() -> Iterator[str]:
    groups = sorted({path.parent for path in CONF.rglob("*.yaml") if path.parent != CONF})
    for folder in groups:
        group = folder.relative_to(CONF).as_posix()
        if group == "hydra/help":
            continue
        yield from (f"## {group}", "", "| choice | meaning | worth trying |", "|---|---|---|")
        for path in sorted(folder.glob("*.yaml")):
            _, trying, meaning = header(path.read_text("utf-8"))
            cells = (f"`{group}={path.stem}`", meaning, f"`{trying}`")
            yield f"| {' | '.join(map(_cell, cells))} |"
        yield ""


def header(text: str) -> tuple[str, str, str]:
    """Return what a file of ``conf/`` opens with: command, what is worth trying, meaning."""
    lines = text.splitlines()
    head = next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))
    comments = [
        line.removeprefix("#").strip()
        for line in lines[:head]
        if not line.startswith((GLOBAL, MODELINE))
    ]
    command, trying, *rest = comments
    return command, trying.removeprefix("Worth trying: "), " ".join(rest).strip()


def _actions() -> Iterator[str]:
    yield from ("| action | what it does |", "|---|---|")
    known = schema()["properties"]["action"]["enum"]
    for name in known:
        module = ACTIONS / f"{MODULES.get(name, name)}.py"
        what = OF_FLOWS.get(name) or _lead(module.read_text("utf-8")).partition(": ")[2]
        yield f"| `action={name}` | {_cell(what[:1].upper() + what[1:])} |"
    yield ""
