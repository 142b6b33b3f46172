"""A finished run's folder: what its job was, and whether the same would happen here."""

from __future__ import annotations

import ast
import io
import json
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from headrace.runtime import VERSION
from headrace.runtime.chain.chain import ChainError
from headrace.runtime.errors import HeadraceError
from headrace.runtime.learning.files import STATES
from headrace.runtime.output.seal import SHA256, is_sealed
from headrace.runtime.plugins.transforms import PACKAGE, source_of
from headrace.runtime.shown import plain
from headrace.runtime.spec import (
    LEARNED_INPUT,
    REPORT,
    DatasetSpec,
    JobSpec,
    LearnedSpec,
    StepSpec,
    digest,
    under,
)

MANIFEST = f"{REPORT}/manifest.json"
SCRIPT = "code/entry.pyz"
_DAMAGED = (OSError, zipfile.BadZipFile, zlib.error, EOFError, ValueError, RuntimeError)
"""Errors that `zipfile` raises of an archive that is cut, or has other bytes in it."""


class SkewWarning(UserWarning):
    """The code here is not that which made the result, so that rows may come out differently."""


@dataclass(frozen=True)
class RunFolder:
    """The result of a run, as far as the way of a single row depends on it."""

    place: str
    """The folder, or its URI on S3."""
    dataset: DatasetSpec
    steps: tuple[StepSpec, ...]
    columns: tuple[str, ...]
    """All columns of the job's input, in its order."""
    version: str
    """Of headrace, where the job ran."""
    states: dict[str, Any]
    """The manifest's entries of the steps that learned, by their labels."""
    config_sha256: str
    """Digest of what made the rows."""

    @classmethod
    def read(cls, path: Path) -> RunFolder:
        """Read a folder's manifest.

        Raises:
            HeadraceError: There is none, or it does not say what made the rows.
        """
        return cls.of(str(path), _manifest(path))

    @classmethod
    def of(cls, place: str, manifest: dict[str, Any]) -> RunFolder:
        """Return what the manifest of a run tells.

        Args:
            place: The folder, or its ``s3://`` URI, where only the manifest can be read.
            manifest: Its content.

        Raises:
            HeadraceError: It does not say what made the rows, or was changed.
        """
        if "program" in manifest:
            raise HeadraceError(f"{place}: holds the files of a program, not the rows of a chain")
        try:
            config, version = manifest["config"], str(manifest["versions"]["headrace"])
            dataset = DatasetSpec.of(config["dataset"])
            steps = tuple(StepSpec(**step) for step in config["steps"])
            columns, sha256 = tuple(manifest["input_columns"]), manifest["config_sha256"]
            states = _states(manifest.get(STATES, {}))
            known, is_known = digest(config), all(isinstance(name, str) for name in columns)
            if not is_known:
                raise TypeError("input_columns should be a list of texts")
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            what = f"{MANIFEST} does not tell all that is needed; run the job again with {VERSION}"
            raise HeadraceError(f"{place}: {what} ({error})") from error
        if known != sha256:
            raise HeadraceError(f"{place}: {MANIFEST} was changed; config_sha256 is not of config")
        if SHA256 in manifest and not is_sealed(manifest):
            raise HeadraceError(f"{place}: {MANIFEST} was changed; its sha256 is not of the rest")
        if config.get("learned"):  # a job of which another run has the states
            what = "is itself a result of transform.learned; name the run that learned"
            raise HeadraceError(f"{place}: {what}")
        return cls(place, dataset, steps, columns, version, states, sha256)

    @property
    def path(self) -> Path:
        """Return the folder, of a run on this machine."""
        return Path(self.place)

    @property
    def learned(self) -> LearnedSpec:
        """Return what a job has to know that applies what the run learned, its files as here."""
        keys = ("file", "sha256")
        states = {label: {key: each[key] for key in keys} for label, each in self.states.items()}
        return LearnedSpec(self.columns, self.dataset, states)

    def warn_of_skew(self) -> None:
        """Warn of `skew`; the warning points at who called `headrace.load`."""
        if found := self.skew():
            text = f"{self.place}: rows may come out differently: {'; '.join(found)}"
            warnings.warn(text, SkewWarning, stacklevel=4)

    def skew(self, script: bytes | None = None) -> list[str]:
        """Return in what versions and transforms here are not those of the run.

        Args:
            script: The run's entry script; None for the one in the folder, if there is one.
        """
        shipped = _shipped(self.place, script)
        names = dict.fromkeys(step.name for step in self.steps if step.name in shipped)
        others = [each for each in names if not _are_the_same(shipped[each], source_of(each))]
        found = [f"its transform {name!r} is not the one here" for name in others]
        if _minor(self.version) != _minor(VERSION):
            found.insert(0, f"it is of headrace {self.version}, here is {VERSION}")
        return found


