"""Rules for one row of a dose table: from cells to an act, or a refusal that names row and column."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from pkpd_mdr.errors import RegimenError, did_you_mean, shown
from pkpd_mdr.regimen.acts import Act
from pkpd_mdr.units import Quantity, Unit

__all__ = ["COLUMNS", "Compartment", "Layout", "Row", "act_of", "event_of"]

COLUMNS = ("ID", "TIME", "EVID", "AMT", "CMT", "RATE", "DUR", "II", "ADDL", "SS", "MDV", "DV")
_PLAIN = r"[+-]?(?:\d+\.?\d*|\.\d+)"
# Fortran writes 1.0D+02, and no letter where the exponent has three digits: 1.0-101
_NUMBER = re.compile(_PLAIN + r"(?:[eEdD][+-]?\d+)?|[+-]?(?:\d+\.\d*|\.\d+)[+-]\d{3}")
_LABEL = re.compile(_PLAIN + r"(?:[eE][+-]?\d+|[dD][+-]\d+)?")  # and a subject may be called 1D2
_FORTRAN, _NO_LETTER = str.maketrans("dD", "ee"), re.compile(r"(?<=[\d.])([+-]\d{3})$")
_CLOCK = re.compile(r"\d[:/-]\d")
_MISSING = frozenset({"", ".", "na", "nan", "<na>", "nat", "none"})
_EVENTS = "0 (observation), 1 (dose), 2 (other), 3 (reset) or 4 (reset and dose)"
_DOSE_ITEMS = ("AMT", "RATE", "DUR", "II", "ADDL", "SS")

Compartment = int | str


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of one row by column role, with where it stands.

    Parameters
    ----------
    where : str
        ``"line 5"`` of a file or ``"row 4"`` of a frame; opens every message.
    cells : mapping
        Raw cells by column name as in the table.
    names : mapping
        Table column of each role in `COLUMNS` that the table has.
    decimal_comma : bool
        Whether numbers are written 1,5 (files with semicolons).
    """

    where: str
    cells: Mapping[str, object]
    names: Mapping[str, str]
    decimal_comma: bool = False

    def error(self, column: str, sentence: str) -> RegimenError:
        """The refusal of the row for a column (a role or a table column), to be raised."""
        return RegimenError(f"{self.where}, column {self.names.get(column, column)}: {sentence}")

    def raw(self, column: str) -> object:
        """The cell, None where missing."""
        cell = self.cells.get(self.names.get(column, column))
        return None if cell is None or str(cell).strip().casefold() in _MISSING else cell

    def number(self, column: str) -> float | None:
        """The cell as a finite number, None where missing."""
        cell = self.raw(column)
        if cell is None:
            return None
        text = str(cell).strip()
        if self.decimal_comma:
            text = text.replace(",", ".")
        if not _NUMBER.fullmatch(text):
            raise self.error(column, f"{shown(text)} is not a number; {_repair(column, text)}")
        value = _float(text)
        if not math.isfinite(value):
            raise self.error(column, f"{shown(text)} is not finite")
        return value

    def item(self, column: str) -> float:
        """A dose item: missing means 0."""
        return self.number(column) or 0.0

    def whole(self, column: str) -> int | None:
        """The cell as a whole number, None where missing."""
        value = self.number(column)
        if value is not None and value != int(value):
            raise self.error(column, f"{value:g} is not a whole number")
        return None if value is None else int(value)

    def label(self, column: str) -> Compartment | None:
        """A number that is whole, or text; None where missing."""
        cell = self.raw(column)
        if cell is None:
            return None
        text = str(cell).strip()
        if _LABEL.fullmatch(text) and _float(text).is_integer():
            return int(_float(text))
        return text


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:  # Fortran's way: 1.5D3, 1-3
        pass
    return float(_NO_LETTER.sub(r"e\1", text.translate(_FORTRAN)))


def _repair(column: str, text: str) -> str:
    """What to write instead of a text that is no number."""
    if _NUMBER.fullmatch(text.replace(",", ".")):
        return "write a decimal point"
    if column == "TIME" and _CLOCK.search(text):
        return "dates and times of day are not read, so write hours since the first record"
    if column == "DV" and (text.startswith("<") or text.isalpha()):
        return "below a limit of quantification write the limit and 1 in a column that blq= of read_nonmem names"
    return "write the number alone"


