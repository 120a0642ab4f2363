"""How the effect of a drug wears off: it fades with the time of treatment, or with exposure (tolerance)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import sympy as sp

from pkpd_mdr.arguments import TEXT, TEXTS, takes
from pkpd_mdr.errors import ModelError, did_you_mean, shown
from pkpd_mdr.expression import check_name, symbol
from pkpd_mdr.mechanisms.clock import check_since, declare_clock, start_clock, time_since
from pkpd_mdr.mechanisms.death import PATHS
from pkpd_mdr.mechanisms.names import POSITIVE, clone_of, drug_at, joined, molar_mass_of, names_of
from pkpd_mdr.model.parts import Expression
from pkpd_mdr.model.scope import Given, Mechanism, Scope

__all__ = ["Fading", "Tolerance", "fading", "tolerance"]


def _effects(title: str, clone: str) -> list[str]:
    """Under which the effects of a drug on a clone may be offered: a kill, and both paths of death."""
    return [f"{title} on {clone}", *(f"{path} by {title} on {clone}" for path in PATHS)]


def _drug_of(owner: str) -> str:
    return owner.rpartition(" on ")[0].rpartition(" by ")[2]


def _check(scope: Scope, title: str, clones: Sequence[str], label: str) -> None:
    for clone in clones:
        clone_of(scope, clone, label)
        if not any(scope.offered("effect", owner) for owner in _effects(title, clone)):
            titles = {owner.replace("@", "_") for _, owner in scope.owners("concentration")}
            known = [owner for _, owner in scope.owners("effect") if _drug_of(owner) in titles]
            raise ModelError(
                f"{label}: {shown(title)} has no effect of its own on {shown(clone)} that could wear off; declare "
                f"kill(...) or death.path(...) outside combined_kill(...){did_you_mean(f'{title} on {clone}', known)}"
            )


@dataclass(frozen=True, slots=True)
class Fading:
    """Declaration behind `fading`."""

    drug: str
    on: tuple[str, ...]
    rate: Given
    since: str = "first_dose"
    site: str = ""

    def __post_init__(self) -> None:
        check_name(self.drug, "the name of a drug")
        check_since(self.since, f"fading of {shown(self.drug)}")

    @property
    def title(self) -> str:
        """Drug and site as they stand in parameter names."""
        return joined(self.drug, self.site)

    @property
    def label(self) -> str:
        """``fading_<drug>``."""
        return f"fading_{self.title}"

    def declare(self, scope: Scope) -> None:
        """Scale the effects; add the clock."""
        declare_clock(scope, self.drug, self.since)
        for clone in self.on:
            rate = scope.parameter(
                f"res_{self.title}_{clone}",
                self.rate,
                unit="1/h",
                lower=0.0,
                description=f"rate at which the effect of {self.title} on {clone} fades",
            )
            factor = sp.exp(-rate * time_since(self.drug, self.since))
            for owner in _effects(self.title, clone):
                scope.scale("effect", owner, factor)

    def connect(self, scope: Scope) -> None:
        """Start the clock; check that there is something to fade."""
        start_clock(scope, self.drug, self.since, self.label)
        _check(scope, self.title, self.on, self.label)


@takes(ModelError, drug=TEXT, on=TEXTS, since=TEXT, site=TEXT)
def fading(drug: str, *, on: str | Sequence[str], rate: Given, since: str = "first_dose", site: str = "") -> Mechanism:
    """The effect of a drug fades with the time of treatment, by ``exp(-res*t)``.

    A lump description of acquired resistance (Claret et al. 2009, J Clin Oncol 27:4103; Mazzocco et al. 2015, CPT
    Pharmacometrics Syst Pharmacol 4:728). What fades is E of `kill` and `death.path`, before any delay of its signal; a
    drug's other effects (on toxicity, switching) stay. It never comes back; clones that switch or grow out are the
    mechanistic form.

    Parameters
    ----------
    drug : str
        Whose `kill` or `death.path` fades; both paths of death do.
    on : str or sequence of str
        Clones.
    rate : quantity, Parameter or Formula
        res, per time; parameter ``res_<drug>_<clone>``.
    since : str
        ``"first_dose"``: t counts from the moment at which the drug is first there (state ``clock_<drug>``);
        ``"start"``: from time zero.
    site : str
        As in the effect that fades.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        The drug has no effect on a clone, or `since` is unknown.
    UnitError
        The rate has no unit or the wrong one.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(
    ...     mdr.pk.kpd("tmz", KDE="8.3 1/month"),
    ...     mdr.clone("P"),
    ...     mdr.kill("tmz", on="P", slope=0.254),
    ...     mdr.fading("tmz", on="P", rate="0.1 1/month"),
    ... )
    >>> print(model.processes["kill_tmz_P"].rate)
    KDE_tmz*P*slope_tmz_P*virtual_tmz*exp(-clock_tmz*res_tmz_P)
    """
    return Fading(drug, names_of(on, f"fading of {shown(drug)}"), rate, since, site)


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Declaration behind `tolerance`."""

    drug: str
    on: tuple[str, ...]
    rate: Given
    half: Given
    site: str = ""

    def __post_init__(self) -> None:
        check_name(self.drug, "the name of a drug")

    @property
    def title(self) -> str:
        """Drug and site as they stand in parameter names."""
        return joined(self.drug, self.site)

    @property
    def label(self) -> str:
        """``tolerance_<drug>``, which is also the name of the state."""
        return f"tolerance_{self.title}"

    @property
    def owner(self) -> str:
        """Whose concentration makes tolerant."""
        return drug_at(self.drug, self.site)

    def declare(self, scope: Scope) -> None:
        """Add the moderator and scale the effects."""
        scope.state(
            self.label,
            unit=lambda: scope.unit("concentration", self.owner, self.label),
            kind="concentration",
            description=f"exposure to {self.title} that makes tolerant",
        )
        for clone in self.on:
            for owner in _effects(self.title, clone):
                scope.scale("effect", owner, partial(self._factor, scope, clone))

    def connect(self, scope: Scope) -> None:
        """Let the moderator follow the concentration."""
        concentration = scope.find("concentration", self.owner, self.label)
        rate = scope.parameter(
            f"rate_{self.label}",
            self.rate,
            unit="1/h",
            lower=0.0,
            description=f"tolerance to {self.title} comes and goes",
        )
        scope.process(
            self.label,
            rate * (concentration - symbol(self.label)),
            {self.label: 1},
            description=f"tolerance follows the exposure to {self.title}",
        )
        _check(scope, self.title, self.on, self.label)

    def _factor(self, scope: Scope, clone: str) -> Expression:
        name = f"half_{self.label}_{clone}"
        if name not in scope.parameters:  # both paths of death share it
            half = scope.parameter(
                name,
                self.half,
                unit=scope.unit("concentration", self.owner),
                lower=POSITIVE,
                molar_mass=molar_mass_of(scope, self.drug),
                description=f"exposure to {self.title} that halves its effect on {clone}",
            )
        else:
            half = symbol(name)
        return 1 / (1 + symbol(self.label) / half)


