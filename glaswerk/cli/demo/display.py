"""Progress of the fill: bars with the time left on a terminal, a plain line every few seconds elsewhere."""

import time
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

LINE_EVERY_S: Final = 4.0
# Clips come in bursts of several processes, so the speed is taken over a longer time than the default 30 s.
_SPEED_OVER_S: Final = 90.0


class Display:
    """Shows several counted steps at once; use it as a context."""

    def __init__(self, console: Console) -> None:
        """Draw on `console`; whether it is a terminal decides the form."""
        self._console = console
        self._progress = Progress(
            TextColumn("  {task.description:<12}"),
            BarColumn(bar_width=32),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
            speed_estimate_period=_SPEED_OVER_S,
        )
        self._steps: dict[str, TaskID] = {}
        self._line_at = 0.0
        self._last_line = ""

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._progress.stop()
        self._print_line()

    def add(self, step: str, total: int) -> None:
        """Add a step that counts up to `total`."""
        self._steps[step] = self._progress.add_task(step, total=total)

    def advance(self, step: str, number: int = 1) -> None:
        """Count a step on."""
        self._progress.advance(self._steps[step], number)
        self.tick()

    def tick(self) -> None:
        """Print a line where it is time for one; call it often."""
        if not self._console.is_terminal and time.monotonic() - self._line_at >= LINE_EVERY_S:
            self._print_line()

    def _print_line(self) -> None:
        if self._console.is_terminal or not self._steps:
            return
        self._line_at = time.monotonic()
        shown = []
        for task in self._progress.tasks:
            if task.completed == 0:
                continue
            text = f"{task.description} {task.completed:.0f}/{task.total:.0f}"
            if not task.finished and task.time_remaining is not None:
                text += f" ({task.time_remaining:.0f} s left)"
            shown.append(text)
        line = "  " + (" · ".join(shown) or "starting")
        if line != self._last_line:
            self._last_line = line
            self._console.print(line, highlight=False, soft_wrap=True)
