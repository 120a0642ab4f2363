"""Toxicity, the price of treatment: blood cells that mature in stages, lymphocytes, the heart, body weight.

Each is a state with a name that endpoints read (``anc_nadir``), and an observable ``<name>_relative`` to the baseline.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import sympy as sp

from pkpd_mdr.arguments import TABLE, TEXT, takes
from pkpd_mdr.errors import ModelError, shown
from pkpd_mdr.expression import Power, check_name, symbol
from pkpd_mdr.mechanisms.drug_effect import DrugEffect
from pkpd_mdr.mechanisms.names import POSITIVE
from pkpd_mdr.mechanisms.toxicity_heart import cardiomyocytes, cumulative_exposure
from pkpd_mdr.mechanisms.toxicity_turnover import body_weight, lymphopenia, read_effects
from pkpd_mdr.model.scope import Given, Mechanism, Scope
from pkpd_mdr.units import Unit

__all__ = [
    "Myelosuppression",
    "body_weight",
    "cardiomyocytes",
    "cumulative_exposure",
    "lymphopenia",
    "myelosuppression",
]

_STAGES = ("precursor", "transit1", "transit2", "transit3")


@dataclass(frozen=True, slots=True)
class Myelosuppression:
    """Declaration behind `myelosuppression`."""

    effects: tuple[DrugEffect, ...]
    name: str
    baseline: Given
    transit_time: Given
    feedback: Given
    unit: Unit

    def __post_init__(self) -> None:
        check_name(self.name, "the name of the blood cells")
        if not self.effects:
            raise ModelError(
                f"myelosuppression of {shown(self.name)} needs a drug, as in slope={{'pac': '28.9 L/umol'}} or "
                "emax={'pac': (0.9, '0.5 uM')}"
            )

    @property
    def label(self) -> str:
        """``myelosuppression_<name>``."""
        return f"myelosuppression_{self.name}"

    @property
    def chain(self) -> tuple[str, ...]:
        """Names of the five pools, from precursors to blood."""
        return (*(f"{self.name}_{stage}" for stage in _STAGES), self.name)

    def declare(self, scope: Scope) -> None:
        """Add the five pools."""
        for pool in self.chain:
            scope.state(pool, unit=self.unit, kind="cells", balance=self.name, description=f"{self.name}: {pool}")

    def connect(self, scope: Scope) -> None:
        """Write proliferation with feedback, maturation and loss; all pools start at the baseline."""
        name, chain = self.name, self.chain
        baseline = scope.parameter(
            f"baseline_{name}", self.baseline, unit=self.unit, lower=POSITIVE, description=f"{name} without drug"
        )
        time = scope.parameter(
            f"transit_time_{name}",
            self.transit_time,
            unit="h",
            lower=POSITIVE,
            description=f"maturation time of {name}",
        )
        feedback = scope.parameter(
            f"feedback_{name}", self.feedback, unit="", lower=0.0, description=f"strength of the rebound of {name}"
        )
        effects = [effect.expression(scope, name, unit="", asked_by=self.label) for effect in self.effects]
        rate, pools = 4 / time, [symbol(pool) for pool in chain]
        rebound = Power(baseline / sp.Max(pools[-1], POSITIVE, evaluate=False), feedback)
        for pool in chain:
            scope.start(pool, baseline)
        scope.process(
            f"proliferation_{name}",
            rate * pools[0] * rebound * (1 - sp.Add(*effects)),
            {chain[0]: 1},
            description=f"{name} precursors divide",
        )
        for before, after in pairwise(chain):
            scope.process(
                f"maturation_{after}",
                rate * symbol(before),
                {before: -1, after: 1},
                transfer=True,
                description=f"{name} mature",
            )
        scope.process(f"loss_{name}", rate * pools[-1], {name: -1}, description=f"{name} leave the blood")
        scope.observable(f"{name}_relative", pools[-1] / baseline, "", f"{name} as a share of the baseline")


@takes(ModelError, name=TEXT, slope=TABLE, emax=TABLE, unit=TEXT)
def myelosuppression(
    name: str = "anc",
    *,
    slope: Mapping[str, Given] | None = None,
    emax: Mapping[str, Sequence[Given]] | None = None,
    baseline: Given,
    transit_time: Given,
    feedback: Given,
    unit: str = "1/L",
) -> Mechanism:
    """Blood cells under chemotherapy: proliferation with feedback, three transits, blood.

    ``Prol' = k Prol ((1 - E)(Circ0/Circ)**g - 1)``, three transits at rate k, ``Circ' = k (T3 - Circ)``, with
    ``k = 4/transit_time`` and E the sum over drugs of ``slope*C`` or ``emax*C**h/(ec50**h + C**h)`` (Friberg et al.
    2002, J Clin Oncol 20:4713). At constant concentration all pools settle at ``Circ0*(1 - E)**(1/g)``.

    One declaration for each kind of cells: neutrophils, leukocytes, platelets; each has its own numbers.

    Parameters
    ----------
    name : str
        The circulating cells, ``"anc"`` (absolute neutrophil count) or what is counted; a state of the model.
    slope : mapping of str to quantity, Parameter or Formula, optional
        Drug (or ``"drug@site"``) to its effect per concentration; parameters ``slope_<drug>_<name>``.
    emax : mapping of str to sequence, optional
        Drug to emax, ec50 and, if it is not 1, the Hill exponent of a saturating effect; parameters
        ``emax_<drug>_<name>``, ``ec50_<drug>_<name>`` and ``hill_<drug>_<name>``.
    baseline : quantity, Parameter or Formula
        Count without drug, in `unit`; parameter ``baseline_<name>``.
    transit_time : quantity, Parameter or Formula
        Mean maturation time; parameter ``transit_time_<name>``.
    feedback : float, Parameter or Formula
        Exponent g of the rebound; parameter ``feedback_<name>``.
    unit : str
        Of the counts.

    Returns
    -------
    Mechanism
        With five pools, of which ``<name>`` is in the blood, and the observable ``<name>_relative``.

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
    ...     mdr.pk.one_compartment("pac", CL="285 L/h", V="290 L", molar_mass="853.9 g/mol"),
    ...     mdr.toxicity.myelosuppression(
    ...         "wbc", slope={"pac": "28.9 L/umol"}, baseline="7.21e9 1/L", transit_time="124 h", feedback=0.239
    ...     ),
    ... )
    >>> list(model.states)[-1]
    'wbc'
    """
    effects = read_effects(f"myelosuppression of {shown(name)}", slope, emax)
    return Myelosuppression(effects, name, baseline, transit_time, feedback, Unit.of(unit))
