"""How host cells are recruited and made to divide: by tumour cells, by cells that were killed, by a signal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp

from pkpd_mdr.arguments import TEXT, TEXTS, takes
from pkpd_mdr.errors import ModelError, did_you_mean, shown
from pkpd_mdr.mechanisms.host import host_of, hosts, level_of, offer_once, saturation, weighed
from pkpd_mdr.mechanisms.names import POSITIVE, clone_of, joined, names_of
from pkpd_mdr.model.parts import Expression
from pkpd_mdr.model.scope import Given, Mechanism, Scope
from pkpd_mdr.units import Unit

__all__ = ["Stimulation", "stimulation"]

_FORMS = ("proliferation", "influx")
_SIGNALS = ("level", "killing")
_PER_HOUR = Unit.of("1/h")


@dataclass(frozen=True, slots=True)
class Stimulation:
    """Declaration behind `stimulation`."""

    cells: str
    by: tuple[str, ...]
    rate: Given
    half: Given | None
    hill: Given | None
    form: str
    signal: str

    def __post_init__(self) -> None:
        for what, given, known in (("form", self.form, _FORMS), ("signal", self.signal, _SIGNALS)):
            if given not in known:
                raise ModelError(f"{self.words}: {what} {shown(given)} is not known{did_you_mean(given, known)}")
        if self.hill is not None and self.half is None:
            raise ModelError(f"{self.words}: hill belongs to half, the signal of half the largest rate; give both")

    @property
    def words(self) -> str:
        """How messages call it."""
        return f"stimulation of {shown(self.cells)}"

    @property
    def title(self) -> str:
        """Cells and what stimulates them, as they stand in names; all clones are not named."""
        return joined(self.cells, *self.by, "killing" if self.signal == "killing" else "")

    @property
    def label(self) -> str:
        """``proliferation_<cells>`` or ``influx_<cells>``, with what stimulates them."""
        return joined(self.form, self.title)

    def declare(self, scope: Scope) -> None:
        """Offer a factor that suppressors act on."""
        offer_once(scope, "stimulation", self.cells, sp.Integer(1))

    def connect(self, scope: Scope) -> None:
        """Write the process."""
        cells = host_of(scope, self.cells, f"the {self.words}")
        per_cell = self.form == "proliferation"
        unit = _PER_HOUR if per_cell else scope.states[self.cells].unit.times(_PER_HOUR)
        signal, signal_unit = self._signal(scope)
        if self.half is None:
            rate = self._rate(scope, unit.times(signal_unit, -1)) * signal
        else:
            half = scope.parameter(
                f"{self.form}_half_{self.title}",
                self.half,
                unit=signal_unit,
                lower=POSITIVE,
                description=f"signal of half the {self.words}",
            )
            name, words = f"{self.form}_hill_{self.title}", f"the {self.words}"
            rate = self._rate(scope, unit) * saturation(scope, signal, half, self.hill, name, words)
        rate *= scope.find("stimulation", self.cells)
        scope.process(
            self.label,
            rate * cells if per_cell else rate,
            {self.cells: 1},
            description=f"{self.cells} {'divide' if per_cell else 'arrive'} on a signal",
        )

    def _rate(self, scope: Scope, unit: Unit) -> Expression:
        return scope.parameter(
            self.label, self.rate, unit=unit, lower=0.0, description=f"largest or linear rate of {self.words}"
        )

    def _signal(self, scope: Scope) -> tuple[Expression, Unit]:
        asked_by = f"the {self.words}"
        if self.signal == "killing":
            return self._killing(scope, asked_by)
        tumour = not self.by or all(name in scope.clones for name in self.by)
        if tumour and self.cells in hosts(scope, "effector"):
            return weighed(scope, self.by)
        names = self.by or tuple(scope.clones)
        levels = [level_of(scope, name, asked_by) for name in names]
        unit = levels[0][1] if levels else Unit("cell", 1.0)
        for name, (_, other) in zip(names, levels, strict=True):
            if not other.like(unit):
                raise ModelError(
                    f"{asked_by}: {shown(names[0])} is in {shown(unit.text)} but {shown(name)} in "
                    f"{shown(other.text)}; declare one stimulation for each"
                )
        return sp.Add(*(level for level, _ in levels)), unit

    def _killing(self, scope: Scope, asked_by: str) -> tuple[Expression, Unit]:
        """Cells killed per time by these effectors."""
        names = self.by or tuple(
            name for name in scope.clones if ("attack", f"{self.cells} on {name}") in scope.owners("attack")
        )
        if not names:
            raise ModelError(f"{asked_by} by killing: {shown(self.cells)} attack no clone; add immune.attack(...)")
        killed = []
        for name in names:
            cells = clone_of(scope, name, asked_by)
            killed.append(scope.find("attack", f"{self.cells} on {name}", asked_by) * cells)
        return sp.Add(*killed), scope.states[names[0]].unit.times(_PER_HOUR)


@takes(ModelError, cells=TEXT, by=TEXTS, form=TEXT, signal=TEXT)
def stimulation(
    cells: str,
    *,
    rate: Given,
    half: Given | None = None,
    hill: Given | None = None,
    by: str | Sequence[str] | None = None,
    form: str = "proliferation",
    signal: str = "level",
) -> Mechanism:
    """Host cells divide or arrive on a signal.

    ============== ==============================================================
    form           what is added to H' at the signal Z, ``E = (Z/half)**hill``
    ============== ==============================================================
    proliferation  ``proliferation_H*E/(1 + E)*H`` (``proliferation_H*Z*H`` without half)
    influx         ``influx_H*E/(1 + E)`` (``influx_H*Z`` without half)
    ============== ==============================================================

    Z is the number of cells of the clones in `by` (each counted by its antigen level if H are effectors), a host
    population, vesicles, a cytokine or a drug; with ``signal="killing"`` it is the number of cells that H kill per
    time.
    Kuznetsov et al. 1994 (Bull Math Biol 56:295): proliferation with hill 1. De Pillis et al. 2005 (Cancer Res
    65:7950): NK cells with hill 2 on the tumour, CTL with hill 2 on the killing; their ``h`` and ``k`` are half**2.

    Parameters
    ----------
    cells : str
        An effector, suppressor or stroma population.
    rate : quantity, Parameter or Formula
        Per time (proliferation), or cells per time (influx); without `half` also per unit of the signal. Parameter
        ``<form>_<cells>``, or ``<form>_<cells>_<by>`` where `by` is given, and so for the others (``_killing`` at
        the end for that signal).
    half : quantity, Parameter or Formula, optional
        Signal of half the largest rate; parameter ``<form>_half_...``.
    hill : float, Parameter or Formula, optional
        Exponent, 1 if absent; parameter ``<form>_hill_...``. It belongs to `half`.
    by : str or sequence of str, optional
        What gives the signal; all clones unless given.
    form : str
        ``"proliferation"`` or ``"influx"``.
    signal : str
        ``"level"`` or ``"killing"``.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        Cells or what stimulates them are unknown, or the signals are in unlike units.
    UnitError
        A quantity has no unit or the wrong one.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> ctl = mdr.immune.effector("E", death="0.0412 1/day")
    >>> more = mdr.stimulation("E", rate="0.1245 1/day", half="2.019e7 cell")
    >>> print(mdr.Model(mdr.clone("T"), ctl, more).processes["proliferation_E"].rate)
    E*T*proliferation_E/(T + proliferation_half_E)
    """
    names = () if by is None else names_of(by, f"stimulation of {shown(cells)}")
    return Stimulation(cells, names, rate, half, hill, form, signal)
