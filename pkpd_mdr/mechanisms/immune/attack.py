"""What effectors do to clones, and clones to effectors: kill, exhaustion, priming."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import sympy as sp

from pkpd_mdr.arguments import FLAG, TEXT, TEXTS, takes
from pkpd_mdr.errors import ModelError, did_you_mean, shown
from pkpd_mdr.expression import Power
from pkpd_mdr.mechanisms.host import antigen_of, host_of, offer_once, weighed
from pkpd_mdr.mechanisms.names import POSITIVE, clone_of, joined, names_of
from pkpd_mdr.model.parts import Expression
from pkpd_mdr.model.scope import Given, Mechanism, Scope
from pkpd_mdr.units import Unit

__all__ = ["Attack", "Exhaustion", "Priming", "attack", "exhaustion", "priming"]

_FORMS = {
    "mass_action": "",
    "tumour_saturated": "the number of tumour cells",
    "effector_saturated": "the number of effectors",
    "ratio": "the number of effectors per tumour cell",
}
_PER_HOUR = Unit.of("1/h")


@dataclass(frozen=True, slots=True)
class Attack:
    """Declaration behind `attack`."""

    effector: str
    on: tuple[str, ...]
    rate: Given
    form: str = "mass_action"
    half: Given | None = None
    exponent: Given | None = None
    by_antigen: bool = True

    def __post_init__(self) -> None:
        words = f"attack by {shown(self.effector)}"
        if self.form not in _FORMS:
            raise ModelError(f"{words}: form {shown(self.form)} is not known{did_you_mean(self.form, _FORMS)}")
        if (self.half is None) != (self.form == "mass_action"):
            raise ModelError(
                f"{words}: form 'mass_action' takes no half; leave it out, or choose a form that saturates"
                if self.form == "mass_action"
                else f"{words}: form {shown(self.form)} needs half, {_FORMS[self.form]} with half the largest kill"
            )
        if self.exponent is not None and self.form != "ratio":
            raise ModelError(f"{words}: exponent belongs to form='ratio'; leave it out for {shown(self.form)}")

    @property
    def label(self) -> str:
        """``attack_<effector>``."""
        return f"attack_{self.effector}"

    def declare(self, scope: Scope) -> None:
        """Offer the kill per cell and what others scale: access to each clone."""
        for clone in self.on:
            offer_once(scope, "effector access", clone, sp.Integer(1))
            scope.offer("attack", f"{self.effector} on {clone}", partial(self._kill, scope, clone))

    def connect(self, scope: Scope) -> None:
        """Write one process for each clone."""
        for clone in self.on:
            cells = clone_of(scope, clone, f"the attack by {shown(self.effector)}")
            scope.process(
                f"attack_{self.effector}_{clone}",
                scope.find("attack", f"{self.effector} on {clone}") * cells,
                {clone: -1},
                description=f"{self.effector} kill {clone}",
            )

    def _kill(self, scope: Scope, clone: str) -> Expression:
        effector = host_of(scope, self.effector, f"the attack on {shown(clone)}", "effector")
        clone_of(scope, clone, f"the attack by {shown(self.effector)}")
        strength = self._law(scope, clone, effector)
        if self.by_antigen:
            strength *= antigen_of(scope, clone)
        strength *= scope.find("effector access", clone)
        for kind, owner in (
            ("activity", self.effector),
            ("checkpoint", clone),
            ("checkpoint", f"{self.effector} on {clone}"),
        ):
            if (kind, owner) in scope.owners(kind):
                strength *= scope.find(kind, owner)
        return strength

    def _law(self, scope: Scope, clone: str, effector: Expression) -> Expression:
        burden, cell = scope.gather("burden"), scope.states[clone].unit
        effectors = scope.states[self.effector].unit
        if self.form == "mass_action":
            return self._rate(scope, clone, _PER_HOUR.times(effectors, -1)) * effector
        if self.form == "tumour_saturated":
            rate = self._rate(scope, clone, _PER_HOUR.times(cell).times(effectors, -1))
            return rate * effector / (self._half(scope, clone, cell) + burden)
        rate = self._rate(scope, clone, _PER_HOUR)
        if self.form == "effector_saturated":
            return rate * effector / (self._half(scope, clone, effectors) + effector)
        if not (cell.dimensionless and effectors.dimensionless):
            raise ModelError(
                f"the attack by {shown(self.effector)}: form 'ratio' needs numbers of cells, but {shown(clone)} is in "
                f"{shown(cell.text)} and {shown(self.effector)} in {shown(effectors.text)}"
            )
        half = self._half(scope, clone, Unit.of(""))
        exponent = scope.parameter(
            f"attack_exponent_{self.effector}_{clone}",
            1.0 if self.exponent is None else self.exponent,
            unit="",
            lower=POSITIVE,
            description=f"exponent of the ratio of {self.effector} to tumour cells",
        )
        # E**l/((half*T)**l + E**l) instead of the ratio itself: nothing is divided by an empty tumour
        many, few = Power(effector, exponent), Power(half * burden, exponent)
        return rate * many / sp.Max(many + few, sp.Float(POSITIVE), evaluate=False)

    def _rate(self, scope: Scope, clone: str, unit: Unit) -> Expression:
        return scope.parameter(
            f"attack_{self.effector}_{clone}",
            self.rate,
            unit=unit,
            lower=0.0,
            description=f"kill of {clone} by {self.effector}",
        )

    def _half(self, scope: Scope, clone: str, unit: Unit) -> Expression:
        assert self.half is not None
        return scope.parameter(
            f"attack_half_{self.effector}_{clone}",
            self.half,
            unit=unit,
            lower=POSITIVE,
            description=f"where {self.effector} kill {clone} at half the largest rate",
        )


@takes(ModelError, effector=TEXT, on=TEXTS, form=TEXT, by_antigen=FLAG)
def attack(
    effector: str,
    *,
    on: str | Sequence[str],
    rate: Given,
    form: str = "mass_action",
    half: Given | None = None,
    exponent: Given | None = None,
    by_antigen: bool = True,
) -> Mechanism:
    """Effectors kill the cells of clones.

    The kill per cell of clone i by E effectors in a tumour of N cells, k the rate and h half of its scale:

    ==================== ============================ ===================================================
    form                 kill per cell                unit of rate; of half
    ==================== ============================ ===================================================
    mass_action          ``k*E``                      1/(cell h); none
    tumour_saturated     ``k*E/(h + N)``              1/h (tumour cells per effector and time); cells
    effector_saturated   ``k*E/(h + E)``              1/h; effectors
    ratio                ``k*E**l/((h*N)**l + E**l)`` 1/h; effectors per tumour cell
    ==================== ============================ ===================================================

    It is multiplied by the antigen level of the clone, the access of effectors to it, the activity of the effector
    and the checkpoint factor, each 1 unless declared. Mass action: Kuznetsov et al. 1994; tumour_saturated: Kronik et
    al. 2008; ratio: de Pillis et al. 2005 (Cancer Res 65:7950), ``d (L/T)**l/(s + (L/T)**l)`` with half = s**(1/l).

    Parameters
    ----------
    effector : str
        From `immune.effector`.
    on : str or sequence of str
        Clones; each gets parameters of its own, unless a shared `parameter` is given.
    rate : quantity, Parameter or Formula
        Parameter ``attack_<effector>_<clone>``.
    form : str
        As above.
    half : quantity, Parameter or Formula, optional
        Parameter ``attack_half_<effector>_<clone>``.
    exponent : float, Parameter or Formula, optional
        l of the ratio law, 1 if absent; parameter ``attack_exponent_<effector>_<clone>``.
    by_antigen : bool
        Whether the antigen level counts; NK cells that kill without it have False.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        The effector or a clone is unknown, the form is unknown, or half or exponent do not belong to it.
    UnitError
        A quantity has no unit or the wrong one.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> ctl = mdr.immune.effector("CTL", start=1e6)
    >>> model = mdr.Model(mdr.clone("S"), ctl, mdr.immune.attack("CTL", on="S", rate="1.1e-7 1/cell/day"))
    >>> print(model.equations())
    dS/dt = -CTL*S*attack_CTL_S
    dCTL/dt = 0
    """
    names = names_of(on, f"attack by {shown(effector)}")
    return Attack(effector, names, rate, form, half, exponent, by_antigen)


@dataclass(frozen=True, slots=True)
class Exhaustion:
    """Declaration behind `exhaustion`."""

    effector: str
    rate: Given
    by: tuple[str, ...] = ()
    half: Given | None = None
    saturation: str = "tumour"
    into: str | None = None

    def __post_init__(self) -> None:
        words = f"exhaustion of {shown(self.effector)}"
        if self.saturation not in ("tumour", "effector"):
            known = ("tumour", "effector")
            raise ModelError(
                f"{words}: saturation {shown(self.saturation)} is not known{did_you_mean(self.saturation, known)}"
            )
        if self.into == self.effector:
            raise ModelError(f"{words} into themselves does nothing; name the exhausted cells, or leave into out")

    @property
    def title(self) -> str:
        """Effector and clones as they stand in names; all clones are not named."""
        return joined(self.effector, *self.by)

    @property
    def label(self) -> str:
        """``exhaustion_<effector>``."""
        return f"exhaustion_{self.title}"

    def declare(self, scope: Scope) -> None:
        """Nothing yet: the clones must be known."""

    def connect(self, scope: Scope) -> None:
        """Write the process."""
        words = f"the exhaustion of {shown(self.effector)}"
        effector = host_of(scope, self.effector, words)
        for name in self.by:
            clone_of(scope, name, words)
        tumour, cell = weighed(scope, self.by)
        if self.half is None:
            met, unit = effector * tumour, _PER_HOUR.times(cell, -1)
        else:
            of_tumour = self.saturation == "tumour"
            half = scope.parameter(
                f"exhaustion_half_{self.title}",
                self.half,
                unit=cell if of_tumour else scope.states[self.effector].unit,
                lower=POSITIVE,
                description=f"{self.saturation} cells at half of {words}",
            )
            met = effector * tumour / (half + (tumour if of_tumour else effector))
            unit = _PER_HOUR if of_tumour else _PER_HOUR.times(scope.states[self.effector].unit).times(cell, -1)
        rate = scope.parameter(self.label, self.rate, unit=unit, lower=0.0, description=f"rate of {words}")
        moves = {self.effector: -1.0}
        if self.into is not None:
            host_of(scope, self.into, words)
            moves[self.into] = 1.0
        scope.process(
            self.label,
            rate * met,
            moves,
            transfer=self.into is not None,
            description=f"{self.effector} are exhausted by the tumour",
        )


@takes(ModelError, effector=TEXT, by=TEXTS, saturation=TEXT, into=TEXT)
def exhaustion(
    effector: str,
    *,
    rate: Given,
    by: str | Sequence[str] | None = None,
    half: Given | None = None,
    saturation: str = "tumour",
    into: str | None = None,
) -> Mechanism:
    """The tumour inactivates effectors that meet it.

    With T the antigen-weighted tumour: ``rate*E*T`` (Kuznetsov et al. 1994); with half ``rate*E*T/(half + T)``, or,
    for ``saturation="effector"``, ``rate*E*T/(half + E)`` (Leon-Triana et al. 2021, BIOMD0000001013). Exhausted cells
    are lost, or become the population `into`, from which an `immune.effector` without attack can be revived.

    Parameters
    ----------
    effector : str
        The population that is exhausted.
    rate : quantity, Parameter or Formula
        1/(cell h), or with half 1/h; parameter ``exhaustion_<effector>``, or ``exhaustion_<effector>_<by>``.
    by : str or sequence of str, optional
        Clones; all unless given.
    half : quantity, Parameter or Formula, optional
        Cells; parameter ``exhaustion_half_...``.
    saturation : str
        ``"tumour"`` or ``"effector"``: of which `half` is a number.
    into : str, optional
        A host population of exhausted cells; the process is then a transfer.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        A population is unknown, or both are the same.
    UnitError
        A quantity has no unit or the wrong one.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> ctl = mdr.immune.effector("E", start=1e6)
    >>> print(mdr.Model(mdr.clone("T"), ctl, mdr.immune.exhaustion("E", rate="3e-10 1/cell/day")).derivatives["E"])
    -E*T*exhaustion_E
    """
    names = () if by is None else names_of(by, f"exhaustion of {shown(effector)}")
    return Exhaustion(effector, rate, names, half, saturation, into)


@dataclass(frozen=True, slots=True)
class Priming:
    """Declaration behind `priming`."""

    effector: str
    by: str
    rate: Given

    @property
    def label(self) -> str:
        """``priming_<effector>_<by>``."""
        return f"priming_{self.effector}_{self.by}"

    def declare(self, scope: Scope) -> None:
        """Offer the factor that suppressors act on."""
        offer_once(scope, "stimulation", self.effector, sp.Integer(1))

    def connect(self, scope: Scope) -> None:
        """Write the process."""
        words = f"the priming of {shown(self.effector)}"
        primed, by = host_of(scope, self.effector, words), host_of(scope, self.by, words, "effector")
        tumour, cell = weighed(scope, ())
        unit = scope.states[str(primed)].unit.times(_PER_HOUR)
        unit = unit.times(scope.states[self.by].unit, -1).times(cell, -1)
        rate = scope.parameter(
            self.label, self.rate, unit=unit, lower=0.0, description=f"{self.effector} primed by {self.by} per meeting"
        )
        rate *= scope.find("stimulation", self.effector)
        scope.process(
            self.label,
            rate * by * tumour,
            {self.effector: 1},
            description=f"{self.by} and tumour prime {self.effector}",
        )


@takes(ModelError, effector=TEXT, by=TEXT)
def priming(effector: str, *, by: str, rate: Given) -> Mechanism:
    """Meetings of one effector with the tumour raise another: ``L' = ... + rate*N*T`` (de Pillis et al. 2005).

    Parameters
    ----------
    effector : str
        The population that is primed (CTL).
    by : str
        The effector that meets the tumour (NK).
    rate : quantity, Parameter or Formula
        Cells per effector, tumour cell and time; parameter ``priming_<effector>_<by>``.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        A population is unknown.
    UnitError
        A quantity has no unit or the wrong one.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> cells = [mdr.immune.effector(name) for name in ("NK", "CTL")]
    >>> primed = mdr.immune.priming("CTL", by="NK", rate="1.1e-7 1/cell/day")
    >>> print(mdr.Model(mdr.clone("T"), *cells, primed).derivatives["CTL"])
    NK*T*priming_CTL_NK
    """
    return Priming(effector, by, rate)
