"""The screen of the live view that is there first: a table of jobs, a filter, and keys.

Source: https://textual.textualize.io/guide/
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen
from textual.widgets import DataTable, Footer, Input, Static

from headrace.errors import ConfigError
from headrace.runtime.shown import plain
from headrace.targets.sagemaker.record import COLOURS, JobRecord, described
from headrace.targets.sagemaker.watch import source as watched
from headrace.targets.sagemaker.watch.feed import Feed, Snapshot
from headrace.targets.sagemaker.watch.rows import NUMBERS, STATE, Job, counts, jobs_of, table
from headrace.targets.sagemaker.watch.screens import Choice, Confirmation, Help, Log, Paper
from headrace.targets.sagemaker.watch.source import Source, in_a_line
from headrace.terminal.colours import painted
from headrace.terminal.tables import width_of

TICK_SECONDS = 5.0
_BETWEEN = 2
"""Columns of the terminal between two of the table: Textual pads cells on both sides."""


class JobsScreen(Screen[None]):
    """The table of jobs, and what can be done with the job that the cursor is on.

    Args:
        sources: Where to look.
        part: A text that names contain; None for any.
        usd_per_hour: Price of one instance; default: list prices.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "filter", key_display="/"),
        Binding("enter,l", "log", "log", key_display="l"),
        Binding("d", "describe", "describe"),
        Binding("s", "stop", "stop"),
        Binding("r", "regions", "regions"),
        Binding("p", "profiles", "profiles"),
        Binding("f5", "refresh", "refresh", show=False),
        Binding("question_mark", "help", "help", key_display="?"),
        Binding("q", "app.quit", "quit"),
        Binding("escape", "unfilter", show=False),
    ]

    class Updated(Message):
        """A source has answered."""

        def __init__(self, snapshot: Snapshot) -> None:
            super().__init__()
            self.snapshot = snapshot

    class Said(Message):
        """A thread has something to tell."""

        def __init__(self, text: str, *, is_wrong: bool = False) -> None:
            super().__init__()
            self.text = text
            self.is_wrong = is_wrong

    class Found(Message):
        """A thread has got the answer about a job."""

        def __init__(self, job: Job) -> None:
            super().__init__()
            self.job = job

    def __init__(
        self, sources: Sequence[Source], part: str | None, usd_per_hour: float | None
    ) -> None:
        super().__init__()
        self._part = part
        self._usd_per_hour = usd_per_hour
        self._snapshots = {source: Snapshot(source) for source in sources}
        self._feeds: list[Feed] = []
        self._jobs: list[Job] = []
        self._columns: list[str] = []
        self._last_said: JobsScreen.Said | None = None
        self._has_all = False

    def compose(self) -> ComposeResult:
        """Lay out the view."""
        yield Static(id="head", markup=False)
        yield Input(placeholder="words of a name, state, type or region; Esc: all", id="filter")
        yield DataTable(cursor_type="row", zebra_stripes=True)
        yield Static(id="said", markup=False)
        yield Footer(compact=True)

    def on_mount(self) -> None:
        """Begin to ask SageMaker."""
        self._table.focus()
        self._watch()
        self.set_interval(TICK_SECONDS, self._fill)

    def on_unmount(self) -> None:
        """Ask no more."""
        for feed in self._feeds:
            feed.stop()

    def on_resize(self) -> None:
        """Fit the table into the terminal."""
        self._fill()

    @on(Updated)
    def take(self, message: Updated) -> None:
        """Show what a source has answered."""
        if message.snapshot.source in self._snapshots:  # else it was deselected
            self._snapshots[message.snapshot.source] = message.snapshot
            self._fill()

    @on(Said)
    def say(self, message: Said) -> None:
        """Show a line, until the next one."""
        self._last_said = message
        self._show_said()

    @on(Found)
    def found(self, message: Found) -> None:
        """Take in a job that somebody has asked for."""
        snapshot = self._snapshots.get(message.job.source)
        if snapshot is not None:
            record = message.job.record
            jobs = tuple(record if job.name == record.name else job for job in snapshot.jobs)
            self._snapshots[snapshot.source] = replace(snapshot, jobs=jobs)
            self._fill()

    @on(Input.Changed, "#filter")
    def narrow(self) -> None:
        """Show the jobs that fit what has been typed so far."""
        self._fill()

    @on(Input.Submitted, "#filter")
    def leave_filter(self) -> None:
        """Go on with the jobs that are left."""
        self._table.focus()

    @on(DataTable.RowSelected)
    def select(self) -> None:
        """Show the log of the row on which somebody has pressed Enter."""
        self.action_log()

    def action_filter(self) -> None:
        """Let the user type a filter."""
        self._filter.add_class("shown")
        self._filter.focus()

    def action_unfilter(self) -> None:
        """Show all jobs."""
        self._filter.value = ""
        self._filter.remove_class("shown")
        self._table.focus()

    def action_refresh(self) -> None:
        """Ask SageMaker now."""
        for feed in self._feeds:
            feed.refresh()

    def action_log(self) -> None:
        """Follow the log of the chosen job."""
        if job := self._chosen():
            self.app.push_screen(Log(job))

    def action_describe(self) -> None:
        """Show what SageMaker knows of the chosen job."""
        if job := self._chosen():
            paper = Paper(job.name)
            self.app.push_screen(paper)
            self._ask(lambda: paper.show(described(self._found(job), self._usd_per_hour)))

    def action_stop(self) -> None:
        """Stop the chosen job, if the user means it."""
        job = self._chosen()
        if job is None:
            return
        if job.record.has_ended:
            self.say(self.Said(f"{job.name}: nothing to stop, it ended: {job.record.status}"))
            return

        def answered(is_sure: bool | None) -> None:
            if is_sure:
                self._ask(lambda: self._stop(job))

        question = f"Stop {job.name} ({job.source})?"
        self.app.push_screen(Confirmation(question, "Its instances are released."), answered)

    def action_regions(self) -> None:
        """Choose the regions to look into."""
        known = self._known(watched.all_regions)
        if known is None:
            return
        chosen = {source.region for source in self._snapshots}

        def answered(regions: list[str] | None) -> None:
            if regions:
                profiles = dict.fromkeys(source.profile for source in self._snapshots)
                self._look_into([Source(each, profile) for profile in profiles for each in regions])

        self.app.push_screen(Choice("regions", known, chosen), answered)

    def action_profiles(self) -> None:
        """Choose the profiles to look with."""
        known = self._known(watched.all_profiles)
        if known is None:
            return
        if not known:
            self.say(self.Said("there are no profiles; 'aws configure' makes them"))
            return
        chosen = {source.profile for source in self._snapshots if source.profile}

        def answered(profiles: list[str] | None) -> None:
            if profiles is not None:
                regions = dict.fromkeys(source.region for source in self._snapshots)
                seen_by: Sequence[str | None] = profiles or [None]
                self._look_into([Source(region, each) for each in seen_by for region in regions])

        self.app.push_screen(Choice("profiles", known, chosen), answered)

    def action_help(self) -> None:
        """Explain the keys."""
        self.app.push_screen(Help())

    @property
    def _table(self) -> DataTable[Text]:
        return self.query_one(DataTable)

    @property
    def _filter(self) -> Input:
        return self.query_one("#filter", Input)

    def _watch(self) -> None:
        self._last_said = None
        self._feeds = [
            Feed(source, self._part, lambda snapshot: self.post_message(self.Updated(snapshot)))
            for source in self._snapshots
        ]
        for feed in self._feeds:
            feed.start()
        self._fill()

    def _look_into(self, sources: Sequence[Source]) -> None:
        for feed in self._feeds:
            feed.stop()
        self._snapshots = {
            source: self._snapshots.get(source, Snapshot(source)) for source in sources
        }
        self._watch()

    def _fill(self) -> None:
        """Draw everything anew; the cursor stays on its job."""
        if not self.is_attached:
            return
        chosen, view, now = self._chosen(), self._table, datetime.now(UTC)
        self._jobs = jobs_of(self._snapshots.values(), self._filter.value)
        rows = table(
            self._jobs,
            [*self._snapshots],
            max(20, self.size.width - 4),  # the table's own padding, and its scroll bar
            self._usd_per_hour,
            now,
            _BETWEEN,
        )
        scrolled = view.scroll_offset
        view.clear(columns=True)
        widths = [max(map(width_of, column)) for column in zip(*rows, strict=True)]
        for head, width in zip(rows[0], widths, strict=True):
            view.add_column(_text(head, head), width=width, key=head)
        for row in rows[1:]:
            view.add_row(*_texts(row, rows[0]))
        keys = [job.key for job in self._jobs]
        had_all, self._has_all = (
            self._has_all,
            all(each.at or each.error for each in self._snapshots.values()),
        )
        if had_all and chosen is not None and chosen.key in keys:
            view.move_cursor(row=keys.index(chosen.key), animate=False, scroll=False)
            view.scroll_to(scrolled.x, scrolled.y, animate=False)
        self._show_head()
        self._show_said()

    def _show_head(self) -> None:
        answers = [each.at for each in self._snapshots.values() if each.at]
        places = ", ".join(map(str, self._snapshots))
        said = [counts(self._jobs) if answers else "asking SageMaker …"]
        if answers:
            said.append(f"{max(answers):%H:%M:%S} UTC")
        said.append(plain(places))
        if any(each.has_more for each in self._snapshots.values()):
            said.append(f"the newest {watched.SHOWN} of each region")
        self.query_one("#head", Static).update("  ·  ".join(said))

    def _show_said(self) -> None:
        """Show what SageMaker refuses, else what was said last."""
        errors = [f"{each.source}: {each.error}" for each in self._snapshots.values() if each.error]
        last = self._last_said
        said = [*errors, *([last.text] if last else [])]
        line = self.query_one("#said", Static)
        line.set_class(bool(errors) or (last is not None and last.is_wrong), "wrong")
        line.update("\n".join(plain(each, 1_000) for each in said))

    def _chosen(self) -> Job | None:
        """Return the job that the cursor is on; None if there is none."""
        place = self._table.cursor_row
        return self._jobs[place] if 0 <= place < len(self._jobs) else None

    def _known(self, names: Callable[[], list[str]]) -> list[str] | None:
        """Return what there is to choose from; None, and a line, if that cannot be told."""
        try:
            return names()
        except ConfigError as error:
            self.say(self.Said(in_a_line(error), is_wrong=True))
            return None

    def _ask(self, work: Callable[[], object]) -> None:
        """Do something in a thread that keeps nobody waiting; its error becomes a line."""

        def attempt() -> None:
            try:
                work()
            except Exception as error:  # in a view that goes on
                self.post_message(self.Said(in_a_line(error), is_wrong=True))

        threading.Thread(target=attempt, daemon=True).start()

    def _found(self, job: Job) -> JobRecord:
        record = job.source.find(job.record.name)
        self.post_message(self.Found(Job(job.source, record)))
        return record

    def _stop(self, job: Job) -> None:
        record = job.source.stop(job.record.name)
        self.post_message(self.Found(Job(job.source, record)))
        what = f"{job.name}: is being stopped, which takes up to two minutes"
        self.post_message(self.Said(what))


def _texts(row: Sequence[str], heads: Sequence[str]) -> list[Text]:
    """Return the cells of a row with their colours; nothing in them is taken for markup."""
    texts = [_text(cell, head) for cell, head in zip(row, heads, strict=True)]
    if colour := COLOURS.get(row[STATE]):
        texts[STATE] = Text.from_ansi(painted(row[STATE], colour))
    return texts


def _text(cell: str, head: str) -> Text:
    return Text(cell, justify="right" if head in NUMBERS else "left")
