"""The null test of order and timing: an idle tumour to which only exposure matters, treated beside the real one.

Of exponential growth and kill in proportion to concentrations, ``ln N(T) = ln N0 + g T - sum_j k_j AUC_j``: what is
given when, together or in turn, means nothing. Arms that still differ in such a tumour differ by how much they give;
what they differ by beyond that, in the real one, is what order, timing, saturation and resistance make of it. The idle
tumour is a state of its own in every run: it is given what the real tumour is given (by strategies, too, which look at
the real one), takes up no drug and no room, and counts in no burden.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pkpd_mdr.compare.arms import Plan
from pkpd_mdr.compare.statistics import spread
from pkpd_mdr.engine import Accuracy, compile_model
from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.errors import SimulationError
from pkpd_mdr.mechanisms import parameter, process, state
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Measured
from pkpd_mdr.run import Endpoint, courses, end_of, exposure, start_vector, with_exposure
from pkpd_mdr.units import Quantity, QuantityLike, Unit

__all__ = ["Null", "NullTumour"]

_NAME, _START = "null_tumour", 1e9
_SAME = 0.005  # decades, about 1 %


@dataclass(frozen=True, eq=False, repr=False)
class Null:
    """What exposures alone make of the arms.

    Attributes
    ----------
    table : DataFrame
        A row per arm: ``decades`` by which an idle tumour ends up larger (+) or smaller (-) than under
        ``compared_with``, median over the draws with ``lower`` and ``upper``.
    drugs : tuple of str
        That kill it: each one decade at the exposure that the first arm which gives it has, at the model's own values.
    error : float
        The largest deviation of any idle tumour from its closed form, in decades: a check of doses and integration.
    """

    table: pd.DataFrame
    drugs: tuple[str, ...]
    error: float

    def __str__(self) -> str:
        other = self.table["compared_with"].iloc[0]
        apart = self.table[np.maximum(self.table["lower"].abs(), self.table["upper"].abs()) > _SAME]
        text = f"null test (exponential growth, kill in proportion to {' and '.join(self.drugs)}): "
        if not len(apart):
            return text + "no arm differs, as all have the same exposures; differences are not a matter of amount"
        told = ", ".join(_told(*row) for row in apart[["arm", "decades", "lower", "upper"]].to_numpy().tolist())
        return text + f"exposures alone set arms apart from {other!r}: {told}; that part is amount, not order or timing"

    __repr__ = __str__


def _told(arm: str, middle: float, lower: float, upper: float) -> str:
    interval = f" ({lower:+.2g} to {upper:+.2g})" if upper - lower > _SAME else ""
    return f"{arm!r} {middle:+.2g} decades{interval}"


@dataclass(frozen=True, slots=True)
class NullTumour:
    """The idle tumour of one comparison.

    Attributes
    ----------
    drugs : tuple of str
    slopes : tuple of Quantity
        Of the kill by each drug.
    growth : float
        Per hour: one decade up to the end.
    """

    drugs: tuple[str, ...]
    slopes: tuple[Quantity, ...]
    growth: float

    @staticmethod
    def of(
        model: Model,
        plans: Mapping[str, Plan],
        *,
        start: Mapping[str, QuantityLike] | None,
        until: float,
        looks: Sequence[Measured],
        accuracy: Accuracy,
    ) -> NullTumour:
        """Scale the kill of each drug to one decade for the first arm that gives it, at the model's own values.

        Raises
        ------
        SimulationError
            No arm gives a drug with a concentration.
        """
        full = with_exposure(model)
        compiled = compile_model(full)
        values = np.array([item.internal for item in full.parameters.values()])
        names = [name for name in full.states if name.startswith("AUC_")]
        slopes: dict[str, Quantity] = {}
        for plan in plans.values():
            if len(slopes) == len(names):
                break
            one = courses(
                compiled,
                values[None],
                start_vector(full, compiled, values, start)[None],
                plan,
                until=until,
                times=np.array([until]),
                outputs=names,
                accuracy=accuracy,
                measure=looks,
                fill=False,
            )[0]
            for name in names if one.status.ok else ():
                area, unit = float(one.output(name)[-1]), Unit.of("").times(full.states[name].unit, -1)
                if area > 0 and name not in slopes:
                    slopes[name] = Quantity(math.log(10.0) / area / unit.factor, unit)
        if not slopes:
            raise SimulationError(
                "null = True: no arm gives a drug whose concentration this model knows, so that there is no exposure "
                "to compare; leave out null="
            )
        return NullTumour(tuple(name[4:] for name in slopes), tuple(slopes.values()), math.log(10.0) / until)

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """What is read: how large it ends up, and the exposures."""
        return end_of(_NAME), *(exposure(drug) for drug in self.drugs)

    def beside(self, model: Model) -> Model:
        """The model with the idle tumour in it."""
        parts = [
            state(_NAME, _START, description="idle tumour of the null test"),
            parameter(f"{_NAME}_growth", (self.growth, "1/h")),
            process(f"{_NAME}_grows", f"{_NAME}_growth*{_NAME}", {_NAME: 1}),
        ]
        for drug, slope in zip(self.drugs, self.slopes, strict=True):
            name = f"{_NAME}_kill_{drug}"
            parts.append(parameter(name, slope))
            parts.append(process(f"{name}ed", f"{name}*C_{drug}*{_NAME}", {_NAME: -1}))
        return with_exposure(model).plus(*parts)

    def told(
        self, arms: tuple[str, ...], reference: str, read: FloatArray, ended: FloatArray, confidence: float
    ) -> Null:
        """Differences in decades from what was read, shape (arms, members, endpoints), up to where runs `ended` (h)."""
        kill = read[:, :, 1:] @ np.array([slope.internal for slope in self.slopes])
        closed = (math.log(_START) + self.growth * ended - kill) / math.log(10.0)
        kept = np.isfinite(closed).all(axis=0)
        seen = np.isfinite(closed) & (closed > 0)  # below one cell the tolerance is absolute
        found = np.log10(np.maximum(read[:, :, 0], 1e-300))
        error = float(np.abs(found - closed)[seen].max(initial=0.0))
        rows = []
        for k, arm in enumerate(arms):
            # growth is left out: it is the same, except where runs end at levels of the real tumour
            gaps = (kill[arms.index(reference)] - kill[k])[kept] / math.log(10.0)
            middle, lower, upper = spread(gaps, confidence)
            rows.append({"arm": arm, "compared_with": reference, "decades": middle, "lower": lower, "upper": upper})
        return Null(pd.DataFrame(rows), self.drugs, error)
