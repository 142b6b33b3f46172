"""Run a flow: its jobs by their targets, each once all that it needs is there.

A job that ran before is not run again if nothing that it depends on has changed and its result is
whole: `headrace.flow.digests` and `headrace.flow.store` decide. A job that fails stops what needs
it; the rest goes on.
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import RLock

from headrace import targets
from headrace.config.compose import Plan
from headrace.config.flow import GROUP
from headrace.errors import ConfigError, HeadraceError, JobFailed, Problem
from headrace.flow import flow as flows
from headrace.flow.conditions import unmet
from headrace.flow.digests import Digests, changed, digests_of
from headrace.flow.flow import Flow, FlowJob
from headrace.flow.states import JobState, State, rows_of, took
from headrace.flow.store import Record, Store, ended, shared_name
from headrace.prepare import NOT_ASKED, Ready, output_problems, prepare
from headrace.results import pages
from headrace.results.layout import MANIFEST
from headrace.results.stored import StoredResult
from headrace.runtime.shown import harmless
from headrace.targets.shutdown.interrupts import Interrupts
from headrace.uris import S3, uri_of

NOT_HERE = "is a raw step of a SageMaker pipeline, which no target runs; use action=pipeline"
ONE_PLACE = (
    "another run of this sweep has left its result there; give each run a place of its own, as in "
    "output.path=widths/${flow.parameters.width}"
)
ASIDE = "its result is not what it was; what was there is now in {place}"
Listener = Callable[[JobState], None]


@dataclass
class FlowRun:
    """One run of a flow: make it, then `plan` or `run` it."""

    flow: Flow
    sweep: str = ""
    """The sweep that it is a run of: results of the flows beside this one are used."""
    listener: Listener = lambda _: None
    """Called whenever the state of a job changes, one call at a time."""
    states: dict[str, JobState] = field(default_factory=dict)
    has_begun: bool = False
    """All has been checked, and jobs run."""
    _records: dict[str, Record | None] = field(default_factory=dict)
    _lock: RLock = field(default_factory=RLock)

    def plan(self) -> None:
        """Find out how each job stands, and what would run; nothing runs.

        Raises:
            ConfigError: Everything that stands in the way of a job.
            DataError: The data of a job is not what its configuration says it is.
        """
        self._look(dry=True)

    def _look(self, *, dry: bool) -> None:
        problems: list[Problem] = []
        for job in self.flow.jobs.values():
            if job.plan is None and not dry:
                problems.append(Problem(f"{GROUP}.jobs.{job.label}", NOT_HERE))
            try:
                state = self._planned(job, dry=dry)
            except ConfigError as error:
                where = f"{GROUP}.jobs.{job.label}"
                problems += [Problem(where, str(each)) for each in error.problems]
                state = self._state(job, "to run")
            self._note(state, is_told=False)
        if problems:
            raise ConfigError(list(dict.fromkeys(problems)))

    def run(self) -> None:
        """Run what has to be run; `states` tells what has become of each job.

        Raises:
            ConfigError: Everything that stands in the way of a job; nothing has run.
            JobFailed: Another run of the same flow is at work.
            KeyboardInterrupt: It was interrupted; what has ended before stays.
        """
        with Store(self.flow.root).locked():
            self._look(dry=False)
            self.has_begun = True
            if self.flow.config.parallel == 1:
                for job in self.flow.jobs.values():
                    self._step(job)
            else:
                self._side_by_side(self.flow.config.parallel)

    def _side_by_side(self, count: int) -> None:
        left, running = dict(self.flow.jobs), dict[Future[None], str]()
        done = set[str]()
        with Interrupts().caught() as interrupts, ThreadPoolExecutor(count) as pool:
            while left or running:
                for label, job in list(left.items()):
                    if len(running) < count and done.issuperset(job.needs):
                        running[pool.submit(self._step, left.pop(label))] = label
                ready, _ = wait(running, timeout=0.2, return_when=FIRST_COMPLETED)
                for each in ready:
                    done.add(running.pop(each))
                    each.result()
                interrupts.check()

    def _step(self, job: FlowJob) -> None:
        """Bring one job to its end, whatever that is; all that it needs has come to its own."""
        try:
            self._note(self._held_up(job) or self._ended(job))
        except HeadraceError as error:
            print(harmless(f"{job.label}: {error}"), file=sys.stderr, flush=True)
            why = str(error).strip().splitlines()
            self._note(self._state(job, "failed", why[-1].strip() if why else ""))

    def _held_up(self, job: FlowJob, *, is_run: bool = True) -> JobState | None:
        """Return the state of a job that cannot run or must not; None if it may.

        Args:
            job: The job.
            is_run: All that it needs has come to its end; else only what is there is looked at.

        Raises:
            ConfigError: A figure is not there, and nothing has run yet.
            JobFailed: A figure is not there.
        """
        needed = [self.states[label] for label in job.needs]
        for each in needed:
            if each.state in ("failed", "blocked"):
                return self._state(job, "blocked", f"{each.label} has no result")
        for each in needed:
            if each.state == "skipped":
                return self._state(job, "skipped", f"{each.label} was skipped")
        for condition in job.conditions:
            if not self.states[condition.job].has_result:
                continue
            try:
                why = unmet(condition, self._places(), self.flow.config.parameters)
            except JobFailed as error:
                if is_run:
                    raise
                raise ConfigError([Problem("", str(error))]) from error
            if why:
                is_failure = condition.otherwise == "fail" and is_run
                return self._state(job, "failed" if is_failure else "skipped", why)
        return None

    def _ended(self, job: FlowJob) -> JobState:
        job = self._at_its_place(job)
        digests, ready = self._digests(job, dry=False)
        with self._alone(job, digests):
            if (found := self._found(job, digests)) is not None:
                return self._unchanged(job, found)
            return self._executed(job, digests, ready)

    def _executed(self, job: FlowJob, digests: Digests, ready: Ready) -> JobState:
        if problems := output_problems(ready.config):
            if not self._is_damaged(job):
                raise ConfigError(problems)
            aside = Store(self.flow.root).set_aside(job.label, job.place)
            print(f"note: {job.label}: {ASIDE.format(place=aside)}", file=sys.stderr, flush=True)
        self._note(self._state(job, "running", self._why(job, digests)))
        for note in ready.notes:
            print(f"note: {job.label}: {note}", file=sys.stderr, flush=True)
        record = Record(job.label, job.place, digests, sweep=self.sweep)
        earlier = self._record(job.label)
        if self.sweep and earlier and earlier.is_of_run(job.place, self.sweep):
            raise ConfigError([Problem("output.path", ONE_PLACE)])
        if earlier is None or earlier.place != job.place:  # what will be there is this flow's
            self._keep(record)
        began = time.monotonic()
        result = targets.run(ready.job, ready.config)
        seconds = time.monotonic() - began
        if not result.output.startswith(S3):
            pages.try_run_page(Path(result.output))
        self._keep(ended(record, seconds))
        state, rows = self._state(job, "done"), rows_of(result.manifest)
        return replace(state, rows=rows, seconds=seconds, manifest=result.manifest)

    def _planned(self, job: FlowJob, *, dry: bool) -> JobState:
        """Return how a job stands before anything runs."""
        if job.plan is None:
            return self._state(job, "raw")
        if (state := self._held_up(job, is_run=False)) is not None:
            return state
        job, why = self._at_its_place(job), ""
        needed = [self.states[label] for label in job.needs]
        has_run = self._record(job.label) is not None or bool(self.sweep)
        if has_run and all(each.has_result for each in needed):
            digests, ready = self._digests(job, dry=dry)
            if (found := self._found(job, digests)) is not None:
                return self._unchanged(job, found)
            why = self._why(job, digests)
        else:
            ready = self._ready(job, dry=dry)
        asking = NOT_ASKED not in ready.notes
        problems = output_problems(self._replacing(job).config, asking)
        if problems and not self._is_damaged(job):
            raise ConfigError(problems)
        return self._state(job, "to run", why)

    def _record(self, label: str) -> Record | None:
        """Return the record of a job; it is read once, which on S3 takes its time."""
        if label not in self._records:
            self._records[label] = Store(self.flow.root).read(label)
        return self._records[label]

    def _keep(self, record: Record) -> None:
        """Write the record of a job.

        Raises:
            JobFailed: It cannot be written.
        """
        Store(self.flow.root).write(record)
        self._records[record.label] = record
        if self.sweep and record.manifest:  # so that other runs look in one place
            name = shared_name(record.label, record.digests)
            with suppress(JobFailed):  # who may not write it shares nothing
                Store(self.flow.root).above().write(record, name)

    def _is_damaged(self, job: FlowJob) -> bool:
        """Return whether this flow left a result at the job's place that is not what it was."""
        record = self._record(job.label)
        if record is None or record.place != job.place or job.place.startswith(S3):
            return False
        return bool(record.manifest) and not record.is_whole(strict=self.flow.config.strict)

    def _ready(self, job: FlowJob, *, dry: bool) -> Ready:
        coming = [
            uri
            for label in job.needs
            for uri in self.flow.jobs[label].outputs.values()
            if label not in self.states or not self.states[label].has_result
        ]
        ready = prepare(self._replacing(job), dry=dry, coming=coming, checks_output=False)
        targets.find(ready.config).check(ready.job, ready.config)
        return ready

    def _digests(self, job: FlowJob, *, dry: bool) -> tuple[Digests, Ready]:
        """Return what the job's result depends on, and the compiled job."""
        manifests = {
            label: hashlib.sha256(StoredResult(self.states[label].place).read(MANIFEST)).hexdigest()
            for label in job.needs
        }
        ready, strict = self._ready(job, dry=dry), self.flow.config.strict
        return digests_of(ready, self._places(), manifests, strict=strict), ready

    def _found(self, job: FlowJob, digests: Digests) -> Record | None:
        """Return the record of a whole result that is what the job would make."""
        if not job.cache.enabled:
            return None
        for record in self._candidates(job, digests):
            if record.is_of(digests) and record.is_whole(strict=self.flow.config.strict):
                return record
        return None

    def _candidates(self, job: FlowJob, digests: Digests) -> Iterator[Record]:
        """Yield the records that may be of such a result; in a sweep, what other runs share."""
        record = self._record(job.label)
        if record is not None and record.place == job.place:
            yield record
        if self.sweep:
            above = Store(self.flow.root).above()
            found = (above.read(name) for name in (shared_name(job.label, digests), job.label))
            yield from (each for each in found if each is not None)

    def _unchanged(self, job: FlowJob, record: Record) -> JobState:
        manifest = StoredResult(record.place).manifest()
        state = self._state(job, "unchanged")
        return replace(state, place=record.place, rows=rows_of(manifest), manifest=manifest)

    def _why(self, job: FlowJob, digests: Digests) -> str:
        """Return why a job that ran before runs again."""
        record = self._record(job.label)
        if record is None or record.place != job.place:
            return ""
        if not record.manifest:
            return "it had not ended"
        names = changed(record.digests, digests)
        if names:
            return f"{', '.join(names)} changed"
        return "its result is not whole" if job.cache.enabled else "its cache is off"

    def _replacing(self, job: FlowJob) -> Plan:
        """Return the job's configuration; a result that this flow left at its place is replaced."""
        plan = job.configured
        record = self._record(job.label)
        if record is None or record.place != job.place:
            return plan
        output = plan.config.output.model_copy(update={"overwrite": True})
        return replace(plan, config=plan.config.model_copy(update={"output": output}))

    def _at_its_place(self, job: FlowJob) -> FlowJob:
        """Return the job with the places that the results which it reads are at."""
        moved = {
            label
            for label in job.needs
            if label in self.states
            and self.states[label].has_result
            and self.states[label].place != self.flow.jobs[label].place
        }
        if not moved:
            return job
        with self._lock:
            return flows.composed(self.flow, job, places=self._places())

    def _places(self) -> dict[str, str]:
        """Return ``job.channel`` → URI, where it is or will be."""
        places = self.flow.outputs()
        for state in list(self.states.values()):
            job = self.flow.jobs[state.label]
            if state.has_result and state.place != job.place:
                old, new = uri_of(job.place), uri_of(state.place)
                places |= {
                    f"{job.label}.{name}": f"{new}{uri.removeprefix(old)}"
                    for name, uri in job.outputs.items()
                }
        return places

    @contextmanager
    def _alone(self, job: FlowJob, digests: Digests) -> Iterator[None]:
        """Let one run of a sweep at a time make a result that the others share."""
        shared, name = Store(self.flow.root).above(), shared_name(job.label, digests)
        with shared.locked(f"{name}.lock", waits=True) if self.sweep else nullcontext():
            yield

    def _state(self, job: FlowJob, state: State, why: str = "") -> JobState:
        raw = job.settings.raw
        kind = str(raw.get("Type", "")) if raw is not None else job.configured.config.program.name
        return JobState(job.label, state, why, job.place, needs=job.needs, kind=kind)

    def _note(self, state: JobState, *, is_told: bool = True) -> None:
        with self._lock:
            self.states[state.label] = state
            if is_told:
                self.listener(state)


def line_of(state: JobState) -> str:
    """Return a line for the user who watches a run."""
    words = [state.said]
    if state.rows is not None:
        words.append(f"{state.rows:,} rows")
    if state.seconds is not None:
        words.append(took(state.seconds))
    return f"{state.label}: {', '.join(words)}"


def failure(states: Mapping[str, JobState]) -> JobFailed | None:
    """Return the error of a flow in which jobs have failed; None if none has."""
    failed = [each.label for each in states.values() if each.state == "failed"]
    if not failed:
        return None
    blocked = [each.label for each in states.values() if each.state == "blocked"]
    what = f"{', '.join(failed)} failed"
    if blocked:
        it = "it needs" if len(blocked) == 1 else "they need"
        what += f"; {', '.join(blocked)} did not run, since {it} that"
    count = len(failed) + len(blocked)
    has = "has" if count == 1 else "have"
    return JobFailed(f"{count} of {len(states)} jobs {has} no result: {what}")