@dataclass(frozen=True, slots=True)
class Layout:
    """What the numbers of a table mean.

    Parameters
    ----------
    compartments : tuple of (int or str, str, str)
        CMT, port and route.
    amount_unit, time_unit : str
        Units of AMT and of TIME, II and DUR.
    default : int or str, optional
        Compartment of a dose whose CMT is 0 or missing.
    """

    compartments: tuple[tuple[Compartment, str, str], ...]
    amount_unit: str
    time_unit: str
    default: Compartment | None = None

    @property
    def hour(self) -> float:
        """Hours per time unit."""
        return Unit.of(self.time_unit).factor

    def target(self, row: Row) -> tuple[str, str]:
        """Port and route of a dose row."""
        label = row.label("CMT")
        if label in (None, 0) and self.default is not None:
            label = self.default
        for known, port, route in self.compartments:
            if str(known).casefold() == str(label).casefold():
                return port, route
        names = [str(known) for known, _, _ in self.compartments]
        sentence = f"compartment {shown(label)} is not known{did_you_mean(str(label), names)}"
        if label in (None, 0):
            sentence = (
                f"the dose names no compartment and there is no default; known are {', '.join(names)}, so fill the "
                f"cell or say for example default={self.compartments[0][0]!r}"
            )
        raise row.error("CMT", sentence)


def event_of(row: Row) -> int:
    """EVID of a row; where it is missing, 1 if any dose item is nonzero, else 0.

    Raises
    ------
    RegimenError
        EVID is not 0 to 4, or dose items stand on a row that is no dose.

    Examples
    --------
    >>> event_of(Row("row 1", {"AMT": 100}, {"AMT": "AMT"}))
    1
    """
    given = [name for name in _DOSE_ITEMS if row.item(name) != 0]
    evid = row.whole("EVID")
    if evid is None:
        return 1 if given else 0
    if evid not in (0, 1, 2, 3, 4):
        raise row.error("EVID", f"{evid} is not known; use {_EVENTS}")
    if evid in (0, 2, 3) and given:
        what = {0: "an observation", 2: "an EVID 2 record", 3: "a reset"}[evid]
        raise row.error(given[0], f"{row.item(given[0]):g} on {what} (EVID {evid}); dose items have to be 0 there")
    label = row.label("CMT")
    if isinstance(label, int) and label < 0:
        repair = (
            "use EVID 3 to reset everything, or leave the row out" if evid == 2 else "write the compartment's number"
        )
        raise row.error("CMT", f"{label} would switch a compartment off, which is not supported; {repair}")
    return evid


def act_of(row: Row, clock: float, layout: Layout) -> Act:
    """The act of a dose row.

    Parameters
    ----------
    row : Row
        A row with EVID 1 or 4.
    clock : float
        Its time in hours on the internal clock.
    layout : Layout
        Compartments and units.

    Returns
    -------
    Act

    Raises
    ------
    RegimenError
        A value or a combination is not possible; row and column are named.
    """
    amount, rate, duration = row.item("AMT"), row.item("RATE"), row.item("DUR")
    interval, steady, additional = row.item("II"), row.whole("SS") or 0, row.whole("ADDL") or 0
    if amount < 0:
        raise row.error("AMT", f"{amount:g} is negative; a dose has to be above zero")
    if rate < 0 and rate not in (-1, -2):
        raise row.error("RATE", f"{rate:g} is not possible; use a rate above 0, 0 (bolus), -1 or -2 (modelled)")
    if duration < 0:
        raise row.error("DUR", f"{duration:g} is negative; a duration has to be above zero")
    if duration and rate:
        raise row.error("DUR", f"{duration:g} stands beside RATE {rate:g}; give one of the two")
    if interval < 0:
        raise row.error("II", f"{interval:g} is negative; an interval has to be above zero")
    if steady not in (0, 1, 2):
        raise row.error("SS", f"{steady} is not known; use 0, 1 (replaces what there is) or 2 (is added to it)")
    if additional < 0:
        raise row.error("ADDL", f"{additional} is negative; write how many further doses follow")
    _check_train(row, amount, rate, interval, steady, additional)
    port, route = layout.target(row)
    unit = layout.amount_unit
    return Act(
        clock,
        port,
        "dose",
        Quantity(amount, Unit.of(unit)),
        route=route,
        duration=duration * layout.hour,
        rate=Quantity(rate, Unit.of(f"{unit}/{layout.time_unit}")) if rate > 0 else None,
        modelled={-1.0: "rate", -2.0: "duration"}.get(rate, ""),
        interval=interval * layout.hour,
        additional=additional,
        steady=steady,
    )


def _check_train(row: Row, amount: float, rate: float, interval: float, steady: int, additional: int) -> None:
    constant = steady > 0 and amount == 0 and (rate > 0 or rate == -1)
    if amount == 0 and not constant:
        raise row.error(
            "AMT", "the dose has no amount; write one above zero (only a steady-state constant infusion has none)"
        )
    if constant and additional:
        raise row.error("ADDL", f"{additional} on a steady-state constant infusion, which cannot be repeated; write 0")
    if additional and not interval:
        raise row.error("II", f"ADDL is {additional} but the interval II is 0; write the time between doses")
    if steady and not interval and not constant:
        raise row.error("II", f"SS is {steady} but the interval II is 0; write the time between doses")
