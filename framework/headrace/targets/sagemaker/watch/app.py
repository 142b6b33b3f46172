"""The live view of jobs by Textual: its screens, and what ends it.

Source: https://textual.textualize.io/guide/
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from typing import ClassVar

from textual.app import App
from textual.binding import Binding, BindingType

from headrace.runtime.process.signals import obeyed
from headrace.targets.sagemaker.watch.jobs_screen import JobsScreen
from headrace.targets.sagemaker.watch.source import Source

INTERRUPTED = 130


def watch(sources: Sequence[Source], part: str | None, usd_per_hour: float | None) -> None:
    """Show the jobs until the user has seen enough.

    Args:
        sources: Where to look.
        part: A text that names contain; None for any.
        usd_per_hour: Price of one instance; default: list prices.

    Raises:
        KeyboardInterrupt: The user has pressed Ctrl-C, or a signal came in.
        SystemExit: There is a bug, whose traceback Textual has shown.
    """
    app = JobsApp(sources, part, usd_per_hour, obeys_signals=True)
    app.run()
    if app.return_code == INTERRUPTED:
        raise KeyboardInterrupt
    if app.return_code:
        raise SystemExit(app.return_code)


class JobsApp(App[None]):
    """The view.

    Args:
        sources: Where to look.
        part: A text that names contain; None for any.
        usd_per_hour: Price of one instance; default: list prices.
        obeys_signals: Have signals that ask for an end close the view.
    """

    TITLE = "headrace jobs"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #head, #title { height: auto; max-height: 2; padding: 0 1; }
    #head, #title { background: $panel; color: $foreground; }
    #filter { display: none; height: 1; border: none; padding: 0 1; }
    #filter.shown { display: block; }
    #said, #wrong { height: auto; max-height: 6; padding: 0 1; }
    #said.wrong, #wrong { color: $text-error; }
    DataTable { height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "interrupt", show=False, priority=True),
    ]

    def __init__(
        self,
        sources: Sequence[Source],
        part: str | None = None,
        usd_per_hour: float | None = None,
        *,
        obeys_signals: bool = False,
    ) -> None:
        self._jobs = JobsScreen(sources, part, usd_per_hour)
        super().__init__()
        self._obeys_signals = obeys_signals

    def get_default_screen(self) -> JobsScreen:
        """Return the table of jobs."""
        return self._jobs

    def on_mount(self) -> None:
        """Have signals close the view, so that the terminal becomes what it was."""
        if self._obeys_signals:
            for number in obeyed():
                asyncio.get_running_loop().add_signal_handler(number, self.action_interrupt)

    def on_unmount(self) -> None:
        """Have signals do what they did before."""
        if self._obeys_signals:
            for number in obeyed():
                asyncio.get_running_loop().remove_signal_handler(number)
                signal.signal(number, signal.default_int_handler)

    def action_interrupt(self) -> None:
        """End as after Ctrl-C."""
        self.exit(return_code=INTERRUPTED)
