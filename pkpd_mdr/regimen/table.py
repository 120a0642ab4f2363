"""Dose records as values: per subject the checked rows in file order, and the entries they stand for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pkpd_mdr.errors import RegimenError, did_you_mean, shown
from pkpd_mdr.regimen.acts import Act
from pkpd_mdr.regimen.algebra import Regimen
from pkpd_mdr.regimen.checks import Compartment, Layout
from pkpd_mdr.regimen.entries import Change, Entry, Give, Mark, Reset

__all__ = ["DoseRecords", "Record", "Subject"]


@dataclass(frozen=True, slots=True)
class Record:
    """One row of a dose table.

    Parameters
    ----------
    row : int
        Number of the row, the first data row being 1.
    time : float
        As in the table, in its time unit.
    clock : float
        Hours on a clock that never goes back: where TIME restarts lower at a reset, the clock goes on.
    evid : int
        0 to 4.
    compartment : int, str or None
        CMT as written.
    act : Act or None
        The dose of EVID 1 and 4, at `clock`.
    dv : float or None
        The measurement.
    mdv : int
        1 where the row takes no part in a likelihood; a prediction is still made.
    state : int
        Row of the subject's `covariates` that belongs to this record.
    occasion : int
        Counts from 0; a reset to a lower TIME begins a new one.
    """

    row: int
    time: float
    clock: float
    evid: int
    compartment: Compartment | None = None
    act: Act | None = None
    dv: float | None = None
    mdv: int = 1
    state: int = 0
    occasion: int = 0


@dataclass(frozen=True, slots=True)
class Subject:
    """All records of one subject.

    Parameters
    ----------
    id : int or str
        As in the table.
    records : tuple of Record
        In file order.
    covariates : tuple of tuple of float
        Distinct covariate rows in order of first use; `Record.state` and `Change.row` point here.
    carry : str
        ``"nocb"``, ``"locf"`` or ``""`` when nothing changes in time.
    cancel : bool
        Whether resets forget pending additional and lagged doses.
    """

    id: int | str
    records: tuple[Record, ...]
    covariates: tuple[tuple[float, ...], ...] = ()
    carry: str = ""
    cancel: bool = True

    @property
    def acts(self) -> tuple[Act, ...]:
        """The doses in file order."""
        return tuple(record.act for record in self.records if record.act is not None)

    @property
    def observations(self) -> tuple[Record, ...]:
        """Rows with EVID 0, those with MDV=1 included."""
        return tuple(record for record in self.records if record.evid == 0)

    @property
    def measured(self) -> tuple[Record, ...]:
        """Rows that enter a likelihood: EVID 0, MDV=0."""
        return tuple(record for record in self.records if record.evid == 0 and record.mdv == 0)

    def entries(self, *, marks: str = "observations") -> tuple[Entry, ...]:
        """What a timeline is built from, in file order.

        With next-observation-carried-backward (as NONMEM) a record's covariates hold from the record before it
        on; with last-observation-carried-forward from the record itself on. Covariate row 0, the first
        record's, is in force at the start.

        Parameters
        ----------
        marks : {"observations", "all"}
            Which rows are outputs; the output of a dose row is the value after the dose. A mark's index is the
            position of the row in `records`.

        Returns
        -------
        tuple of Entry
        """
        if marks not in ("observations", "all"):
            raise RegimenError(f"marks = {shown(marks)} is not known; write 'observations' or 'all'")
        entries: list[Entry] = []
        held = 0
        for position, record in enumerate(self.records):
            if self.carry == "locf" and record.state != held:
                entries.append(Change(record.clock, held := record.state))
            if record.evid in (3, 4):
                entries.append(Reset(record.clock, cancel=self.cancel))
            if record.act is not None:
                entries.append(Give(record.act))
            if marks == "all" or record.evid == 0:
                entries.append(Mark(record.clock, position))
            following = self.records[position + 1].state if position + 1 < len(self.records) else held
            if self.carry == "nocb" and following != held:
                entries.append(Change(record.clock, held := following))
        return tuple(entries)

    def regimen(self) -> Regimen:
        """The doses as a regimen, where no reset stands between them.

        Raises
        ------
        RegimenError
            A reset follows an earlier record; `pkpd_mdr.simulate_records` executes the table itself.
        """
        for position, record in enumerate(self.records):
            if position and record.evid in (3, 4):
                raise RegimenError(
                    f"subject {shown(self.id)} has a reset in row {record.row}, which no regimen can express; "
                    "simulate the table itself with simulate_records(model, records)"
                )
        return Regimen(self.acts)


@dataclass(frozen=True, slots=True, repr=False)
class DoseRecords:
    """A checked dose table; made by `read_doses`, executed row by row by `pkpd_mdr.simulate_records`.

    Parameters
    ----------
    subjects : tuple of Subject
        In file order.
    covariates : tuple of str
        Names of the covariate columns.
    layout : Layout
        Compartments and units.
    """

    subjects: tuple[Subject, ...]
    covariates: tuple[str, ...]
    layout: Layout

    def __iter__(self) -> Iterator[Subject]:
        return iter(self.subjects)

    def __len__(self) -> int:
        return len(self.subjects)

    def __str__(self) -> str:
        rows = [record for subject in self.subjects for record in subject.records]
        doses, resets = sum(row.act is not None for row in rows), sum(row.evid in (3, 4) for row in rows)
        told = f"{len(self)} subjects, {len(rows)} rows, {doses} doses" + (f", {resets} resets" if resets else "")
        return f"Dose table: {told}" + (f"; covariates {', '.join(self.covariates)}" if self.covariates else "")

    __repr__ = __str__

    def subject(self, id: int | str) -> Subject:
        """One subject.

        Raises
        ------
        RegimenError
            The table has no such subject.
        """
        for subject in self.subjects:
            if subject.id == id or str(subject.id) == id:
                return subject
        near = did_you_mean(str(id), [str(subject.id) for subject in self.subjects])
        raise RegimenError(f"the table has no subject {shown(id)}{near}")
