"""What an engine executes: a timeline of instructions.

An engine starts with all input rates at zero, integrates to the time of each instruction, applies it, and goes on:

========  ==========================================================================================
MARK      write output number `index`; a timeline keeps these apart, as arrays: see `Marks`
JUMP      add `value` (F*amount; for radiation and surgery the amount itself) at `port`
RATE      add `value` to the input rate of `port`; negative at the end of an infusion
SET       hold the concentration of `port` at `value`; 0 with `ended` is the wash-out
STEADY    put the PK states of the port's drug into the periodic state that `steady` describes; see `SteadyDose`
RESET     all states return to their start (`value` 1) or to zero (`value` 0), all input rates and held
          concentrations become zero
CHANGE    parameters switch to row `index`
END       the last instruction, at the stop time
========  ==========================================================================================
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

import numpy as np
import numpy.typing as npt

from pkpd_mdr.engine.functions import FloatArray
from pkpd_mdr.regimen.acts import Act
from pkpd_mdr.units import Quantity

__all__ = [
    "CLOSE", "Instruction", "IntArray", "Kind", "Marks", "PortValues", "Ports", "Source", "SteadyDose", "Timeline",
    "periods",
]  # fmt: skip

IntArray = npt.NDArray[np.int64]

CLOSE = 1e-12  # relative: times nearer than this are the same time


class Kind(IntEnum):
    """What an instruction does."""

    MARK = 0
    JUMP = 1
    RATE = 2
    SET = 3
    STEADY = 4
    RESET = 5
    CHANGE = 6
    END = 7


@dataclass(frozen=True, slots=True)
class PortValues:
    """What a model's port says about doses, for one parameter row.

    Parameters
    ----------
    bioavailability : float
        Share F that arrives, zero or more.
    lag : float
        Hours before a dose acts.
    rate : float
        Modelled infusion rate, internal amount per hour; NaN where the model has none.
    duration : float
        Modelled infusion duration, hours; NaN where the model has none.
    spread : bool
        Whether a plain dose enters over the modelled duration (zero-order absorption).
    """

    bioavailability: float = 1.0
    lag: float = 0.0
    rate: float = math.nan
    duration: float = math.nan
    spread: bool = False


class Ports(Protocol):
    """The ports of a model, as `build` needs them."""

    def find(self, act: Act) -> int:
        """Index of the port of an act, or a `RegimenError` naming what exists."""

    def amount(self, index: int, quantity: Quantity) -> float:
        """An amount (or concentration) in internal units."""

    def values(self, index: int, row: int) -> PortValues:
        """Bioavailability, lag, modelled rate and duration under a parameter row."""


@dataclass(frozen=True, slots=True)
class Source:
    """A dose as evaluated at its entry, for engines that differentiate.

    With F, L, R, D the port's values under parameter row `row` and A the `amount`:

    ===================  ===============  ==================
    rule                 input            length
    ===================  ===============  ==================
    "bolus"              F*A at once      0
    "duration"           F*A/`duration`   `duration`
    "rate"               `rate`           F*A/`rate`
    "modelled rate"      R                F*A/R
    "modelled duration"  F*A/D            D
    "constant"           `rate` or R      stops at the record
    ===================  ===============  ==================

    A start at a time marked `lagged` moves with L, an end (`ended`) with L plus the length. `drug` is the port's name,
    `modelled` says whether R or D was used (``"rate"``, ``"duration"`` or ``""``).
    """

    port: int
    amount: float
    rule: str
    row: int
    bioavailability: float
    lag: float
    rate: float
    duration: float
    drug: str = ""
    modelled: str = ""

    @property
    def value(self) -> float:
        """What is added: F*A for a bolus, else the infusion rate."""
        return self.rate if self.rule != "bolus" else self.bioavailability * self.amount

    @property
    def share(self) -> float:
        """Derivative of `value` with respect to F."""
        if self.rule == "bolus":
            return self.amount
        return self.amount / self.duration if self.rule in ("duration", "modelled duration") else 0.0


@dataclass(frozen=True, slots=True)
class SteadyDose:
    """The periodic state that a STEADY instruction asks for.

    Let P(tau) be the state tau after a dose of an infinite train of this dose alone, infusions superposed. The PK
    states of the drug become P(`phase`) just before anything else happens at that time (`add` False: amounts are
    replaced and the input rates of all ports become zero), or P(`phase`) is added to them and input rates stay (`add`
    True, linear PK only). RATE instructions at the same time follow for what goes on: infusions of the train that are
    still running and, where rates became zero, infusions of other drugs. Their ends are scheduled like any other.
    With `interval` 0 it is the steady state under the constant `rate`, and the infusion stops at this time.

    Parameters
    ----------
    amount : float
        F*amount of a bolus; 0 for infusions.
    rate : float
        Infusion rate; 0 for a bolus.
    duration : float
        Hours one infusion takes; may exceed the interval. 0 for a bolus and a constant infusion.
    interval : float
        Hours between doses; 0 for a constant infusion.
    lag : float
        Hours by which doses act late.
    add : bool
        SS=2.

    Examples
    --------
    >>> SteadyDose(amount=100.0, rate=0.0, duration=0.0, interval=24.0, lag=4.0, add=False).phase
    20.0
    """

    amount: float
    rate: float
    duration: float
    interval: float
    lag: float
    add: bool

    @property
    def phase(self) -> float:
        """Hours since the last dose of the train acted, above 0 and at most `interval`."""
        return self.interval - max(0.0, self.lag - periods(self.lag, self.interval) * self.interval)


@dataclass(frozen=True, slots=True)
class Instruction:
    """One step of a timeline; the module's table says what each kind does.

    Parameters
    ----------
    time : float
        Hours.
    kind : Kind
        What to do.
    port : int
        Index of the model's port.
    value : float
        Ready to apply: bioavailability is in it.
    index : int
        Output number of a MARK, parameter row of a CHANGE.
    steady : SteadyDose, optional
        Of a STEADY instruction.
    lagged, ended : bool
        Whether the time contains the port's lag, and the length of an infusion.
    share : float
        Derivative of `value` with respect to the port's bioavailability.
    source : Source, optional
        The dose behind a JUMP, RATE or STEADY.
    """

    time: float
    kind: Kind
    port: int = -1
    value: float = 0.0
    index: int = -1
    steady: SteadyDose | None = None
    lagged: bool = False
    ended: bool = False
    share: float = 0.0
    source: Source | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Marks:
    """Where outputs are wanted: often hundreds of times between a few doses.

    Parameters
    ----------
    times : ndarray, shape (k,)
        Hours, not decreasing.
    index : ndarray of int, shape (k,)
        Numbers of the outputs; handed through.
    after : ndarray of int, shape (k,)
        How many of a timeline's steps come before each.
    """

    times: FloatArray
    index: IntArray
    after: IntArray

    def __len__(self) -> int:
        return len(self.times)


@dataclass(frozen=True, slots=True, eq=False)
class Timeline:
    """Instructions in the order in which an engine executes them.

    Parameters
    ----------
    steps : tuple of Instruction
        All but the marks. Times never decrease; the last is END at `stop`.
    marks : Marks
        The outputs between them.
    start, stop : float
        Hours.
    notes : tuple of str
        What a user should know (also given as warnings).
    """

    steps: tuple[Instruction, ...]
    marks: Marks
    start: float
    stop: float
    notes: tuple[str, ...] = ()

    @staticmethod
    def of(instructions: Iterable[Instruction], start: float, stop: float) -> Timeline:
        """The timeline of instructions in order, marks among them.

        Examples
        --------
        >>> day = Timeline.of([Instruction(24.0, Kind.MARK, index=0), Instruction(24.0, Kind.END)], 0.0, 24.0)
        >>> len(day.steps), len(day.marks)
        (1, 1)
        """
        steps: list[Instruction] = []
        marks: list[tuple[float, int, int]] = []
        for item in instructions:
            if item.kind is Kind.MARK:
                marks.append((item.time, item.index, len(steps)))
            else:
                steps.append(item)
        times, index, after = zip(*marks, strict=True) if marks else ((), (), ())
        whole = np.array(index, dtype=np.int64), np.array(after, dtype=np.int64)
        return Timeline(tuple(steps), Marks(np.array(times, dtype=float), *whole), start, stop)

    def __iter__(self) -> Iterator[Instruction]:
        """All instructions, marks among them."""
        place, marks = 0, self.marks
        for time, index, after in zip(marks.times.tolist(), marks.index.tolist(), marks.after.tolist(), strict=True):
            yield from self.steps[place:after]
            place = after
            yield Instruction(time, Kind.MARK, index=index)
        yield from self.steps[place:]

    def __len__(self) -> int:
        return len(self.steps) + len(self.marks)

    def describe(self) -> str:
        """One line per instruction, for a reader."""
        lines = []
        for step in self:
            target = f" port {step.port}" if step.port >= 0 else ""
            target += f" #{step.index}" if step.index >= 0 else ""
            value = f" {step.value:g}" if step.kind in (Kind.JUMP, Kind.RATE, Kind.SET) else ""
            lines.append(f"{step.time:12g}  {step.kind.name}{target}{value}")
        return "\n".join(lines)


def periods(lag: float, interval: float) -> int:
    """How many whole intervals fit into a lag, up to rounding.

    Examples
    --------
    >>> periods(0.1 + 0.2, 0.1)
    3
    """
    return math.floor(lag / interval + CLOSE) if interval > 0 else 0
