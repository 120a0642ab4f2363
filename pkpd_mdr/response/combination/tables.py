"""Parameters of surfaces with states, and the report of a combination as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pkpd_mdr.response.combination.models import MODELS, Outcome
from pkpd_mdr.response.combination.surfaces import Fitted

if TYPE_CHECKING:
    from pkpd_mdr.response.combination.result import Combination

__all__ = ["parameter_rows", "report"]

FloatArray = npt.NDArray[np.float64]
_WIDE = 1e4  # ratio of limits of a potency, slope or interaction factor beyond which nothing is known of it
_FAR = 10.0  # ranges of the responses that the limits of a largest effect may be apart
_NO_EFFECT = 1e-12  # effect below which a share of it means nothing
_CELLS = 6  # undefined cells that the report names


def parameter_rows(found: Outcome, confidence: float) -> pd.DataFrame:
    """All parameters of a fitted surface: parameter, estimate, lower, upper, state."""
    fit = found.fit
    assert fit is not None
    drawn = {name: np.array([other.values[name] for other in found.fits]) for name in fit.values}
    tail = 0.5 * (1.0 - confidence)
    rows = [_row(name, fit, drawn[name], found.fits, tail) for name in fit.values]
    span = float(np.ptp(found.observed))
    ends = {row["parameter"]: row for row in rows if row["parameter"] in fit.design.surface.limits}
    for row in ends.values():
        if row["state"] == "estimated" and row["upper"] - row["lower"] > _FAR * span:
            reason = f"limits are more than {_FAR:g} times as far apart as the responses"
            row |= {"estimate": np.nan, "state": f"not identifiable: {reason}"}
    if found.flat:
        for row in rows:
            if row["state"] not in ("held", "tied"):
                row |= {"estimate": np.nan, "lower": np.nan, "upper": np.nan}
                row["state"] = "not identifiable: no drug has a shown effect"
    for name, value, draws in _derived(fit, found.fits):
        lower, upper = _quantiles(draws, tail)
        if found.flat:
            value, lower, upper = np.nan, np.nan, np.nan
        state = "derived" if np.isfinite(value) else "not identifiable: neither drug has an effect alone"
        lost = [end for end, row in ends.items() if row["state"].startswith("not identifiable")]
        if lost and not found.flat and (name == "beta" or "Ef" in lost):
            value, state = np.nan, f"not identifiable: it follows from {' and '.join(lost)}"
        rows.append({"parameter": name, "estimate": value, "lower": lower, "upper": upper, "state": state})
    return pd.DataFrame(rows)


def _row(name: str, fit: Fitted, drawn: FloatArray, others: tuple[Fitted, ...], tail: float) -> dict[str, Any]:
    value = fit.values[name]
    if name in fit.design.held:
        tied = bool(np.isnan(fit.design.held[name]))
        lower, upper = _quantiles(drawn, tail) if tied else (value, value)
        return {
            "parameter": name,
            "estimate": value,
            "lower": lower,
            "upper": upper,
            "state": "tied" if tied else "held",
        }
    lower, upper = _quantiles(drawn, tail)
    for end, where in ((0, "at its lower bound"), (1, "at its upper bound")):
        if len(others) and np.mean([other.at_bound.get(name) == where for other in others]) > tail:
            lower, upper = (_least(name), upper) if end == 0 else (lower, np.inf)
    row = {"parameter": name, "estimate": value, "lower": lower, "upper": upper, "state": "estimated"}
    reason = ""
    if name in fit.at_bound:
        reason = f"the fit is {fit.at_bound[name]}"
        high = fit.at_bound[name] == "at its upper bound"
        row["lower" if not high else "upper"] = _least(name) if not high else np.inf
    elif np.isnan(fit.unit_error.get(name, 0.0)):
        reason = "other values fit as well"
    elif name in fit.design.names and lower <= _least(name) and np.isinf(upper):
        reason = "both limits are open"
    elif name in fit.design.names and name != "kappa" and lower > 0 and upper / lower > _WIDE:
        reason = f"limits are a factor of more than {_WIDE:g} apart"
    if reason:
        row |= {"estimate": np.nan, "state": f"not identifiable: {reason}"}
    return row


def _least(name: str) -> float:
    return -2.0 if name == "kappa" else 0.0


def _quantiles(drawn: FloatArray, tail: float) -> tuple[float, float]:
    if not len(drawn):
        return np.nan, np.nan
    lower, upper = np.quantile(drawn, [tail, 1.0 - tail])
    return float(lower), float(upper)


def _derived(fit: Fitted, others: tuple[Fitted, ...]) -> list[tuple[str, float, FloatArray]]:
    """Largest effects of the drugs alone (BRAID), and how much deeper the combination goes (MuSyC)."""

    def beta(values: dict[str, float]) -> float:
        """MuSyC's beta: gain of the largest effect over the stronger drug, relative to it."""
        stronger = max(values["E1"], values["E2"], key=lambda end: abs(end - values["E0"]))
        height = values["E0"] - stronger
        return (stronger - values["E3"]) / height if abs(height) > _NO_EFFECT else float("nan")

    def alone(values: dict[str, float], k: int) -> float:
        """BRAID's largest effect of drug k alone."""
        return values["E0"] + values[f"a{k}"] * (values["Ef"] - values["E0"])

    if fit.design.surface.name == "musyc":
        return [("beta", beta(fit.values), np.array([beta(other.values) for other in others]))]
    return [(f"Ef{k}", alone(fit.values, k), np.array([alone(other.values, k) for other in others])) for k in (1, 2)]


