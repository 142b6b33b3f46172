"""``action=run``: compiles the job and has the target execute it."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.hydra_config import HydraConfig

from headrace import targets
from headrace.cli.sweep import lines
from headrace.config.defaults import command
from headrace.prepare import prepare
from headrace.results import pages as report
from headrace.results.pages.story import Made
from headrace.results.result import closing, figures_of, how_to_load, warned
from headrace.runtime.shown import masked_override
from headrace.terminal.colours import GREEN, YELLOW, coloured
from headrace.terminal.links import linked
from headrace.uris import S3

if TYPE_CHECKING:
    from headrace.config.compose import Plan
    from headrace.config.models import JobConfig
    from headrace.results.result import Result


def perform(plan: Plan) -> Result:
    """Run the job to its end and show what came out."""
    ready = prepare(plan, dry=False)
    for note in ready.notes:
        print(f"note: {note}", file=sys.stderr, flush=True)
    return shown(targets.run(ready.job, ready.config), ready.config)


def shown(result: Result, config: JobConfig) -> Result:
    """Print the result's summary and make its page; return the result.

    A run of a sweep prints a line, since a table shows all of them together in the end.
    """
    if lines.in_sweep():
        _page(result, config)
        lines.done(closing(result))
        return result
    out = sys.stdout
    warnings = [coloured(line, YELLOW, out) for line in warned(result.manifest)]
    done = coloured(closing(result), GREEN, out)
    print("\n".join([*figures_of(result), *warnings, done]), flush=True)  # a page takes its time
    if page := _page(result, config):
        print(f"page     {linked(str(page), out)}")
    if code := how_to_load(result):
        print(f"load     {code}")
    print(linked(result.output, out), flush=True)
    return result


def _page(result: Result, config: JobConfig) -> Path | None:
    """Make the page of a result on this machine."""
    if not result.manifest or result.output.startswith(S3):
        return None
    return report.try_run_page(Path(result.output), _made(config))


def _made(config: JobConfig) -> Made | None:
    """Return what was typed and chosen, and where the job ran; None if Hydra runs nothing."""
    if not HydraConfig.initialized():
        return None
    target, hydra = targets.find(config), HydraConfig.get()
    typed = shlex.join(map(masked_override, hydra.overrides.task))
    choices = hydra.runtime.choices
    what = choices.get("experiment") or choices.get("transform") or ""
    is_here = target.uses_this_python
    where = "on this machine" if is_here else "in a container on this machine"
    where = "on SageMaker" if target.is_remote else where
    return Made(f"{command()} {typed}".rstrip(), str(what), where, image_ran=not is_here)
