"""measure.py - samples, their medians, and the table that is printed.

Ratios are of medians; the spread beside each median is the smallest and the largest sample. Contestants take turns, so
that what else the machine is doing meets them all.
"""

import statistics
import time
from dataclasses import dataclass, field


@dataclass
class Samples:
    """Measurements of one contestant, in seconds or bytes."""

    name: str
    unit: str = "s"
    values: list = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def __str__(self) -> str:
        median, least, most = (quantity(value, self.unit) for value in (self.median, min(self.values), max(self.values)))
        return median if len(self.values) == 1 else f"{median} ({least} - {most})"


@dataclass
class Row:
    """One line of the table: pgx's samples, another's or none, and what was to be reached."""

    what: str
    pgx: Samples
    other: Samples | None
    target: str
    good: bool

    def cells(self) -> list:
        ratio = f"{self.pgx.median / self.other.median:.3g}" if self.other else ""
        return [self.what, str(self.pgx), f"{self.other.name}: {self.other}" if self.other else "", ratio, self.target,
                "" if not self.target else "yes" if self.good else "NO"]


HEADINGS = ["what", "pgx", "against", "ratio", "target", "met"]


def quantity(value: float, unit: str) -> str:
    if unit == "B":
        return f"{value / 1048576:.1f} MB" if value >= 1048576 else f"{value / 1024:.1f} kB"
    if unit == "requests":
        return f"{value:.0f} requests"
    return f"{value:.2f} s" if value >= 1 else f"{value * 1000:.0f} ms" if value >= 0.0995 else f"{value * 1000:.1f} ms"


def ratio_row(what: str, pgx: Samples, other: Samples, most: float) -> Row:
    return Row(what, pgx, other, f"<= {most:g}", pgx.median <= most * other.median)


def limit_row(what: str, pgx: Samples, most: float, other: Samples | None = None) -> Row:
    """Memory may never be more than `most`; of times and bytes the median counts, as it does for ratios."""
    reached = max(pgx.values) if other is None and pgx.unit == "B" else pgx.median
    return Row(what, pgx, other, f"<= {quantity(most, pgx.unit).replace('.0', '')}", reached <= most)


def plain_row(what: str, pgx: Samples, other: Samples | None = None) -> Row:
    """For information."""
    return Row(what, pgx, other, "", True)


def take_turns(times: int, *contestants, warm_up: bool = True) -> None:
    """Each contestant is Samples and what gives one more; one round before the first is not counted."""
    for turn in range(times + warm_up):
        for samples, action in contestants:
            value = action()
            if turn >= warm_up:
                samples.values.append(value)


def timed(action) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def text_table(rows: list) -> str:
    table = [HEADINGS, *(row.cells() for row in rows)]
    widths = [max(len(cells[i]) for cells in table) for i in range(len(HEADINGS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(cells, widths)).rstrip() for cells in table]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def markdown_table(rows: list) -> str:
    table = [HEADINGS, ["---"] * len(HEADINGS), *(row.cells() for row in rows)]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |" for cells in table)
