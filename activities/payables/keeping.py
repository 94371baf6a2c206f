"""What foretells receipts, kept on this host: the same rows aren't learnt from twice, nor others within a week.

A file of JSON for each source of books, whole or not there. Nothing in it is ever run. One that isn't whole, or is of
another release, is learnt again.
"""

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
from pydantic import Field

from activities.payables.receipts import Columns, Foreteller, Medians, Model, learnt_from, sha256_of
from activities.scoring.store import read_whole, write_whole
from contracts.base import Contract
from contracts.payables import ReceiptsReport, Receivable

CODE = "receipts-1"  # changes when the same rows would give another forecast
WEEK = 7  # days for which it serves, although more was settled since
GREW = 0.1  # by this part more or fewer rows, and it is learnt again at once: the books were corrected


class Written(Contract):
    """A foreteller as it is kept. Effects by penalty and key; errors of the judged rows, and each customer's own."""

    code: str
    report: ReceiptsReport
    dates: dict[str, str] = Field(default={})
    categories: tuple[str, ...] = ()
    effects: tuple[tuple[str, str, float], ...] | None = None
    medians: dict[str, float]
    median: float
    off: tuple[float, ...]
    own: dict[str, tuple[float, ...]]


class Kept:
    """Of one source of books."""

    def __init__(self, state: Path, source: str) -> None:
        self._path = state / "models" / "payables" / f"{hashlib.sha256(source.encode()).hexdigest()[:32]}.json"

    def learn(self, rows: Sequence[Receivable], today: date) -> Foreteller:
        """The kept one while it serves, else one that is learnt now."""
        written, settled = self._read(), learnt_from(rows, today)
        if written and _serves(written, settled, today):
            return _teller(written)
        made = Foreteller.learn(rows, today)
        made = replace(made, report=made.report.model_copy(update={"learnt": today}))
        with suppress(OSError):  # where nothing can be kept, it is learnt again the next time
            write_whole(self._path, _written(made).model_dump_json().encode())
        return made

    def _read(self) -> Written | None:
        try:
            written = Written.model_validate_json(read_whole(self._path))
        except (OSError, ValueError):
            return None
        return written if written.code == CODE else None


def _serves(written: Written, settled: Sequence[Receivable], today: date) -> bool:
    if written.report.sha256 == sha256_of(settled):
        return True
    report = written.report
    grew = abs(len(settled) - report.rows) > GREW * report.rows
    return report.learnt is not None and not grew and report.judged > 0 and 0 <= (today - report.learnt).days < WEEK


def _written(made: Foreteller) -> Written:
    columns = made.model.columns if made.model else Columns({}, (), {})
    return Written(
        code=CODE,
        report=made.report,
        dates=columns.dates,
        categories=columns.categories,
        effects=tuple((*key, value) for key, value in made.model.effects.items()) if made.model else None,
        medians=made.medians.own,
        median=made.medians.all,
        off=tuple(made.off.tolist()),
        own={name: tuple(off.tolist()) for name, off in made.own.items()},
    )


def _teller(written: Written) -> Foreteller:
    model = None
    if written.effects is not None:
        columns = Columns(written.dates, written.categories, written.report.left_out)
        model = Model(columns, {(kind, key): value for kind, key, value in written.effects})
    medians = Medians([])
    medians.own, medians.all = written.medians, written.median
    own = {name: np.array(off) for name, off in written.own.items()}
    return Foreteller(written.report, model, medians, np.array(written.off), own)