def report(result: Combination) -> str:
    """Data, mean excess of every model, parameters and notes."""
    sections = []
    for k in range(len(result)):
        sections += [_head(result, k), _models(result, k), _parameters(result, k), _notes(result, k)]
    return "\n\n".join("\n".join(section) for section in sections if section)


def _head(result: Combination, k: int) -> list[str]:
    wells = result.wells[k]
    drugs = " x ".join(
        f"{drug} [{unit}]" if unit else drug for drug, unit in zip(wells.drugs, wells.units, strict=True)
    )
    few, many = int(wells.n.min()), int(wells.n.max())
    replicates = f"{few}" if few == many else f"{few} to {many}"
    scale = f" as {wells.scale}" if wells.scale else ""
    cells = f"{len(wells.cells)} cells ({int(wells.mixed.sum())} with more than one drug)"
    return [
        f"Combination {f'{wells.label}: ' if wells.label else ''}{drugs}",
        f"  {len(wells.y)} wells of {wells.response}{scale} in {cells}, {replicates} per cell, from {wells.origin}",
    ]


def _models(result: Combination, k: int) -> list[str]:
    table = result.summary()
    if result._named:
        table = table[table["combination"] == result.wells[k].label]
    head = f"{100 * result.choices.confidence:g}% interval"
    lines = [
        "Mean excess over the cells (positive: stronger than expected)",
        f"  {'model':<13} {'all cells':>10} {head:>21} {'most effective':>15} {head:>21} {'p surface':>9}",
    ]
    for row in _rows(table):
        lines.append(
            f"  {row.model:<13} {_number(row.mean_excess):>10} {_pair(row.mean_lower, row.mean_upper):>21} "
            f"{_number(row.region_excess):>15} {_pair(row.region_lower, row.region_upper):>21} "
            f"{_number(row.p_surface):>9}"
            + (f"  {int(row.undefined)} cells without an expected response" if row.undefined else "")
        )
    return lines


def _parameters(result: Combination, k: int) -> list[str]:
    lines = []
    for model in result.models:
        found = result.outcome(model, k)
        if found.fit is None:
            continue
        lines.append(f"{MODELS[model]}")
        for row in _rows(parameter_rows(found, result.choices.confidence)):
            lines.append(
                f"  {row.parameter:<8} {_number(row.estimate):>10} {_pair(row.lower, row.upper):>21}  {row.state}"
            )
    return lines


def _notes(result: Combination, k: int) -> list[str]:
    wells = result.wells[k]
    lines = [f"  {note}" for note in wells.notes]
    for model in result.models:
        found = result.outcome(model, k)
        lines += [f"  {model}: {note}" for note in found.notes]
        lost = [int(c) for c in np.flatnonzero(wells.mixed) if found.reason[c]]
        lines += [f"  {model}: {wells.text(c)}: {found.reason[c]}" for c in lost[:_CELLS]]
        if len(lost) > _CELLS:
            lines.append(f"  {model}: and {len(lost) - _CELLS} more cells; frame has all")
    return ["Notes", *lines] if lines else []


def _rows(table: pd.DataFrame) -> list[Any]:
    return list(table.itertuples(index=False))


def _number(value: Any) -> str:
    return "-" if np.isnan(value) else f"{value:.4g}"


def _pair(lower: Any, upper: Any) -> str:
    return f"[{_number(lower)}, {_number(upper)}]"
