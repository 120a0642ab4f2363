"""What is made and lost all the time, and what drugs do to it: lymphocytes, body weight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pkpd_mdr.arguments import TABLE, TEXT, takes
from pkpd_mdr.errors import ModelError, shown
from pkpd_mdr.expression import check_name, symbol
from pkpd_mdr.mechanisms.drug_effect import DrugEffect
from pkpd_mdr.mechanisms.names import POSITIVE
from pkpd_mdr.model.parts import Expression
from pkpd_mdr.model.scope import Given, Mechanism, Scope
from pkpd_mdr.units import Unit

__all__ = ["Turnover", "body_weight", "lymphopenia", "read_effects"]


def read_effects(
    where: str, slope: Mapping[str, Given] | None, emax: Mapping[str, Sequence[Given]] | None
) -> tuple[DrugEffect, ...]:
    """Effects of drugs from tables of slopes and of (emax, ec50[, hill]); `ModelError` for a drug named twice."""
    linear, saturating = slope or {}, emax or {}
    twice = [drug for drug in linear if drug in saturating]
    if twice:
        raise ModelError(f"{where}: {shown(twice[0])} has a slope and an emax; give one of the two")
    effects = [DrugEffect.at(drug, slope=value) for drug, value in linear.items()]
    for drug, numbers in saturating.items():
        if isinstance(numbers, (str, bytes)) or not isinstance(numbers, Sequence) or len(numbers) not in (2, 3):
            raise ModelError(
                f"{where}: emax of {shown(drug)} is {shown(numbers)}, not emax and ec50, or emax, ec50 and hill; "
                "write for example (0.9, '0.5 uM')"
            )
        effects.append(DrugEffect.at(drug, emax=numbers[0], ec50=numbers[1], hill=[*numbers, 1.0][2]))
    return tuple(effects)


@dataclass(frozen=True, slots=True)
class Turnover:
    """Declaration behind `lymphopenia` and `body_weight`: ``X' = k*X0*prod(1 - I) - k*X - sum(E)*X``."""

    name: str
    what: str
    baseline: Given
    rate: Given
    unit: Unit
    killers: tuple[DrugEffect, ...] = ()
    inhibitors: tuple[DrugEffect, ...] = ()

    def __post_init__(self) -> None:
        check_name(self.name, f"the name of {self.what}")
        if not self.killers and not self.inhibitors:
            raise ModelError(f"{self.label} needs a drug; write for example slope={{'tmz': '0.01 L/mg/day'}}")

    @property
    def label(self) -> str:
        """``turnover_<name>``."""
        return f"turnover_{self.name}"

    def declare(self, scope: Scope) -> None:
        """Add the state, which starts at its baseline."""
        scope.state(self.name, unit=self.unit, balance=self.name, description=self.what)

    def connect(self, scope: Scope) -> None:
        """Write source, loss, and what drugs do to both."""
        name, level = self.name, symbol(self.name)
        baseline = scope.parameter(
            f"baseline_{name}", self.baseline, unit=self.unit, lower=POSITIVE, description=f"{self.what} without drug"
        )
        rate = scope.parameter(
            f"turnover_{name}", self.rate, unit="1/h", lower=0.0, description=f"turnover of {self.what}"
        )
        scope.start(name, baseline)
        source: Expression = rate * baseline
        for effect in self.inhibitors:
            source *= 1 - effect.expression(scope, name, unit="", asked_by=self.label, prefix="inhibition", upper=1.0)
        scope.process(f"source_{name}", source, {name: 1}, description=f"{self.what}: source")
        scope.process(f"loss_{name}", rate * level, {name: -1}, description=f"{self.what}: natural loss")
        for effect in self.killers:
            hazard = effect.expression(scope, name, unit="1/h", asked_by=self.label)
            scope.process(
                f"loss_{name}_{effect.title}",
                hazard * level,
                {name: -1},
                description=f"{self.what}: loss by {effect.title}",
            )
        scope.observable(f"{name}_relative", level / baseline, "", f"{self.what} as a share of the baseline")


