"""A job whose files several hosts share, executed in this process, one host after the other."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from headrace.results.reports import hosts as host_reports
from headrace.runtime.output.outcome import Host, Task
from headrace.runtime.process.execute import execute
from headrace.runtime.spec import DATA_INPUT, OUTPUT, JobSpec, under
from tests.runtime.jobs import Result


def run_shared(root: Path, files: Mapping[str, bytes | str], spec: JobSpec, hosts: int) -> Result:
    """Deal the files to the hosts as S3's keys are dealt, and bring the outputs together."""
    fresh = Path(tempfile.mkdtemp(dir=root))
    together = Result(fresh / "together")
    names = [f"algo-{number + 1}" for number in range(hosts)]
    for number, name in enumerate(names):
        _lay_out(fresh / name, {key: files[key] for key in sorted(files)[number::hosts]})
        execute(Task(spec, fresh / name), Host(name, hosts))
        shutil.copytree(under(fresh / name, OUTPUT), together.output, dirs_exist_ok=True)
    report = together.output / "report"
    for file, content in host_reports.merged(names, lambda file: _bytes(report / file)).items():
        (report / file).write_bytes(host_reports.content_of(content))
    return together


def _lay_out(ml: Path, files: Mapping[str, bytes | str]) -> None:
    folder = under(ml, DATA_INPUT)
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


def _bytes(file: Path) -> bytes | None:
    return file.read_bytes() if file.exists() else None
