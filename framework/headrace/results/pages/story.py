"""The beginning of a run's page: what was done, the command, the chain, and how to load the result.

A result does not say how it was asked for, so that the same rows have the same files. Who makes the
page knows it (`Made`), and the page keeps it, so that it can be made again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from headrace.aws.request import RequestView
from headrace.results.pages import figures
from headrace.results.stored import RunRecord
from headrace.runtime.spec import REPORT_PAGE
from headrace.uris import S3, join, path_of

_KEPT = re.compile(r'<meta name="headrace-made" content="([^"]*)">')
"""Keeps a `Made` in a page."""

_STAMP = re.compile(r"-(\d{8}-\d{6})-\d{3}-[0-9a-f]{6}$")
"""The time in the name of a job, see `headrace.job.job_names`."""
_NAMED = 3
"""So many steps, inputs or channels are named in a line."""
_PARAMETERS = 6
"""So many parameters of a step are seen at once."""
_LONGEST_PARAMETER = 48
_READERS = {
    ".csv": ("import pandas", "pandas.read_csv({})"),
    ".json": ("import json\nfrom pathlib import Path", "json.loads(Path({}).read_text())"),
    ".npz": ("import numpy", "dict(numpy.load({}))"),
    ".npy": ("import numpy", "numpy.load({})"),
    ".parquet": ("import pandas", "pandas.read_parquet({})"),
}
"""Endings of files that programs write, and how each is read."""


@dataclass(frozen=True)
class Made:
    """Knowledge of a run that the client has, and the result does not.

    Attributes:
        command: What was typed; secrets are masked.
        what: Name of the chosen chain.
        where: Where it ran, as in ``on this machine``.
        image_ran: Whether the image of the request ran.
    """

    command: str = ""
    what: str = ""
    where: str = ""
    image_ran: bool = False

    @property
    def text(self) -> str:
        """Return all of it as a text; see `of_page`."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @property
    def names_a_folder(self) -> bool:
        """Return whether the command is refused if it is repeated, as its folder is in use then."""
        return "output.path=" in self.command and "output.overwrite=true" not in self.command

    @classmethod
    def of(cls, record: RunRecord) -> Made:
        """Return what the page of a result keeps or, without one, what its request tells."""
        is_here = not record.place.startswith(S3)
        return (cls.of_page(record.folder / REPORT_PAGE) if is_here else None) or cls.guessed(
            record
        )

    @classmethod
    def of_page(cls, page: Path) -> Made | None:
        """Return what a page keeps; None if there is no such page, or it keeps nothing."""
        from html import unescape  # slow to import, and only pages that are made again need it

        try:
            with page.open(encoding="utf-8") as text:
                found = _KEPT.search(text.read(_HEAD))
            kept = json.loads(unescape(found[1])) if found else {}
            command, what, where = (str(kept[key]) for key in ("command", "what", "where"))
            return cls(command, what, where, image_ran=bool(kept["image_ran"]))
        except (OSError, ValueError, LookupError, TypeError):
            return None

    @classmethod
    def guessed(cls, record: RunRecord) -> Made:
        """Return as much as the request of a result tells."""
        if record.request is None:
            return cls()
        is_local = RequestView(record.request).is_of_this_machine
        return cls("", "", "on this machine" if is_local else "on SageMaker", not is_local)


_HEAD = 1 << 20
"""Characters of a page that are searched for what it keeps."""


@dataclass(frozen=True)
class Stage:
    """One box of the drawn chain.

    Attributes:
        kind: ``input``, ``step`` or ``output``.
        name: Its name.
        note: What it is, if the name does not say so.
        seen: Parameters that are seen at once, each with its value.
        more: The other parameters.
    """

    kind: str
    name: str
    note: str = ""
    seen: tuple[tuple[str, str], ...] = ()
    more: tuple[tuple[str, str], ...] = ()


def title(record: RunRecord, made: Made) -> str:
    """Return what was done: ``hashing of sample.csv, on this machine, 29 Nov 2026``."""
    moment = moment_of(record)
    done = _done(record, made) + _of_what(record)
    date = f"{moment.day} {moment:%b %Y}" if moment else ""
    return ", ".join(each for each in (done, made.where, date) if each)


