"""The plots of the report, as SVG to put into a page. Needs matplotlib (requirements-load.txt)."""

import io
import re
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib as mpl

mpl.use("svg")
from matplotlib import pyplot as plt

from tests.load.report.figures import percentile, windows
from tests.load.report.readings import OURS, THEIRS, Point, Readings
from tests.load.report.recovery import Recovery

SIZE = (10, 2.8)
WINDOW_SECONDS = 30.0
MAX_WINDOWS = 120


def plots(readings: Readings, found: Sequence[Recovery]) -> dict[str, str]:
    """SVG by title."""
    drawn: dict[str, Callable[[Any, Readings], None]] = {
        "Events received a second": _throughput,
        "Answers: seconds, p50, p95 and p99": _latencies,
        "Lag in seconds": _lag,
        "CPU in cores, by process": _cpu,
        "Memory in MB, by process": _memory,
        "Redis: MB used, and events that wait": _redis,
        "Disk of the lake in MB": _disk,
        "CPU of the machine in cores, and the disk's busy share": _machine,
        "Open files": _files,
    }
    return {title: _svg(draw, readings, found) for title, draw in drawn.items()}


def _svg(draw: Callable[[Any, Readings], None], readings: Readings, found: Sequence[Recovery]) -> str:
    figure, axes = plt.subplots(figsize=SIZE, layout="constrained")
    draw(axes, readings)
    _mark_faults(axes, readings, found)
    axes.set_xlabel("minutes")
    axes.set_xlim(0, (readings.ended - readings.began) / 60)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize="small", frameon=False)
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None})
    plt.close(figure)
    return re.sub(r"^.*?(?=<svg)", "", file.getvalue(), flags=re.DOTALL)


def _mark_faults(axes: Any, readings: Readings, found: Sequence[Recovery]) -> None:
    for one in found:
        at = (one.at - readings.began) / 60
        if one.fault == "spike":
            axes.axvspan(at, at + readings.plan["spike_seconds"] / 60, color="tab:orange", alpha=0.2)
        else:
            axes.axvline(at, color="tab:red", linewidth=0.8, linestyle=":")
        axes.annotate(one.fault, (at, 1), xycoords=("data", "axes fraction"), fontsize=7, color="tab:red", va="bottom")


def _line(axes: Any, readings: Readings, points: Sequence[Point], label: str = "", scale: float = 1.0) -> None:
    times = [(at - readings.began) / 60 for at, _ in points]
    axes.plot(
        times, [float("nan") if value is None else value / scale for _, value in points], label=label, linewidth=1
    )


def _throughput(axes: Any, readings: Readings) -> None:
    _line(axes, readings, readings.rates("consumer", "received"))


def _latencies(axes: Any, readings: Readings) -> None:
    seconds = max(WINDOW_SECONDS, (readings.ended - readings.began) / MAX_WINDOWS)
    points = [(one.at, one.ms / 1000) for one in readings.requests if not one.fault]
    by_window = sorted(windows(points, seconds).items())
    for percent in (50, 95, 99):
        line = [(at + seconds / 2, percentile(values, percent)) for at, values in by_window]
        _line(axes, readings, line, f"p{percent}")


def _lag(axes: Any, readings: Readings) -> None:
    for stage in ("received", "searchable"):
        _line(axes, readings, readings.points("lag", stage), stage)


def _cpu(axes: Any, readings: Readings) -> None:
    names = [*OURS, *THEIRS]
    columns = [readings.rates("processes", name, "cpu") for name in names]
    times = [(at - readings.began) / 60 for at, _ in columns[0]]
    heights = [[max(0.0, value or 0.0) for _, value in column] for column in columns]
    axes.stackplot(times, heights, labels=names, colors=[f"C{number}" for number in range(len(names))])


def _memory(axes: Any, readings: Readings) -> None:
    for name in OURS:
        _line(axes, readings, readings.points("processes", name, "pss"), name, 1e6)


def _redis(axes: Any, readings: Readings) -> None:
    _line(axes, readings, readings.points("redis", "memory"), "MB", 1e6)
    second = axes.twinx()
    _line(second, readings, readings.points("redis", "depth"))
    second.lines[0].set(color="tab:gray", linestyle="--")
    second.set_ylabel("events that wait", color="tab:gray")


def _disk(axes: Any, readings: Readings) -> None:
    _line(axes, readings, readings.points("lake", "bytes"), scale=1e6)


def _machine(axes: Any, readings: Readings) -> None:
    _line(axes, readings, readings.rates("machine", "busy"), "CPU, all")
    _line(axes, readings, readings.rates("disk", "busy"), "disk")


def _files(axes: Any, readings: Readings) -> None:
    for name in OURS:
        _line(axes, readings, readings.points("processes", name, "files"), name)
