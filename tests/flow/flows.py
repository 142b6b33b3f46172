"""A project with a flow of three scripts, and a target that pretends to run them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from headrace.config.models import JobConfig
from headrace.errors import JobFailed
from headrace.job.job import Job
from headrace.results.program_manifest import Part, Ran, program_manifest
from headrace.results.result import Result
from headrace.results.whole_files import json_text
from headrace.uris import uri_of

SCRIPT = "# {name}\n"
FLOW = """\
parameters: {day: 2014-10-21, depth: 3}
jobs:
  prepare:
    - program=script
    - program.path=prepare.py
    - inputs.raw=data
    - outputs=[train,test]
  fit:
    - program=script
    - program.path=fit.py
    - program.arguments.depth=${param:depth}
    - inputs.rows=${output:prepare.train}
    - outputs=[model,report]
  judge:
    - program=script
    - program.path=judge.py
    - inputs.model=${output:fit.model}
    - inputs.rows=${output:prepare.test}
    - outputs=[verdict]
when:
  judge: {output: fit.report, file: metrics.json, path: scores.0.auc, at_least: 0.7}
"""
Runs = Callable[..., Result]


def project(folder: Path, flow: str = FLOW) -> Path:
    """A folder with ``conf/flow/ctr.yaml``, its scripts and its data."""
    file = folder / "conf" / "flow" / "ctr.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(flow)
    for name in ("prepare", "fit", "judge"):
        (folder / f"{name}.py").write_text(SCRIPT.format(name=name))
    (folder / "data").mkdir()
    (folder / "data" / "raw.csv").write_text("a,b\n1,2\n")
    return folder


class Pretended:
    """Takes the place of `headrace.targets.run`; leaves a result as a program of the user's does.

    Attributes:
        ran: Labels of the jobs that ran, in order.
        failing: Labels of those that fail.
        auc: What ``fit`` reports.
        content: What stands in every other file.
    """

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.failing: set[str] = set()
        self.auc: object = 0.8
        self.content = "rows"

    def __call__(self, job: Job, config: JobConfig) -> Result:
        place = Path(config.output.path)
        self.ran.append(place.name)
        for each in job.view.inputs:
            path = Path(each.uri.removeprefix("file://"))
            assert path.exists() or path.is_relative_to(place), path
        if place.name in self.failing:
            raise JobFailed(f"{place.name}.py ended with status 1")
        outputs = {}
        for name in (each.name for each in job.view.outputs):
            is_report = name == "report"
            file = place / name / ("metrics.json" if is_report else "part.txt")
            file.parent.mkdir(parents=True, exist_ok=True)
            figures = {"scores": [{"auc": self.auc}]}
            file.write_text(json.dumps(figures) if is_report else self.content)
            if is_report:
                (file.parent / "broken.json").write_text("no JSON")
            outputs[name] = [Part.of(str(file.relative_to(place)), file)]
        ran = Ran("script", "x.py", job.program.sha256, {})
        output = uri_of(config.output.path)
        manifest = program_manifest(ran, job.view, output, outputs, {})
        (place / "report").mkdir(exist_ok=True)
        (place / "report" / "manifest.json").write_text(json_text(manifest))
        return Result(config.output.path, manifest, 0.1, ())
