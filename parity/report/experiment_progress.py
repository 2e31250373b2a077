"""How far an experiment is: bars on a terminal, a line now and then elsewhere, both on standard error."""

import sys
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any

from parity.report.experiment_designs import designs_table
from parity.report.formats import to_text
from parity.report.model import Report
from parity.text import counted, integer

if TYPE_CHECKING:
    from parity.experiments.plan import Plan
    from parity.experiments.pool import Report as OnStep
    from parity.experiments.run import Asked
    from parity.experiments.training import Run

SECONDS_BETWEEN_LINES = 10.0


class Display:
    """A context in which `begin` and `say` may be called; bars are taken away at its end."""

    def __init__(self, plan: "Plan") -> None:
        self.plan = plan
        self._bars: Any = None
        self._tasks: dict[str, Any] = {}
        self._steps: dict[str, int] = {}
        self._begun: dict[str, int] = {}
        self._total = self._left = 0
        self._start = self._last_line = monotonic()

    def __enter__(self) -> "Display":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._bars is not None:
            self._bars.stop()

    def say(self, text: str) -> None:
        """A line."""
        if sys.stderr is not None:
            print(text, file=sys.stderr, flush=True)  # noqa: T201 (it is what this module is for)

    def begin(self, asked: "Asked") -> "OnStep":
        """Show the designs and what there is to do; what is returned shows a step that was done."""
        self.say(to_text(Report({}, (designs_table(self.plan.suite, self.plan.scale),))))
        done = len(asked.runs) - len(asked.left)
        self.say(
            f"{len(asked.runs)} runs of {counted(self.plan.steps, 'step')}, {integer(self.plan.tokens)} tokens each"
            + (f"; {done} done before" if done else "")
        )
        self._total = len(asked.left) * self.plan.steps
        self._start = self._last_line = monotonic()
        if asked.left and sys.stderr is not None and sys.stderr.isatty():
            self._bars = _bars()
            self._bars.start()
            self._tasks[""] = self._bars.add_task("all", total=self._total, state="")
        return self.step

    def step(self, run: "Run", step: int, loss: float) -> None:
        """Show that a run has done a step."""
        if not step or self._steps.get(run.name) == step:
            return
        self._begun.setdefault(run.name, step)
        self._steps[run.name] = step
        done = sum(self._steps.values())
        seconds = max(monotonic() - self._start, 1e-9)
        rate = (done - sum(self._begun.values())) / seconds  # steps of an earlier call took none of this one's time
        tokens = rate * self.plan.tokens / self.plan.steps
        speed = f"{integer(round(tokens))} tokens/s, {_left((self._total - done) / rate)}" if rate else "starting"
        if self._bars is not None:
            self._show_bars(run.name, step, loss, done, speed)
        elif monotonic() - self._last_line >= SECONDS_BETWEEN_LINES or step == self.plan.steps:
            self._last_line = monotonic()
            self.say(
                f"{run.name}: step {integer(step)} of {integer(self.plan.steps)}, loss {loss:.3f}; "
                f"{done / self._total:.0%} of all, {speed}"
            )

    def _show_bars(self, name: str, step: int, loss: float, done: int, speed: str) -> None:
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(name, total=self.plan.steps, state="")
        state = f"{integer(step)} of {integer(self.plan.steps)} steps, loss {loss:.3f}"
        self._bars.update(self._tasks[name], completed=step, state=state)
        self._bars.update(self._tasks[""], completed=done, state=speed)
        if step == self.plan.steps:
            self._bars.remove_task(self._tasks.pop(name))


def _bars() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[state]}"))
    return Progress(*columns, console=Console(stderr=True), transient=True)


def _left(seconds: float) -> str:
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02} min left" if hours else f"{minutes} min left" if minutes else "under a minute left"