@takes(ModelError, name=TEXT, slope=TABLE, emax=TABLE, inhibition=TABLE, unit=TEXT)
def lymphopenia(
    name: str = "alc",
    *,
    baseline: Given,
    turnover: Given,
    slope: Mapping[str, Given] | None = None,
    emax: Mapping[str, Sequence[Given]] | None = None,
    inhibition: Mapping[str, Sequence[Given]] | None = None,
    unit: str = "1/L",
) -> Mechanism:
    """Lymphocytes that drugs kill and that recover.

    ``L' = k*L0*prod(1 - I) - k*L - sum(E)*L``: an indirect response (Dayneka, Garg and Jusko 1993, J Pharmacokinet
    Biopharm 21:457) with kill E by cytotoxic drugs, ``slope*C`` or ``emax*C**h/(ec50**h + C**h)``, and inhibition I of
    the supply, as by steroids. Under constant exposure ``L/L0 = k*prod(1 - I)/(k + sum(E))``; without drug it comes
    back with the half-life ``ln(2)/k``.

    Parameters
    ----------
    name : str
        The state, ``"alc"`` (absolute lymphocyte count).
    baseline : quantity, Parameter or Formula
        L0, in `unit`; parameter ``baseline_<name>``.
    turnover : quantity, Parameter or Formula
        k, per time; parameter ``turnover_<name>``. Recovery takes weeks to months after temozolomide with radiotherapy
        (recalled): a wide prior.
    slope : mapping of str to quantity, Parameter or Formula, optional
        Drug (or ``"drug@site"``) to kill per concentration and time; parameters ``slope_<drug>_<name>``.
    emax : mapping of str to sequence, optional
        Drug to emax, ec50 and, if it is not 1, the Hill exponent; parameters ``emax_<drug>_<name>`` and so on.
    inhibition : mapping of str to sequence, optional
        Drug to the largest share of the supply that it stops, its ec50 and, if it is not 1, its Hill exponent;
        parameters ``inhibition_emax_<drug>_<name>`` and so on.
    unit : str
        Of the counts.

    Returns
    -------
    Mechanism
        With the state ``<name>`` and the observable ``<name>_relative``.

    Raises
    ------
    ModelError
        No drug is named, a drug is unknown, or an effect is not complete.
    UnitError
        A quantity has no unit or the wrong one.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(
    ...     mdr.pk.one_compartment("tmz", CL="10 L/h", V="30.3 L", ka="5.8 1/h"),
    ...     mdr.toxicity.lymphopenia(baseline="1.5e9 1/L", turnover="0.03 1/day", slope={"tmz": "0.02 L/mg/day"}),
    ... )
    >>> sorted(model.processes)[-3:]
    ['loss_alc', 'loss_alc_tmz', 'source_alc']
    """
    where = f"lymphopenia of {shown(name)}"
    killers, stops = read_effects(where, slope, emax), read_effects(where, None, inhibition)
    return Turnover(name, "lymphocytes", baseline, turnover, Unit.of(unit), killers, stops)


@takes(ModelError, name=TEXT, slope=TABLE, emax=TABLE, unit=TEXT)
def body_weight(
    name: str = "weight",
    *,
    baseline: Given,
    recovery: Given,
    slope: Mapping[str, Given] | None = None,
    emax: Mapping[str, Sequence[Given]] | None = None,
    unit: str = "kg",
) -> Mechanism:
    """Body weight that is lost under treatment and comes back. Form ours.

    ``W' = k*(W0 - W) - sum(E)*W`` with ``E = slope*C`` or ``emax*C**h/(ec50**h + C**h)``: the simplest return to a set
    point (an indirect response, Dayneka et al. 1993, with stimulated loss). It has no growth of young animals and no
    tumour cachexia. Under constant exposure ``W/W0 = k/(k + sum(E))``.

    Parameters
    ----------
    name : str
        The state, ``"weight"``.
    baseline : quantity, Parameter or Formula
        W0; parameter ``baseline_<name>``.
    recovery : quantity, Parameter or Formula
        k, per time; parameter ``turnover_<name>``. A wide prior.
    slope : mapping of str to quantity, Parameter or Formula, optional
        Drug (or ``"drug@site"``) to relative loss per concentration and time; parameters ``slope_<drug>_<name>``. A
        wide prior.
    emax : mapping of str to sequence, optional
        Drug to emax, ec50 and, if it is not 1, the Hill exponent; parameters ``emax_<drug>_<name>`` and so on.
    unit : str
        ``"kg"``, or ``"g"`` for mice.

    Returns
    -------
    Mechanism
        With the state ``<name>`` and the observable ``<name>_relative``, which a stop rule reads (below 0.8 in mice).

    Raises
    ------
    ModelError
        No drug is named, a drug is unknown, or an effect is not complete.
    UnitError
        A quantity has no unit or the wrong one.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(
    ...     mdr.pk.one_compartment("dox", CL="0.02 L/h", V="0.1 L"),
    ...     mdr.toxicity.body_weight(baseline="22 g", recovery="0.2 1/day", slope={"dox": "0.05 L/mg/day"}, unit="g"),
    ... )
    >>> model.states["weight"].unit.text
    'g'
    """
    effects = read_effects(f"body_weight {shown(name)}", slope, emax)
    return Turnover(name, "body weight", baseline, recovery, Unit.of(unit), effects)
