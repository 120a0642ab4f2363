"""What each reference model says of a table and of its resampled copies, in one form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from pkpd_mdr.errors import DataError, did_you_mean, shown
from pkpd_mdr.response.combination.median_effect import median_effect
from pkpd_mdr.response.combination.nulls import Expected, bliss, highest_single, loewe
from pkpd_mdr.response.combination.reading import Wells
from pkpd_mdr.response.combination.resample import resampled, resampled_around
from pkpd_mdr.response.combination.single import Hills, fit_hills
from pkpd_mdr.response.combination.surfaces import SURFACES, Design, Fitted, fit_surface, starts_of
from pkpd_mdr.response.combination.zip import zero_interaction_potency
from pkpd_mdr.response.quantiles import f_tail
from pkpd_mdr.response.scales import SCALES

__all__ = ["MODELS", "Choices", "Outcome", "check_models", "outcome"]

FloatArray = npt.NDArray[np.float64]

MODELS = {
    "bliss": "Bliss independence",
    "hsa": "highest single agent",
    "loewe": "Loewe additivity of the fitted single drugs",
    "zip": "zero interaction potency",
    "chou_talalay": "combination index of the median-effect law",
    "braid": "BRAID surface",
    "musyc": "MuSyC surface",
}
"""Reference models by name."""

_ON_SCALE = ("bliss", "hsa", "zip", "chou_talalay")
_TWO_DRUGS = ("zip", "braid", "musyc")
_STRICT = 1e-3
_ENOUGH = 0.8  # share of resamples that must have an answer


@dataclass(frozen=True, slots=True)
class Choices:
    """How a combination was asked to be judged; see `combination`."""

    centre: str = "mean"
    fixed: Mapping[str, float] = field(default_factory=dict)
    detailed_balance: bool = False
    draws: int = 200
    seed: int = 0
    confidence: float = 0.95
    braid: str = "kappa2"
    resample: str = "pooled"

    def fixed_for(self, model: str) -> dict[str, float]:
        """Held parameters that belong to a surface."""
        return {name: value for name, value in self.fixed.items() if name in SURFACES[model].working}


@dataclass(frozen=True, eq=False)
class Outcome:
    """One reference model on one combination.

    Attributes
    ----------
    observed, expected, excess, lower, upper : ndarray, shape (cells,)
        Excess is positive where the effect is stronger than expected.
    drawn : ndarray or None, shape (draws, cells)
        Excess of resampled tables.
    reason : list of str
        Why a cell has no expected response.
    fit, fits : Fitted
        Of a surface, and of its resampled copies.
    flat : bool
        Whether the surface explains no more than a constant.
    """

    model: str
    observed: FloatArray
    expected: FloatArray
    excess: FloatArray
    lower: FloatArray
    upper: FloatArray
    reason: list[str]
    index: FloatArray
    drawn: FloatArray | None
    notes: list[str]
    fit: Fitted | None = None
    fits: tuple[Fitted, ...] = ()
    flat: bool = False


def check_models(models: tuple[str, ...], drugs: int, scale: str | None) -> None:
    """Refuse unknown models, and models that this table cannot have."""
    for name in models:
        if name not in MODELS:
            raise DataError(f"model = {shown(name)} is no reference model of combinations{did_you_mean(name, MODELS)}")
        if name in _TWO_DRUGS and drugs != 2:
            raise DataError(
                f"model = {shown(name)} is for two drugs; {drugs} were given: leave it out, or name two in doses"
            )
        if name in _ON_SCALE and scale is None:
            raise DataError(
                f"model = {shown(name)} needs a scale, as it rests on fractions affected: say scale='viability', "
                "'percent', 'inhibition' or 'percent inhibition'; loewe, braid and musyc need none"
            )


def outcome(model: str, wells: Wells, choices: Choices) -> Outcome:
    """Estimates and resampled copies of one model on one combination."""
    drawn = resampled(wells, choices.draws, choices.seed, choices.resample) if choices.draws else None
    y = wells.y[None] if drawn is None else np.concatenate([wells.y[None], drawn])
    if model in SURFACES:
        return _surface_outcome(model, wells, y, choices)
    means = wells.centres(y)
    seen = means if choices.centre == "mean" else wells.centres(y, choices.centre)
    hills = fit_hills(wells, means) if model in ("loewe", "zip") else None
    found = _expected(model, wells, y, seen, means, hills)
    sign = _sign(wells, hills)
    observed = seen if found.fitted is None else found.fitted
    notes = list(found.notes) + (_hill_notes(wells, hills) if hills is not None else [])
    return _outcome(model, wells, seen[0], found, sign * (observed - found.value), choices, notes)


def _expected(
    model: str, wells: Wells, y: FloatArray, seen: FloatArray, means: FloatArray, hills: Hills | None
) -> Expected:
    if model == "bliss":
        return bliss(wells, seen)
    if model == "hsa":
        return highest_single(wells, seen)
    if model == "chou_talalay":
        return median_effect(wells, y, seen)
    assert hills is not None
    return loewe(wells, means, hills) if model == "loewe" else zero_interaction_potency(wells, means, hills)


def _sign(wells: Wells, hills: Hills | None) -> float:
    """1 where a larger response is a larger effect."""
    if wells.scale is not None:
        return 1.0 if SCALES[wells.scale].rising else -1.0
    assert hills is not None
    return float(np.sign(np.nansum(hills.end[0] - hills.start[0]))) or 1.0


def _hill_notes(wells: Wells, hills: Hills) -> list[str]:
    found = []
    for k, drug in enumerate(wells.drugs):
        doses = wells.cells[wells.alone(k), k]
        if not hills.usable[0, k]:
            found.append(f"{drug} alone: no curve could be fitted")
        elif hills.hill[0, k] > 20:
            found.append(f"{drug} alone: the fitted curve is a step between two doses; its potency is not identifiable")
        elif not doses.min() / 5 <= hills.ec50[0, k] <= doses.max() * 5:
            found.append(
                f"{drug} alone: its EC50 lies far outside the tested doses; its largest effect is not identifiable"
            )
    return found


def _outcome(
    model: str, wells: Wells, observed: FloatArray, found: Expected, excess: FloatArray, choices: Choices,
    notes: list[str], fit: Fitted | None = None, fits: tuple[Fitted, ...] = (),
) -> Outcome:  # fmt: skip
    lower, upper = np.full(len(observed), np.nan), np.full(len(observed), np.nan)
    drawn = excess[1:] if len(excess) > 1 else None
    if drawn is None:
        if choices.draws:
            notes.append("no cell has replicates that differ: no intervals")
    else:
        lower, upper = limits(drawn, choices.confidence)
        odd = wells.mixed & np.isfinite(excess[0]) & np.isnan(lower)
        if odd.any():
            notes.append(
                f"{int(odd.sum())} cells have no interval: fewer than {_ENOUGH:.0%} of the resamples have a solution"
            )
    index = found.index[0] if found.index is not None else np.full(len(observed), np.nan)
    return Outcome(
        model, observed, found.value[0], excess[0], lower, upper, found.reason, index, drawn, notes, fit, fits
    )


def limits(drawn: FloatArray, confidence: float) -> tuple[FloatArray, FloatArray]:
    """Percentile limits over the first axis; NaN where too few resamples have an answer."""
    enough = np.isfinite(drawn).mean(axis=0) >= _ENOUGH
    filled = np.where(np.isfinite(drawn), drawn, np.nan)
    lower, upper = np.full(drawn.shape[1:], np.nan), np.full(drawn.shape[1:], np.nan)
    tail = 0.5 * (1.0 - confidence)
    if enough.any():
        lower[enough], upper[enough] = np.nanquantile(filled[..., enough], [tail, 1.0 - tail], axis=0)
    return lower, upper


def _surface_outcome(model: str, wells: Wells, y: FloatArray, choices: Choices) -> Outcome:
    surface = SURFACES[model]
    designs = _designs(model, wells, choices)
    means = wells.centres(y)
    hills = fit_hills(wells, means[:1])
    fits = [fit_surface(design, means[0], starts_of(design, hills)) for design in designs]
    best = min(fits, key=lambda fit: fit.rss)
    estimated = len(best.design.names) + len(surface.limits)
    if len(wells.y) <= estimated or len(wells.cells) < estimated:
        raise DataError(
            f"model = {shown(model)} has {estimated} parameters; {wells.label or 'the combination'} has "
            f"{len(wells.cells)} cells with {len(wells.y)} wells: hold some with fixed={{...}}, or choose another model"
        )
    fitted = best.value(wells.cells)
    if len(means) == 1 and choices.draws:
        means = np.concatenate([means, resampled_around(wells, fitted, estimated, choices.draws, choices.seed)])
    # a resampled table lies near the observed one: its search starts from the estimate
    others = tuple(fit_surface(best.design, row, [best.theta]) for row in means[1:])
    neutral = np.stack([_neutral(fit, wells.cells) for fit in (best, *others)])
    surfaces = np.stack([fit.value(wells.cells) for fit in (best, *others)])
    sign = _sign(wells, hills)
    found = Expected(neutral, [""] * len(wells.cells), fitted=surfaces)
    notes = [f"{name} is {where} of the search: not identifiable" for name, where in best.at_bound.items()]
    flat = _is_flat(wells, fitted, estimated)
    if flat:
        notes.append("the surface explains no more than a constant: no drug has a shown effect")
    seen = wells.centres(wells.y[None])[0]
    result = _outcome(model, wells, seen, found, sign * (surfaces - neutral), choices, notes, best, others)
    return replace(result, flat=flat)


def _is_flat(wells: Wells, fitted: FloatArray, estimated: int) -> bool:
    """F test against a constant; potencies mean nothing under a constant, so F is large too often: a strict level."""
    rss = float(((wells.y - fitted[wells.cell]) ** 2).sum())
    gain = float(((wells.y - wells.y.mean()) ** 2).sum()) - rss
    if gain <= 1e-20 * max(float((wells.y**2).sum()), 1e-300):
        return True
    spare = len(wells.y) - estimated
    return rss > 0 and bool(f_tail(gain / (estimated - 1) / (rss / spare), estimated - 1, spare) > _STRICT)


def _designs(model: str, wells: Wells, choices: Choices) -> list[Design]:
    """One design, or for "kappa2" of BRAID two: either drug alone reaches the largest effect, whichever fits better."""
    held = choices.fixed_for(model)
    cases: list[dict[str, float]] = [held]
    if model == "braid" and choices.braid == "kappa1":
        cases = [{**held, "a1": 1.0, "a2": 1.0}]
    elif model == "braid" and choices.braid == "kappa2":
        cases = [{**held, "a1": 1.0}, {**held, "a2": 1.0}]
    return [Design.of(SURFACES[model], wells, case, detailed_balance=choices.detailed_balance) for case in cases]


def _neutral(fit: Fitted, cells: FloatArray) -> FloatArray:
    """The surface of the same single drugs without interaction."""
    values = fit.values | dict(fit.design.surface.neutral)
    if fit.design.surface.name == "musyc":
        ends = (values["E1"], values["E2"])
        values["E3"] = max(ends, key=lambda end: abs(end - values["E0"]))
    return fit.design.surface.value(cells, values)
