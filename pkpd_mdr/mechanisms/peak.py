"""Kill by the highest concentration so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import sympy as sp

from pkpd_mdr.arguments import TABLE, TEXT, TEXTS, takes
from pkpd_mdr.errors import ModelError, shown
from pkpd_mdr.expression import Power, check_name, symbol
from pkpd_mdr.mechanisms.names import POSITIVE, clone_of, drug_at, joined, molar_mass_of, names_of
from pkpd_mdr.model.parts import Expression
from pkpd_mdr.model.scope import Given, Mechanism, Scope
from pkpd_mdr.units import Unit

__all__ = ["Peak", "PeakKill", "peak", "peak_kill"]

_NONE = sp.Float(1e-8)
"""Added to ``x`` in the hazard: where no peak was yet, ``x**(m - 1)`` has no derivative, and a stiff solver needs one.

Survival is ``(1 + 1e-8**m)/(1 + (x + 1e-8)**m)`` then, which differs by 1e-8 at most.
"""


@dataclass(frozen=True, slots=True)
class Peak:
    """Declaration behind `peak`."""

    drug: str
    site: str = ""
    follow: Given = "1e5 1/h"
    forget: Given | None = None

    def __post_init__(self) -> None:
        check_name(self.drug, "the name of a drug")

    @property
    def label(self) -> str:
        """``peak_<drug>``, which is also the name of the state."""
        return joined("peak", self.drug, self.site)

    @property
    def owner(self) -> str:
        """Whose concentration is followed."""
        return drug_at(self.drug, self.site)

    def declare(self, scope: Scope) -> None:
        """Add the state; offer the peak and its rise."""
        level = scope.state(
            self.label,
            unit=lambda: scope.unit("concentration", self.owner, self.label),
            kind="concentration",
            description=f"highest concentration of {self.owner} so far",
        )
        follow = scope.parameter(
            f"follow_{self.label}",
            self.follow,
            unit="1/h",
            lower=POSITIVE,
            description=f"rate at which {self.label} catches up with the concentration (numerical)",
        )
        scope.offer("peak", self.owner, level)
        scope.offer("rise of the peak", self.owner, lambda: follow * self._above(scope))

    def connect(self, scope: Scope) -> None:
        """Write the rise, and the forgetting if there is one."""
        scope.process(
            f"rise_{self.label}",
            scope.find("rise of the peak", self.owner),
            {self.label: 1},
            description=f"{self.label} rises to the concentration",
        )
        if self.forget is not None:
            rate = scope.parameter(
                f"forget_{self.label}", self.forget, unit="1/h", lower=0.0, description=f"{self.label} is forgotten"
            )
            scope.process(
                f"forget_{self.label}", rate * symbol(self.label), {self.label: -1}, description="the peak is forgotten"
            )

    def _above(self, scope: Scope) -> Expression:
        concentration, level = scope.find("concentration", self.owner, self.label), symbol(self.label)
        # as a condition and not as a maximum, so that the engine cuts a step where the concentration turns
        return sp.Piecewise((concentration - level, concentration > level), (sp.Integer(0), True))


@takes(ModelError, drug=TEXT, site=TEXT)
def peak(drug: str, *, site: str = "", follow: Given = "1e5 1/h", forget: Given | None = None) -> Mechanism:
    """The highest concentration of a drug so far, ``M' = follow*max(C - M, 0) - forget*M``.

    For fast `follow` M is the running maximum: it never exceeds it, and falls short of a peak that decays at the rate a
    by a share of about ``(a/follow)*(1 + ln(follow/a))`` (1e-3 for a = 10 1/h and the default of 1e5 1/h).

    Parameters
    ----------
    drug : str
    site : str
        Where the concentration is taken; a clone's name for the drug in its cells.
    follow : quantity, Parameter or Formula
        Per time; parameter ``follow_peak_<drug>``. A number of the method, not of biology.
    forget : quantity, Parameter or Formula, optional
        Per time; parameter ``forget_peak_<drug>``. Without it a second equal dose adds nothing, ever; the forgetting is
        ours.

    Returns
    -------
    Mechanism
        With the state ``peak_<drug>`` (``peak_<drug>_<site>``).

    Raises
    ------
    ModelError
        The drug is unknown.
    UnitError
        A quantity has no unit or the wrong one.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(mdr.pk.one_compartment("dox", CL="5 L/h", V="10 L"), mdr.peak("dox"))
    >>> run = model.simulate(mdr.infusion("dox", "50 mg", over="1 h"), until="24 h")
    >>> round(float(run.frame["peak_dox"].iloc[-1] / run.frame["C_dox"].max()), 3)
    1.0
    """
    return Peak(drug, site, follow, forget)


@dataclass(frozen=True, slots=True)
class PeakKill:
    """Declaration behind `peak_kill`."""

    potency: tuple[tuple[str, Given], ...]
    on: tuple[str, ...]
    exponent: Given

    def __post_init__(self) -> None:
        if not self.potency:
            raise ModelError("peak_kill needs a drug; write for example potency={'dox': '2 1/uM'}")

    @property
    def title(self) -> str:
        """The drugs as they stand in names."""
        return joined(*(owner.replace("@", "_") for owner, _ in self.potency))

    @property
    def label(self) -> str:
        """``peak_kill_<drugs>``."""
        return f"peak_kill_{self.title}"

    def declare(self, scope: Scope) -> None:
        """Offer the hazard."""
        for clone in self.on:
            scope.offer("effect", f"peak of {self.title} on {clone}", partial(self._hazard, scope, clone))

    def connect(self, scope: Scope) -> None:
        """Write one process for each clone."""
        for clone in self.on:
            cells = clone_of(scope, clone, self.label)
            scope.process(
                f"{self.label}_{clone}",
                scope.find("effect", f"peak of {self.title} on {clone}") * cells,
                {clone: -1},
                description=f"a new peak of {self.title} kills {clone}",
            )

    def _hazard(self, scope: Scope, clone: str) -> Expression:
        """The time derivative of ``ln(1 + x**m)``."""
        x: Expression = _NONE
        rise: Expression = sp.Integer(0)
        for owner, given in self.potency:
            unit = scope.unit("concentration", owner, self.label)
            several = owner.replace("@", "_") if len(self.potency) > 1 else ""
            k = scope.parameter(
                joined("potency", self.label, several, clone),
                given,
                unit=Unit.of("").times(unit, -1),
                lower=0.0,
                molar_mass=molar_mass_of(scope, owner.split("@")[0]),
                description=f"potency of the peak of {owner} on {clone}",
            )
            x += k * scope.find("peak", owner, self.label)
            rise += k * scope.find("rise of the peak", owner)
        m = scope.parameter(
            f"exponent_{self.label}_{clone}",
            self.exponent,
            unit="",
            lower=1.0,
            description=f"steepness of survival of {clone} in the peak",
        )
        return m * rise * Power(x, m - 1) / (1 + Power(x, m))


@takes(ModelError, potency=TABLE, on=TEXTS)
def peak_kill(potency: Mapping[str, Given], *, on: str | Sequence[str], exponent: Given) -> Mechanism:
    """Survival set by the peaks of a drug: ``S/S0 = 1/(1 + x**m)`` with ``x = sum(K*peak)``.

    El-Kareh and Secomb 2003 and 2005 for doxorubicin, with the peaks inside and outside the cells, as in
    ``{"dox@S": K1, "dox": K2}``; the form is recalled, not confirmed against the papers. As a hazard it is the time
    derivative of ``ln(1 + x**m)``, so cells die while a peak rises above all former ones, and survival after any course
    is the formula at its peaks.

    Parameters
    ----------
    potency : mapping of str to quantity, Parameter or Formula
        Drug (or ``"drug@site"``) to K, per concentration; each needs its `peak`. Parameters
        ``potency_peak_kill_<drug>_<clone>``.
    on : str or sequence of str
        Clones.
    exponent : float, Parameter or Formula
        m, at least 1 (below it the first trace of a drug would kill at an infinite rate); parameter
        ``exponent_peak_kill_<drug>_<clone>``.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        A clone is unknown, or a peak is not declared.
    UnitError
        A quantity has no unit or the wrong one.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(
    ...     mdr.medium("dox"),
    ...     mdr.clone("S"),
    ...     mdr.peak("dox"),
    ...     mdr.peak_kill({"dox": "2 1/uM"}, on="S", exponent=1.5),
    ... )
    >>> run = model.simulate(mdr.exposure("dox", "2 uM", over="6 h"), start={"S": 1000}, until="24 h")
    >>> round(float(run.frame["S"].iloc[-1]), 1)
    111.1
    """
    return PeakKill(tuple(potency.items()), names_of(on, f"peak_kill by {shown(list(potency))}"), exponent)
