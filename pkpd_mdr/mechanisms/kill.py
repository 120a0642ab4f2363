"""How drugs kill a clone or slow it down, alone and combined."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import sympy as sp

from pkpd_mdr.arguments import TEXT, TEXTS, takes
from pkpd_mdr.errors import ModelError, did_you_mean, shown
from pkpd_mdr.expression import Power
from pkpd_mdr.mechanisms.drug_effect import DrugEffect
from pkpd_mdr.mechanisms.host import population_of
from pkpd_mdr.mechanisms.names import POSITIVE, growth_of, joined, names_of
from pkpd_mdr.model.parts import Expression, Parameter
from pkpd_mdr.model.scope import Formula, Given, Mechanism, Scope
from pkpd_mdr.units import quantity

__all__ = ["CombinedKill", "Kill", "combined_kill", "kill"]

_UNIT = {"hazard": "1/h", "norton_simon": "", "cytostatic": ""}
_RULES = ("bliss", "loewe", "interaction")


def _most(form: str) -> float:
    return 1.0 if form == "cytostatic" else float("inf")


@dataclass(frozen=True, slots=True)
class _Action:
    """How an effect acts on clones in one of the forms, under a name that is unique in the model."""

    title: str
    on: tuple[str, ...]
    form: str

    def declare(self, scope: Scope, effect: Callable[[Scope, str], Expression]) -> None:
        """Offer the effect on each clone; a cytostatic one scales its growth."""
        for clone in self.on:
            if scope.offered("effect", self._owner(clone)):
                raise ModelError(
                    f"the kill of {shown(clone)} by {shown(self.title)} is declared twice; leave one of the two "
                    "out, or write death.path(...) for what it does beside"
                )
            scope.offer("effect", self._owner(clone), partial(effect, scope, clone))
            if self.form == "cytostatic":
                scope.scale("birth", clone, partial(self._left, scope, clone))

    def connect(self, scope: Scope) -> None:
        """Write one process for each clone, unless growth carries the effect."""
        asked_by = f"the kill by {shown(self.title)}"
        for clone in self.on:
            cells = population_of(scope, clone, asked_by)
            rate = scope.find("effect", self._owner(clone)) * cells
            if self.form != "hazard":
                rate *= growth_of(scope, clone, asked_by)
            if self.form != "cytostatic":
                name = f"kill_{self.title}_{clone}"
                scope.process(name, rate, {clone: -1}, description=f"{self.title} kills {clone}")

    def _owner(self, clone: str) -> str:
        return f"{self.title} on {clone}"

    def _left(self, scope: Scope, clone: str) -> Expression:
        """The share of its growth that a cytostatic effect leaves a clone."""
        return 1 - scope.find("effect", self._owner(clone))


@dataclass(frozen=True, slots=True)
class Kill:
    """Declaration behind `kill`."""

    effect: DrugEffect
    on: tuple[str, ...]
    form: str = "hazard"

    def __post_init__(self) -> None:
        if self.form not in _UNIT:
            raise ModelError(
                f"kill by {shown(self.effect.drug)}: form {shown(self.form)} "
                f"is not known{did_you_mean(self.form, _UNIT)}"
            )
        if self.form == "cytostatic" and self.effect.linear:
            raise ModelError(
                f"kill by {shown(self.effect.drug)}: a cytostatic effect is a share of growth; give emax in "
                "[0, 1] and ec50, not slope"
            )

    @property
    def label(self) -> str:
        """``kill_<drug>``."""
        return f"kill_{self.effect.title}"

    def declare(self, scope: Scope) -> None:
        """Offer the effect on each clone."""
        self._action.declare(scope, self._effect)

    def connect(self, scope: Scope) -> None:
        """Write one process for each clone."""
        self._action.connect(scope)

    @property
    def _action(self) -> _Action:
        return _Action(self.effect.title, self.on, self.form)

    def _effect(self, scope: Scope, clone: str) -> Expression:
        asked_by = f"the kill of {shown(clone)} by {shown(self.effect.drug)}"
        return self.effect.expression(scope, clone, unit=_UNIT[self.form], asked_by=asked_by, upper=_most(self.form))


@takes(ModelError, drug=TEXT, on=TEXTS, site=TEXT, form=TEXT)
def kill(
    drug: str,
    *,
    on: str | Sequence[str],
    emax: Given | None = None,
    ec50: Given | None = None,
    hill: Given = 1.0,
    slope: Given | None = None,
    site: str = "",
    form: str = "hazard",
) -> Mechanism:
    """A drug kills a clone, or slows its growth.

    The effect at the concentration C is ``E = emax*(C/ec50)**hill/(1 + (C/ec50)**hill)``, or ``E = slope*C`` (not for
    cytostatic, where it has to stay below 1):

    ============== ========================================= =========================================
    form           what happens                              unit of E
    ============== ========================================= =========================================
    hazard         ``kill_<drug>_S = E*S`` (log-kill)        per time
    norton_simon   ``kill_<drug>_S = E*birth_S*S``           a number (E > 1 shrinks the clone)
    cytostatic     growth per cell is multiplied by 1 - E    a share in [0, 1]
    ============== ========================================= =========================================

    Hazards of several drugs add, so that survivals multiply (Bliss independence of survival); see `combined_kill`.
    Cells that are killed are gone at once: what sends them through `death.transit` or `death.damaged` is `death.path`.

    Parameters
    ----------
    drug : str
        A drug with pharmacokinetics or in a medium.
    on : str or sequence of str
        The clone or clones, or other cells that the drug harms, by hazard only: host cells (`immune.effector`,
        `immune.suppressor`, `stroma.cells`) and those that a drug damaged, ``damaged_<clone>`` (`death.damaged`).
        Each gets parameters of its own, unless a shared `parameter` is given.
    emax : quantity, Parameter or Formula, optional
        Largest effect, not negative; parameter ``emax_<drug>_<clone>``.
    ec50 : quantity, Parameter or Formula, optional
        Concentration of half the largest effect; parameter ``ec50_<drug>_<clone>``. With the drug's molar mass both
        mass and molar concentrations can be written.
    hill : float, Parameter or Formula
        Positive; parameter ``hill_<drug>_<clone>``.
    slope : quantity, Parameter or Formula, optional
        Instead of emax and ec50: effect per concentration; parameter ``slope_<drug>_<clone>``.
    site : str
        Where the concentration is taken: ``""`` (plasma or medium), ``"effect"``, a site such as ``"tumour"``, or a
        clone's name for the drug in its cells (`intracellular`), which plasma does not stand for by itself.
    form : str
        ``"hazard"``, ``"norton_simon"`` or ``"cytostatic"``.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        The clone or drug is unknown, the form is unknown, or emax, ec50 and slope do not make an effect.
    UnitError
        A quantity has no unit or the wrong one.

    Notes
    -----
    Hill 1910; Norton and Simon 1977 (Cancer Treat Rep 61:1307), as Strobl et al. 2021 (Cancer Res 81:1135) write it.
    The Norton-Simon factor is the growth per cell itself, with its costs, support and cytostatic effects, so it changes
    its sign above the capacity of a net law.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(
    ...     mdr.medium("dox", unit="nM"),
    ...     mdr.clone("S", growth=mdr.growth.exponential(rate="0.5 1/day")),
    ...     mdr.kill("dox", on="S", slope="0.01 1/day/nM"),
    ... )
    >>> print(model.processes["kill_dox_S"].rate)
    S*medium_dox*slope_dox_S
    """
    return Kill(DrugEffect(drug, site, emax, ec50, hill, slope), names_of(on, f"kill by {shown(drug)}"), form)


@dataclass(frozen=True, slots=True)
class CombinedKill:
    """Declaration behind `combined_kill`."""

    parts: tuple[Kill, ...]
    by: str
    strength: Given | None = None

    def __post_init__(self) -> None:
        where = f"combined kill by {shown(self.title)}"
        if self.by not in _RULES:
            raise ModelError(f"{where}: by = {shown(self.by)} is not known{did_you_mean(self.by, _RULES)}")
        if len({part.effect.title for part in self.parts}) < max(len(self.parts), 2):
            raise ModelError(f"{where}: give the kills of at least two different drugs")
        if len({part.form for part in self.parts}) > 1 or len({part.on for part in self.parts}) > 1:
            raise ModelError(f"{where}: all kills must act on the same clones in the same form")
        if (self.strength is not None) != (self.by == "interaction"):
            raise ModelError(f"{where}: strength belongs to by='interaction' and is needed there")
        if self.by == "interaction" and len(self.parts) > 2:
            raise ModelError(f"{where}: an interaction has one strength for two drugs; {len(self.parts)} were given")
        self._check_forms(where)

    def _check_forms(self, where: str) -> None:
        effects = [part.effect for part in self.parts]
        if all(effect.linear for effect in effects) and self.by == "loewe":
            return
        if any(effect.linear for effect in effects):
            raise ModelError(
                f"{where}: by = {shown(self.by)} needs emax and ec50 of every drug; linear kills simply add "
                "as separate kill(...)"
            )
        if self.by == "bliss":
            return
        for what in ("emax", "hill"):
            given = [getattr(effect, what) for effect in effects]
            if any(not _equal(value, given[0]) for value in given):
                raise ModelError(
                    f"{where}: by = {shown(self.by)} is in closed form only for equal {what}; {shown(given[0])} "
                    f"and {shown(given[1])} were given"
                )

    @property
    def title(self) -> str:
        """The drugs as they stand in names."""
        return joined(*(part.effect.title for part in self.parts))

    @property
    def label(self) -> str:
        """``kill_<drug>_<drug>``."""
        return f"kill_{self.title}"

    def declare(self, scope: Scope) -> None:
        """Offer the joint effect on each clone."""
        self._action.declare(scope, self._effect)

    def connect(self, scope: Scope) -> None:
        """Write one process for each clone."""
        self._action.connect(scope)

    @property
    def _action(self) -> _Action:
        return _Action(self.title, self.parts[0].on, self.parts[0].form)

    def _effect(self, scope: Scope, clone: str) -> Expression:
        form = self.parts[0].form
        asked_by = f"the kill of {shown(clone)} by {shown(self.title)}"
        if self.by == "bliss":
            return self._bliss(scope, clone, form, asked_by)
        if self.parts[0].effect.linear:
            return sp.Add(
                *(part.effect.expression(scope, clone, unit=_UNIT[form], asked_by=asked_by) for part in self.parts)
            )
        dose = self._dose(scope, clone, asked_by)
        first = self.parts[0].effect
        emax = first.largest(scope, "", clone, _UNIT[form], _most(form), title=self.title)
        raised = Power(dose, first.steepness(scope, "", clone, title=self.title))
        return emax * raised / (1 + raised)

    def _dose(self, scope: Scope, clone: str, asked_by: str) -> Expression:
        """The equivalent dose of one drug, as a multiple of its ec50."""
        shares = [part.effect.potency(scope, "", clone, asked_by) for part in self.parts]
        total = sp.Add(*shares)
        if self.strength is None:
            return total
        alpha = scope.parameter(
            f"alpha_{self.title}_{clone}", self.strength, unit="", description=f"interaction of {self.title} on {clone}"
        )
        return total + alpha * sp.Mul(*shares)

    def _bliss(self, scope: Scope, clone: str, form: str, asked_by: str) -> Expression:
        shares = [part.effect.share(scope, "", clone, asked_by) for part in self.parts]
        largest = [part.effect.largest(scope, "", clone, _UNIT[form], _most(form)) for part in self.parts]
        if form == "cytostatic":
            ceiling: Expression = sp.Integer(1)
        elif len(set(largest)) == 1:
            return largest[0] * (1 - sp.Mul(*(1 - share for share in shares)))
        else:
            ceiling = sp.Max(*largest, sp.Float(POSITIVE), evaluate=False)
        return ceiling * (
            1 - sp.Mul(*(1 - emax * share / ceiling for emax, share in zip(largest, shares, strict=True)))
        )


def _equal(left: Given | None, right: Given | None) -> bool:
    if (
        isinstance(left, (Parameter, Formula))
        or isinstance(right, (Parameter, Formula))
        or left is None
        or right is None
    ):
        return left == right
    one, other = quantity(left), quantity(right)
    return one.unit.like(other.unit) and one.internal == other.internal


@takes(ModelError, by=TEXT)
def combined_kill(*kills: Mechanism, by: str = "bliss", strength: Given | None = None) -> Mechanism:
    """Two or more drugs kill a clone together, with one joint effect E.

    It replaces the separate kills, which are given here and not to the model. ``e_i`` is the effect of drug i as a
    share of its own maximum and ``u_i = C_i/ec50_i``.

    bliss
        ``E = M*(1 - prod(1 - emax_i*e_i/M))`` with M the largest emax (1 for a cytostatic effect): effects are
        independent as shares of what can be reached at all (Bliss 1939), so E stays below M and each drug alone keeps
        its own curve. Unbounded independence, in which survivals multiply, needs no combination: hazards of
        separate `kill` declarations add.
    loewe
        ``E = emax*u**hill/(1 + u**hill)`` with ``u = sum(u_i)``: exact Loewe additivity (Loewe 1926) for equal emax
        and hill, so that a drug combined with itself is the same drug at the added dose. Linear kills add.
    interaction
        As loewe with ``u = u_1 + u_2 + alpha*u_1*u_2``: the surface of Greco et al. 1990 (Cancer Res 50:5318), which is
        explicit for equal emax and hill. ``alpha > 0`` is synergy, 0 additivity, ``alpha < 0`` antagonism.

    The joint process is ``kill_<drug>_<drug>_<clone>``.

    Parameters
    ----------
    *kills : Mechanism
        From `kill`, of different drugs on the same clones in the same form.
    by : str
        ``"bliss"``, ``"loewe"`` or ``"interaction"``.
    strength : float, Parameter or Formula
        alpha of ``"interaction"``; parameter ``alpha_<drug>_<drug>_<clone>``.

    Returns
    -------
    Mechanism
        Parameters as those of the kills; for loewe and interaction one ``emax_<drug>_<drug>_<clone>`` and one
        ``hill_<drug>_<drug>_<clone>`` stand for the common ones.

    Raises
    ------
    ModelError
        The kills are not of different drugs on the same clones in the same form, the rule is unknown, or loewe or
        interaction is asked for unequal emax or hill, where they have no closed form.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> one = mdr.kill("dox", on="S", emax="1.2 1/day", ec50="50 nM")
    >>> two = mdr.kill("pac", on="S", emax="1.2 1/day", ec50="5 nM")
    >>> model = mdr.Model(
    ...     mdr.medium("dox"),
    ...     mdr.medium("pac"),
    ...     mdr.clone("S"),
    ...     mdr.combined_kill(one, two, by="interaction", strength=0.5),
    ... )
    >>> sorted(model.parameters)
    ['alpha_dox_pac_S', 'ec50_dox_S', 'ec50_pac_S', 'emax_dox_pac_S', 'hill_dox_pac_S']
    """
    parts = tuple(item for item in kills if isinstance(item, Kill))
    if len(parts) < len(kills):
        raise ModelError("combined_kill takes declarations of kill(...) only")
    return CombinedKill(parts, by, strength)