def moment_of(record: RunRecord) -> datetime | None:
    """Return when the job was made, by its name, or else when its manifest was written."""
    found = _STAMP.search(RequestView(record.request or {}).name)
    if found:
        with suppress(ValueError):
            return datetime.strptime(found[1], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
    return record.written


def stages(record: RunRecord) -> list[Stage]:
    """Return the chain from its input to its output."""
    config = record.manifest["config"]
    steps = [_step(step) for step in config["steps"]]
    return [_input(record, config["dataset"]), *steps, _output(record)]


def snippet(record: RunRecord) -> str:
    """Return Python that loads the rows of a result, in whatever format they are."""
    manifest = record.manifest
    channel = next(iter(manifest["channels"]), "train")
    has_label = manifest["columns"]["label"] is not None
    lines = [
        "from headrace import open_result",
        "",
        f"result = open_result({record.place!r})",
        f"for batch in result.batches({channel!r}, 1024, seed=1):",
    ]
    labels = ", batch.labels" if has_label else ""
    if manifest["n_features"] is not None:
        loaded = f"rows = result.load({channel!r})"
        shown = "rows.features.shape" + (", rows.labels.mean()" if has_label else "")
        whole = [f"{loaded}  # all of them: a scipy.sparse.csr_matrix", f"print({shown})", ""]
        return "\n".join([*lines[:3], *whole, lines[3], f"    print(batch.csr.shape{labels})"])
    if "feature_map" in manifest:
        return "\n".join([*lines, f"    print(batch.matrix.shape{labels})"])
    return "\n".join([*lines, f"    print(batch.columns{labels})  # name → array"])


def program_snippet(record: RunRecord, files: Sequence[Mapping[str, Any]]) -> str:
    """Return what reads the first file of a program's result.

    Args:
        record: The result.
        files: As its manifest lists them.
    """
    if not files:
        return ""
    name = str(files[0]["file"])
    place = join(record.place, name) if record.place.startswith(S3) else f"{record.place}/{name}"
    first, read = _READERS.get(
        PurePosixPath(name).suffix, ("from pathlib import Path", "Path({}).read_bytes()")
    )
    if not place.startswith(S3):
        return f"{first}\n\ndata = {read.format(repr(place))}"
    needs = {"import pandas": first}.get(first)
    if needs:  # it reads s3:// by itself
        return f"{first}  # and s3fs is installed\n\ndata = {read.format(repr(place))}"
    return f"import boto3\n\n{_fetched(place)}"


def _fetched(uri: str) -> str:
    bucket, _, key = uri.removeprefix(S3).partition("/")
    name = PurePosixPath(key).name
    return f"boto3.client('s3').download_file({bucket!r}, {key!r}, {name!r})"


def _done(record: RunRecord, made: Made) -> str:
    if record.is_program:
        program = record.manifest["program"]
        return str(program["entry"] or _last(RequestView(record.request or {}).image)) or "program"
    labels = [step["label"] for step in record.manifest["config"]["steps"]]
    if made.what:
        return made.what
    return _named(labels) if labels else "rows"


def _of_what(record: RunRecord) -> str:
    view = RequestView(record.request or {})
    ours = ("code", "config", "packages", "learned")
    named = [_last(each.uri) for each in view.inputs if each.name not in ours]
    known = [name for name in named if name]
    return f" of {_named(known)}" if known else ""


def _last(uri: str) -> str:
    """Return the last part of the path of a place that has one."""
    return PurePosixPath(str(path_of(uri) or uri).rstrip("/")).name


def _named(names: Sequence[str]) -> str:
    shown = [figures.visible(name, _LONGEST_PARAMETER) for name in names[:_NAMED]]
    more = [f"{len(names) - _NAMED} more"] if len(names) > _NAMED else []
    *first, last = [*shown, *more]
    return f"{', '.join(first)} and {last}" if first else last


def _input(record: RunRecord, dataset: Mapping[str, Any]) -> Stage:
    columns = record.manifest["columns"]
    counts = {
        "label": columns["label"],
        "id": columns["id"],
        "time": record.metrics.get("time", {}).get("column"),
        "categorical": len(columns["categorical"]),
        "numeric": len(columns["numeric"]),
    }
    known = {**counts, "format": None if dataset["format"] == "auto" else dataset["format"]}
    name = _of_what(record).removeprefix(" of ") or "data"
    note = f"{figures.count(record.manifest['rows']['read'])} rows"
    return Stage("input", name, note, tuple(_parameters(known)))


def _step(step: Mapping[str, Any]) -> Stage:
    label, name = step["label"], step["name"]
    parameters = list(_parameters(step["parameters"]))
    seen, more = parameters[:_PARAMETERS], parameters[_PARAMETERS:]
    if len(more) == 1:
        seen, more = parameters, []
    return Stage("step", label, "" if label == name else name, tuple(seen), tuple(more))


def _output(record: RunRecord) -> Stage:
    manifest = record.manifest
    channels = list(manifest["channels"])
    known = {"channels": _named(channels) if channels else None, "width": manifest["n_features"]}
    note = f"{figures.count(manifest['rows']['written'])} rows"
    return Stage("output", manifest["output_format"], note, tuple(_parameters(known)))


def _parameters(parameters: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield those that say something."""
    for name, value in parameters.items():
        if value is None or value in ("", [], {}) or value is False or _is_zero(name, value):
            continue
        yield name, figures.visible(_shown(value), _LONGEST_PARAMETER)


def _is_zero(name: str, value: Any) -> bool:
    """Return whether there is nothing of a thing that is counted."""
    return value == 0 and name in ("categorical", "numeric", "test_fraction")


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes"
    if isinstance(value, int):
        return figures.count(value)
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list):
        return ", ".join(map(_shown, value))
    return str(value)