def told(spec: JobSpec, root: Path) -> JobSpec:
    """Return the job, knowing what the report that its input brings tells, if it has to be told.

    Args:
        spec: The job.
        root: What stands in for ``/opt/ml``.

    Raises:
        ChainError: The report is of another configuration.
        HeadraceError: There is no report, or it does not tell what made the rows.
    """
    if spec.learned is None or not spec.learned.is_to_come:
        return spec
    return told_by(_reported(under(root, LEARNED_INPUT)), spec)


def told_by(run: RunFolder, spec: JobSpec) -> JobSpec:
    """Return a job that applies what another one learned, once that has ended.

    Args:
        run: What the other job has left.
        spec: The job, compiled before.

    Raises:
        ChainError: The other job's configuration is not that which the job was compiled for.
    """
    expected = spec.learned.config_sha256 if spec.learned is not None else ""
    if run.config_sha256 != expected:
        what = "is of another configuration than the one that this job was compiled for"
        shas = f"config_sha256 is {run.config_sha256}, not {expected}"
        raise ChainError("transform.learned", f"{run.place}: {what} ({shas})")
    return replace(spec, learned=run.learned)


def _reported(path: Path) -> RunFolder:
    """Read a manifest; of several hosts, whose reports nobody has put together, the first one's."""
    if not (path / MANIFEST).exists():
        for each in sorted((path / REPORT).glob(f"*/{Path(MANIFEST).name}")):
            run = RunFolder.of(str(path), _manifest(path, str(each.relative_to(path))))
            if run.columns:  # else it had no rows
                return run
    return RunFolder.read(path)


def _states(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a manifest says of states, if it is of the right types."""
    for label, each in told.items():
        if not all(isinstance(each[key], str) for key in ("file", "sha256")):
            raise TypeError(f"states.{plain(label)}: file and sha256 should be texts")
    return dict(told)


def _manifest(path: Path, name: str = MANIFEST) -> dict[str, Any]:
    try:
        manifest = dict(json.loads((path / name).read_text(encoding="utf-8")))
        json.dumps(manifest, ensure_ascii=False).encode()  # no half of a surrogate pair
        return manifest
    except OSError as error:
        what = f"holds no result ({name}: {error.strerror})"
        raise HeadraceError(f"{path}: {what}") from error
    except (TypeError, ValueError, RecursionError) as error:
        raise HeadraceError(f"{path}: {name} is broken ({error})") from error


def _shipped(place: str, content: bytes | None) -> dict[str, str]:
    """Return the transforms in the entry script, name → text; none where there is no script."""
    try:
        file = Path(place, SCRIPT) if content is None else io.BytesIO(content)
        with zipfile.ZipFile(file) as script:
            names = [Path(name) for name in script.namelist()]
            ours = [name for name in names if str(name.parent) == PACKAGE]
            return {name.stem: script.read(str(name)).decode() for name in ours}
    except FileNotFoundError:
        return {}
    except _DAMAGED as error:
        raise HeadraceError(f"{place}: {SCRIPT} cannot be read ({error})") from error


def _are_the_same(one: str, other: str) -> bool:
    """Return whether two sources are the same code; comments and line breaks do not count."""
    try:
        return ast.dump(ast.parse(one)) == ast.dump(ast.parse(other))
    except (SyntaxError, ValueError):  # a byte of zeros is a ValueError up to Python 3.11
        return False


def _minor(version: str) -> list[str]:
    """Return the two numbers within which releases give the same rows."""
    return version.split(".")[:2]
