"""The screens in front of the table of jobs: a log, a description, a question, a choice, help."""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.message import Message
from textual.screen import ModalScreen, Screen
from textual.widgets import Footer, Input, OptionList, RichLog, Static

from headrace.runtime.shown import harmless
from headrace.targets.sagemaker.prices import origin
from headrace.targets.sagemaker.watch.rows import Job
from headrace.targets.sagemaker.watch.source import in_a_line
from headrace.terminal.lines import shown

POLL_SECONDS = 5.0
_BACK = Binding("escape,q", "dismiss", "back", key_display="Esc")
MOST_LINES = 20_000
"""Lines of a log that are kept."""
KEYS = """\
 ↑ ↓ Home End   choose a job
 /              filter by words of name, state, type, region
 Esc            show all jobs again, or leave a screen
 l, Enter       follow the log of the job
 d              describe the job
 s              stop the job, after a question
 r              choose regions
 p              choose profiles of the AWS configuration
 F5             ask SageMaker now (it is asked every 10 s)
 q              quit
 Ctrl-C         quit, with status 130

 In a log: f stops and starts following, Home and End go
 to its ends. * marks a time or a cost so far."""


class Log(Screen[None]):
    """The log of a job, which grows while the job runs.

    Args:
        job: The job.
    """

    CSS = "RichLog { height: 1fr; padding: 0 1; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        _BACK,
        Binding("f", "follow", "follow"),
        Binding("home", "home", "begin"),
        Binding("end", "end", "end"),
    ]

    class Read(Message):
        """The thread has read something, or learned why it cannot."""

        def __init__(self, texts: Sequence[str], status: str, wrong: str) -> None:
            super().__init__()
            self.texts = texts
            self.status = status
            self.wrong = wrong

    def __init__(self, job: Job) -> None:
        super().__init__()
        self._job = job
        self._has_ended = threading.Event()
        self._lines = 0

    def compose(self) -> ComposeResult:
        """Lay out the screen."""
        yield Static(id="title", markup=False)
        yield RichLog(max_lines=MOST_LINES, wrap=True, min_width=20)
        yield Static(id="wrong", markup=False)
        yield Footer(compact=True)

    def on_mount(self) -> None:
        """Begin to read."""
        self.query_one(RichLog).focus()
        self._say("reading …")
        threading.Thread(target=self._read, daemon=True).start()

    def on_unmount(self) -> None:
        """Read no more."""
        self._has_ended.set()

    def action_follow(self) -> None:
        """Stay where one reads, or go on with the end."""
        log = self.query_one(RichLog)
        log.auto_scroll = not log.auto_scroll
        if log.auto_scroll:
            log.scroll_end(animate=False)
        self._say("following" if log.auto_scroll else "not following")

    def action_home(self) -> None:
        """Go to the beginning, and stay there."""
        log = self.query_one(RichLog)
        log.auto_scroll = False
        log.scroll_home(animate=False)

    def action_end(self) -> None:
        """Go to the end, and follow."""
        log = self.query_one(RichLog)
        log.auto_scroll = True
        log.scroll_end(animate=False)

    def _read(self) -> None:
        """Read the lines, in a thread, until the job has ended or somebody leaves the screen."""
        source, record = self._job.source, self._job.record
        tail, pause, is_last = None, POLL_SECONDS, False
        while not self._has_ended.is_set():
            texts, wrong = [], ""
            try:
                tail = tail or source.log(record)
                is_last = record.has_ended
                lines = tail.new_lines()
                several = record.request.instance_count > 1
                texts = [f"{each.host}: {each.text}" if several else each.text for each in lines]
                if not is_last:
                    record = source.find(record.name)
            except Exception as error:  # in a view that goes on
                wrong = in_a_line(error)
            pause = min(2 * pause, 60) if wrong else POLL_SECONDS
            self.post_message(self.Read(texts, record.status, wrong))
            if is_last and not wrong:
                return
            self._has_ended.wait(pause)

    @on(Read)
    def take(self, message: Read) -> None:
        """Show what has been read."""
        log = self.query_one(RichLog)
        for text in message.texts:
            log.write(Text.from_ansi(shown(text)))
        self._lines += len(message.texts)
        lines = f"{self._lines:,} line{'' if self._lines == 1 else 's'}"
        self._say(f"{message.status}, {lines}")
        self.query_one("#wrong", Static).update(message.wrong)

    def _say(self, what: str) -> None:
        title = f"{self._job.name}  ·  {self._job.source}  ·  {what}"
        self.query_one("#title", Static).update(title)


