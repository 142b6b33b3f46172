"""``program=chain``: headrace's own chain of transforms."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from headrace.config.learned import WHERE
from headrace.config.models import AnyEvaluation
from headrace.config.registry import Plugin
from headrace.errors import Problem
from headrace.job.backend import CODE, PY_FILES, PY_FILES_INPUT, Code, Shipment, Way
from headrace.job.entry_script import ChainCode, driver_script, entry_script, py_files
from headrace.job.inputs import DATA
from headrace.job.job import Program, Wheels
from headrace.job.mapping import ProcessingOutput
from headrace.job.program import Surroundings
from headrace.results.layout import REQUEST
from headrace.runtime.plugins.transforms import channels_of
from headrace.runtime.spec import (
    CODE_INPUT,
    CONFIG_INPUT,
    JOB_FILE,
    OUTPUT,
    REPORT,
    ROWS,
    EvaluationSpec,
    JobSpec,
)
from headrace.runtime.transform import table_reader
from headrace.uris import join, uri_of

if TYPE_CHECKING:
    from headrace.config.compose import Plan

SCRIPT = "entry.pyz"
DRIVER = "entry.py"
SCRIPT_FILE = f"code/{SCRIPT}"
DRIVER_FILE = f"code/{DRIVER}"
ARCHIVE_FILE = "py-files/headrace.zip"
CONFIG = "config"
CONFIG_FILE = f"config/{JOB_FILE}"
FILES: Mapping[Way, tuple[str, ...]] = {
    "python": (SCRIPT_FILE,),
    "spark": (ARCHIVE_FILE, DRIVER_FILE),
    "image": (CONFIG_FILE,),
}
"""The files that it ships, which the container has to be told."""


class Chain:
    """Compiles the chain that the configuration names."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def problems(self, way: Way, *, asking: bool) -> list[Problem]:
        """Return nothing: a configuration with a wrong chain is none."""
        return []

    def notes(self) -> list[str]:
        """Return why rows may differ from those of the run whose chain this is."""
        learned = self._plan.learned
        return [] if learned is None else [f"{WHERE}: {each}" for each in learned.notes]

    def variables(self, way: Way, wheels: Wheels) -> Mapping[str, str]:
        """Return nothing: the runtime itself unpacks packages wherever it works."""
        return {}

    def outputs(self) -> tuple[ProcessingOutput, ...]:
        """Return the channels that the chain declares, and the report."""
        base = uri_of(self._plan.config.output.path)
        channels = channels_of([step.transform for step in self._plan.chain])
        if self._plan.learned is not None:
            channels = (ROWS,)
        return tuple(
            ProcessingOutput(name, join(base, name), f"{OUTPUT}/{name}")
            for name in (*channels, REPORT)
        )

    def compile(self, around: Surroundings) -> tuple[Code, Program]:
        """Return the runtime half with the chain and its parameters.

        Raises:
            PluginError: A plugin cannot travel to the container.
        """
        spec = self._spec(around)
        code = ChainCode(spec, around.inputs, around.outputs, self._plugins())
        about = Program(
            "chain", spec, sha256=spec.sha256, packages=spec.packages, data_inputs=(DATA,)
        )
        return _brought(code, around.way), about

    def _spec(self, around: Surroundings) -> JobSpec:
        wheels = around.wheels
        # What another run looked things up in lies with what it learned.
        chain = self._plan.chain if self._plan.learned is None else ()
        readers = (table_reader(step.transform) for step in chain)
        tables = {reader.table_input for reader in readers if reader is not None}
        return replace(
            self._plan.spec,
            outputs={output.name: output.container_path for output in around.outputs},
            evaluation=_evaluation(self._plan.config.evaluation),
            packages={name: hashlib.sha256(wheels[name]).hexdigest() for name in wheels},
            files=(REQUEST, *FILES[around.way], *around.files),
            column_order=around.column_order,
            inputs={
                each.name: each.container_path for each in around.inputs if each.name in tables
            },
        )

    def _plugins(self) -> tuple[Plugin, ...]:
        used = {step.name: step.plugin for step in self._plan.chain}
        return tuple(used[name] for name in sorted(used))


def _brought(code: ChainCode, way: Way) -> Code:
    if way == "image":
        content = code.spec.to_json().encode()
        return Code((Shipment(CONFIG, CONFIG_INPUT, CONFIG_FILE, content),))
    if way == "python":
        return Code((Shipment(CODE, CODE_INPUT, SCRIPT_FILE, entry_script(code)),), SCRIPT)
    archive = Shipment(PY_FILES, PY_FILES_INPUT, ARCHIVE_FILE, py_files(code))
    driver = Shipment(CODE, CODE_INPUT, DRIVER_FILE, driver_script(code))
    return Code((archive, driver), DRIVER)


def _evaluation(config: AnyEvaluation) -> EvaluationSpec | None:
    if config.name == "none":
        return None
    return EvaluationSpec(config.passes, config.learning_rate, config.alpha, config.name)
