"""What the columns of a table say was given, and the regimen that follows for one row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pkpd_mdr import units
from pkpd_mdr.data.cells import numbers
from pkpd_mdr.data.checks import check_levels, check_not_negative, check_positive, check_present
from pkpd_mdr.data.columns import RawTable, find_column
from pkpd_mdr.errors import DataError, UnitError, did_you_mean, shown
from pkpd_mdr.units import Quantity, Unit, with_columns

if TYPE_CHECKING:
    from pkpd_mdr.regimen import Act, Regimen

__all__ = [
    "DoseOptions",
    "Drugs",
    "Giving",
    "Track",
    "read_covariates",
    "read_drugs",
    "read_time",
    "read_track",
    "regimen_of_row",
]

HOUR = Unit.of("h")
_AMOUNTS = tuple(Unit.of(text) for text in ("mg", "umol"))
_DIGITS = frozenset("0123456789.+-")

Drugs = Mapping[str, str] | tuple[str, str]


@dataclass(frozen=True, slots=True)
class Track:
    """A number for each row with its unit: from a column, or the same for all (then `header` is empty)."""

    values: NDArray[np.float64]
    unit: Unit | None
    name: str = ""
    header: str = ""

    def at(self, row: int) -> Quantity:
        """The quantity of one row; bare when no unit is known."""
        return Quantity(float(self.values[row]), self.unit or units.DIMENSIONLESS, bare=self.unit is None)


@dataclass(frozen=True, slots=True)
class Giving:
    """One drug: its level (or amount) in each row and how long it stayed."""

    port: str
    level: Track
    over: Track | None = None
    amount: bool = False
    route: str = ""
    weight: Track | None = None


@dataclass(frozen=True, slots=True)
class DoseOptions:
    """How the doses of a table are given, and the body weight for doses per weight."""

    route: str = ""
    weight: str | None = None


def read_track(table: RawTable, given: Any, what: str, *, decimal: str, needs_unit: str = "") -> Track:
    """Read a column reference, or a quantity that holds for every row.

    Text that starts with a digit and is no header is a quantity, as in ``"24 h"``.

    Raises
    ------
    DataError, UnitError
        See `find_column` and `pkpd_mdr.units.quantity`.
    """
    if isinstance(given, str) and not (given.strip()[:1] in _DIGITS and given.strip() not in table.headers):
        column = find_column(table, given, what, needs_unit=needs_unit)
        return Track(numbers(table, column, decimal=decimal), column.unit, column.name, column.header)
    found = units.quantity(given, what)
    if found.bare and needs_unit:
        raise UnitError(f"{what}: {shown(given)} has no unit; write for example '{found.value:g} {needs_unit}'")
    return Track(np.full(len(table), found.value), None if found.bare else found.unit)


def read_covariates(table: RawTable, covariates: Mapping[str, Any] | None, decimal: str) -> dict[str, Track]:
    """Read what is known of model parameters in each row, by parameter; a cell that is missing is refused."""
    tracks = {}
    for name, reference in with_columns(covariates or {}, table.headers, keys=False).items():
        tracks[name] = read_track(table, reference, f"covariate {shown(name)}", decimal=decimal)
        check_present(table, tracks[name].header, tracks[name].values, f"every row needs its {name}")
    return tracks


def read_time(table: RawTable, given: Any, what: str, *, decimal: str, bare: bool = False) -> Track:
    """Read a track of times; with `bare` a pure number ``"x [1]"`` passes too."""
    track = read_track(table, given, what, decimal=decimal, needs_unit="h")
    unit = track.unit
    if unit is not None and not unit.like(HOUR) and not (bare and unit.dimensionless):
        also = "; an x axis that is no time is written '[1]'" if bare else ""
        raise UnitError(f"{what}: {shown(unit.text)} is not a unit of time such as 'h' or 'day'{also}")
    return track


def read_drugs(
    table: RawTable,
    drug: Drugs | None,
    exposure: Any,
    dose: Mapping[str, str] | None,
    options: DoseOptions,
    decimal: str,
) -> list[Giving]:
    """Read all drugs of a table.

    Parameters
    ----------
    table : RawTable
    drug : mapping of port to column, or (column of names, column of levels)
        Concentrations that the culture was exposed to.
    exposure : column, quantity, mapping of port to either, or None
    dose : mapping of port to column
        Amounts given at once.
    options : DoseOptions
        Route and body weight of the amounts.
    decimal : str

    Raises
    ------
    DataError, UnitError
        Missing or negative level, missing unit, an amount where a concentration belongs.
    """
    for name, given in (("drug", drug), ("exposure", exposure)):
        if not (given is None or isinstance(given, (str, tuple, Mapping))):
            raise DataError(
                f"{name} = {shown(given)} names no column; write for example {name}={{'dox': 'column [unit]'}}"
            )
    levels = _named_levels(table, drug, decimal) if isinstance(drug, tuple) else _levels(table, drug or {}, decimal)
    if exposure is not None and not drug:
        raise DataError("exposure was given without drug; name the drug's column, as in drug={'dox': 'dose [nM]'}")
    overs = exposure if isinstance(exposure, Mapping) else dict.fromkeys(levels, exposure)
    for port in overs:
        if port not in levels:
            raise DataError(f"exposure is given for {shown(port)}, no drug of this table{did_you_mean(port, levels)}")
    untreated = np.all([level.values == 0 for level in levels.values()], axis=0) if levels else np.array([])
    givings = [
        Giving(port, level, _over(table, overs.get(port), port, level, untreated, decimal))
        for port, level in levels.items()
    ]
    return givings + _amounts(table, dose or {}, options, decimal)


def _amounts(table: RawTable, dose: Mapping[str, str], options: DoseOptions, decimal: str) -> list[Giving]:
    weight = None
    if options.weight is not None:
        weight = read_track(table, options.weight, "weight", decimal=decimal, needs_unit="kg")
        check_present(table, weight.header, weight.values, "every row needs its weight")
        check_positive(table, weight.header, weight.values, "weight")
    givings = []
    for port, reference in dose.items():
        track = read_track(table, reference, f"dose of {shown(port)}", decimal=decimal, needs_unit="mg")
        check_levels(table, track.header, track.values, "dose")
        givings.append(Giving(port, track, amount=True, route=options.route, weight=weight))
    return givings


def _levels(table: RawTable, drug: Mapping[str, str], decimal: str) -> dict[str, Track]:
    if not isinstance(drug, Mapping):
        raise DataError(f"drug = {shown(drug)} does not say which drug it is; write drug={{'dox': 'dose [nM]'}}")
    levels = {}
    for port, reference in drug.items():
        track = read_track(table, reference, f"drug {shown(port)}", decimal=decimal, needs_unit="nM")
        levels[port] = _checked_level(table, track, port)
    return levels


def _checked_level(table: RawTable, track: Track, port: str) -> Track:
    check_levels(table, track.header, track.values, f"level of {shown(port)}")
    if track.unit is not None and any(track.unit.like(amount) for amount in _AMOUNTS):
        raise UnitError(
            f"drug {shown(port)}: {shown(track.unit.text)} is an amount, not a concentration; "
            f"write dose={{{shown(port)}: ...}} if it was given at once"
        )
    return track


def _named_levels(table: RawTable, drug: tuple[str, str], decimal: str) -> dict[str, Track]:
    """A column of drug names beside a column of levels: one track for each name."""
    track = read_track(table, drug[1], "drug", decimal=decimal, needs_unit="nM")
    _checked_level(table, track, drug[0])
    column = find_column(table, drug[0], "drug names")
    names = np.array([str(name).strip() for name in table.columns[column.position]], dtype=object)
    given = track.values > 0
    nameless = np.flatnonzero(given & np.isin(names, ["", "nan", "None", "<NA>"]))
    if len(nameless):
        raise DataError(
            f"{table.place(nameless, column.header)}: a level is given without the name of its drug; fill the cell"
        )
    return {
        name: Track(np.where(names == name, track.values, 0.0), track.unit, track.name, track.header)
        for name in sorted(set(names[given]))
    }


def _over(
    table: RawTable, given: Any, port: str, level: Track, untreated: NDArray[np.bool_], decimal: str
) -> Track | None:
    if given is None:
        return None
    track = read_time(table, given, f"exposure to {shown(port)}", decimal=decimal)
    # an untreated control often has an empty exposure
    values = np.where(untreated & np.isnan(track.values), 0.0, track.values)
    check_present(table, track.header, values, "every treated row needs its exposure time")
    check_not_negative(table, track.header, values, "exposure")
    idle = np.flatnonzero((level.values > 0) & (values == 0))
    if len(idle):
        raise DataError(
            f"{table.place(idle, track.header)}: {shown(port)} is given for no time; correct level or exposure"
        )
    return Track(values, track.unit, track.name, track.header)


def regimen_of_row(givings: Sequence[Giving], row: int, at: Quantity) -> Regimen:
    """The regimen that a row's columns describe; a level of zero gives no act."""
    from pkpd_mdr.regimen import Regimen, bolus, exposure

    acts: list[Act] = []
    for giving in givings:
        level = giving.level.at(row)
        if level.value == 0:
            continue
        if giving.amount:
            weight = giving.weight.at(row) if giving.weight else None
            acts += bolus(giving.port, level, at=at, route=giving.route, weight=weight).acts
        else:
            over = giving.over.at(row) if giving.over else None
            acts += exposure(giving.port, level, over=over, at=at).acts
    return Regimen(tuple(acts))