@takes(ModelError, drug=TEXT, on=TEXTS, site=TEXT)
def tolerance(drug: str, *, on: str | Sequence[str], rate: Given, half: Given, site: str = "") -> Mechanism:
    """Cells become tolerant by exposure and lose it without: the effect is divided by ``1 + M/half``.

    ``M' = rate*(C - M)``: M follows the concentration, and antagonises the effect without competing (Porchet, Benowitz
    and Sheiner 1988, J Pharmacol Exp Ther 244:231, for nicotine; its use for cells under a cancer drug is ours). In
    long exposure E, before any delay of its signal, is divided by ``1 + C/half``; after ``ln(2)/rate`` without drug
    half of it is gone.

    Parameters
    ----------
    drug : str
        Whose `kill` or `death.path` is weakened.
    on : str or sequence of str
        Clones.
    rate : quantity, Parameter or Formula
        Per time; parameter ``rate_tolerance_<drug>``. A wide prior.
    half : quantity, Parameter or Formula
        Exposure that halves the effect; parameter ``half_tolerance_<drug>_<clone>``. A wide prior.
    site : str
        As in the effect that is weakened.

    Returns
    -------
    Mechanism
        With the state ``tolerance_<drug>`` (``tolerance_<drug>_<site>``).

    Raises
    ------
    ModelError
        The drug is unknown or has no effect on a clone.
    UnitError
        A quantity has no unit or the wrong one.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(
    ...     mdr.medium("dox"),
    ...     mdr.clone("S"),
    ...     mdr.kill("dox", on="S", slope="0.1 1/uM/h"),
    ...     mdr.tolerance("dox", on="S", rate="0.05 1/h", half="0.5 uM"),
    ... )
    >>> print(model.derivatives["tolerance_dox"])
    rate_tolerance_dox*(medium_dox - tolerance_dox)
    """
    return Tolerance(drug, names_of(on, f"tolerance to {shown(drug)}"), rate, half, site)