class Paper(Screen[None]):
    """Lines to read.

    Args:
        title: Its title.
    """

    CSS = "#lines { padding: 0 1; }"
    BINDINGS: ClassVar[list[BindingType]] = [_BACK]

    class Written(Message):
        """A thread has got the lines."""

        def __init__(self, lines: Sequence[str]) -> None:
            super().__init__()
            self.lines = lines

    def __init__(self, title: str) -> None:
        super().__init__()
        self._head = title

    def compose(self) -> ComposeResult:
        """Lay out the screen."""
        yield Static(self._head, id="title", markup=False)
        with VerticalScroll():
            yield Static("asking SageMaker …", id="lines", markup=False)
        yield Footer(compact=True)

    def show(self, lines: Sequence[str]) -> None:
        """Show lines; may be called in any thread."""
        self.post_message(self.Written(lines))

    @on(Written)
    def take(self, message: Written) -> None:
        """Show the lines that a thread has got."""
        self.query_one("#lines", Static).update(harmless("\n".join(message.lines)))


DIALOG = """
{name} { align: center middle; }
{name} > Vertical {
    width: auto; max-width: 95%; height: auto; max-height: 90%;
    border: round $primary; padding: 0 1; background: $surface;
}
{name} Static { width: auto; max-width: 100%; }
"""


class Confirmation(ModalScreen[bool]):
    """A question to which only ``y`` means yes.

    Args:
        question: What is asked.
        why: What it would mean.
    """

    CSS = DIALOG.replace("{name}", "Confirmation")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "dismiss(True)", "yes"),
        Binding("n,escape,q,enter", "dismiss(False)", "no"),
    ]

    def __init__(self, question: str, why: str) -> None:
        super().__init__()
        self._text = f"{question}\n{why}\n\n y  yes    n  no"

    def compose(self) -> ComposeResult:
        """Lay out the question."""
        with Vertical():
            yield Static(self._text, markup=False)


class Help(ModalScreen[None]):
    """The keys."""

    CSS = DIALOG.replace("{name}", "Help")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,enter", "dismiss", "back"),
    ]

    def compose(self) -> ComposeResult:
        """Lay out the keys."""
        with Vertical():
            yield Static(f"{KEYS}\n Costs are estimates by\n {origin()}.", markup=False)


class _Find(Input):
    """A text without blanks, so that the key for a blank is left to the screen."""

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """Return whether a key is for the text."""
        return key != "space" and super().check_consume_key(key, character)


class Choice(ModalScreen[list[str]]):
    """A list of which some are chosen, narrowed by what is typed.

    Args:
        what: What they are.
        names: All of them; there are no blanks in them.
        chosen: Those that are chosen already.
    """

    CSS = (
        DIALOG.replace("{name}", "Choice")
        + """
    Choice > Vertical { width: 48; }
    Choice OptionList { height: auto; max-height: 14; border: none; }
    Choice Input { border: none; height: 1; padding: 0; }
    """
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "leave it"),
        Binding("enter", "accept", "take these", priority=True),
        Binding("space", "choose", "choose", priority=True),
        Binding("down", "move(1)", show=False, priority=True),
        Binding("up", "move(-1)", show=False, priority=True),
    ]

    def __init__(self, what: str, names: Sequence[str], chosen: Collection[str]) -> None:
        super().__init__()
        self._what = what
        self._names = names
        self._chosen = set(chosen)
        self._found: list[str] = []

    def compose(self) -> ComposeResult:
        """Lay out the list."""
        with Vertical():
            said = f"{self._what}: ↑ ↓ Space choose, Enter takes them"
            yield Static(said, markup=False)
            yield _Find(placeholder="type to find")
            yield OptionList(markup=False)

    def on_mount(self) -> None:
        """Show all names, the chosen ones first."""
        self.query_one(OptionList).can_focus = False
        self.query_one(Input).focus()
        self._names = sorted(self._names, key=lambda name: name not in self._chosen)
        self._fill("")

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show the names that contain what was typed; those that are chosen stay chosen."""
        self._fill(event.value)

    def action_move(self, step: int) -> None:
        """Go to another name."""
        names = self.query_one(OptionList)
        if self._found:
            names.highlighted = ((names.highlighted or 0) + step) % len(self._found)

    def action_choose(self) -> None:
        """Choose the name, or choose it no more."""
        names = self.query_one(OptionList)
        place = names.highlighted
        if place is not None:
            self._chosen ^= {self._found[place]}
            names.replace_option_prompt_at_index(place, self._line(self._found[place]))

    def action_accept(self) -> None:
        """Take the chosen ones."""
        self.dismiss([name for name in self._names if name in self._chosen])

    def _fill(self, part: str) -> None:
        self._found = [name for name in self._names if part.strip().lower() in name.lower()]
        names = self.query_one(OptionList)
        names.clear_options()
        names.add_options([self._line(name) for name in self._found])
        names.highlighted = 0 if self._found else None

    def _line(self, name: str) -> str:
        return f"{'✓' if name in self._chosen else ' '} {name}"
