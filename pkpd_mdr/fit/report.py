"""The report of a fit as text."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pkpd_mdr.fit.estimates import Estimate
from pkpd_mdr.fit.search import agreement

if TYPE_CHECKING:
    from pkpd_mdr.fit.result import Fit

__all__ = ["report"]

_WIDE, _INFORMATIVE = 0.1, 0.5  # share of the precision that a prior brings


def report(fit: Fit) -> str:
    """Data, quality, error models, estimates, what could not be estimated, starts and provenance.

    Parameters
    ----------
    fit : Fit

    Returns
    -------
    str
    """
    sections = [
        _head(fit),
        _quality(fit),
        _errors(fit),
        _readouts(fit),
        _estimates(fit),
        _tied(fit),
        _priors(fit),
        _doubts(fit),
        _starts(fit),
        _origin(fit),
    ]
    return "\n\n".join("\n".join(section) for section in sections if section)


def _head(fit: Fit) -> list[str]:
    problem = fit.objective.problem
    measured = ", ".join(f"{name} [{fit.data.units[name].text or '1'}]" for name in problem.rows.observable)
    lines = [
        f"Fit of {len(fit.found.items)} parameters to {fit.n} measurements of {measured}",
        f"  {len(problem.members)} conditions from {fit.data.origin}",
    ]
    return lines + [f"  {note}" for note in (*fit.data.notes, *problem.notes)]


def _quality(fit: Fit) -> list[str]:
    rss = ", ".join(f"{value:.6g} ({name})" for name, value in fit.rss.items())
    lines = [f"  sum of squares         {rss}", f"  log-likelihood         {fit.log_likelihood:.4f}"]
    aicc = f"{fit.aicc:.4f}" if math.isfinite(fit.aicc) else "too few measurements"
    return ["Quality", *lines, f"  AIC, AICc, BIC         {fit.aic:.4f}, {aicc}, {fit.bic:.4f}"]


def _errors(fit: Fit) -> list[str]:
    lines = ["Error of a measurement"]
    for i, name in enumerate(fit.objective.problem.rows.observable):
        model, unit = fit.objective.errors[name], fit.data.units[name].text
        scale, mix = fit.objective.scale(fit.best, i), fit.objective.mix(fit.best.point, i)
        extra = fit.objective.extra(fit.best.point, i)
        lines.append(f"  {name:<22} {model.describe(scale, mix, unit, extra)}")
        if edge := model.edge(mix, extra):
            lines.append(f"  {'':<22} {edge}")
    return lines


def _readouts(fit: Fit) -> list[str]:
    found = fit.readouts
    return (
        ["Readouts, solved for", *(f"  {name:<40} {value:.5g}" for name, value in found.items())] if len(found) else []
    )


def _priors(fit: Fit) -> list[str]:
    found = fit.priors
    if not len(found):
        return []
    lines = ["Priors: estimates are the mode of the posterior; log-likelihood and AIC are those of the data alone"]
    for name, prior, share in found.itertuples():
        lines.append(f"  {name:<12} {prior}: {_weight(share)}")
    return lines


def _weight(share: float) -> str:
    if math.isnan(share):
        return "the estimate has no error to compare it with"
    word = "informative" if share > _INFORMATIVE else "wide" if share < _WIDE else "shared with the data"
    return f"{100 * share:.0f}% of the precision, {word}"


def _estimates(fit: Fit) -> list[str]:
    width = max(12, *(len(item.name) for item in fit.found.items))
    unit_width = max(4, *(len(item.unit) for item in fit.found.items))
    head = f"  {'':<{width}} {'unit':<{unit_width}} {'estimate':>11} {'lower 95%':>11} {'upper 95%':>11} {'rse %':>7}"
    lines = [f"  {item.name:<{width}} {item.unit:<{unit_width}} {_numbers(item)}" for item in fit.found.items]
    return ["Estimates", head, *lines]


def _tied(fit: Fit) -> list[str]:
    found = fit.found
    if not found.tied:
        return []
    width = max(12, *(len(item.name) for item in found.tied))
    unit_width = max(4, *(len(item.unit) for item in found.tied))
    lines = [
        f"  {item.name:<{width}} {item.unit:<{unit_width}} {_numbers(item)}  = {tie.text}"
        for item, tie in zip(found.tied, found.ties, strict=True)
    ]
    return ["Tied to them", *lines]


def _numbers(item: Estimate) -> str:
    if item.verdict != "ok" and not item.verdict.startswith("open"):
        return f"{item.value:>11.5g} {'-':>11} {'-':>11} {'-':>7}  {item.verdict}"
    rse = f"{item.rse:.1f}" if item.rse < 1e4 else ">1e4"
    tail = "" if item.verdict == "ok" else f"  {item.verdict}"
    return f"{item.value:>11.5g} {item.lower:>11.5g} {item.upper:>11.5g} {rse:>7}{tail}"


def _doubts(fit: Fit) -> list[str]:
    lines = [f"  {item.name}: {item.verdict}" for item in fit.found.items if item.verdict != "ok"]
    lines += [f"  {note}" for note in fit.found.notes]
    if fit.objective.exact(fit.best):
        lines.append("  every measurement is met exactly: there is no error to tell, and intervals have no width")
    return ["What could not be estimated, and why", *(lines or ["  nothing: every parameter has a closed interval"])]


def _starts(fit: Fit) -> list[str]:
    lines = [f"  {agreement(fit.starts, fit.best)}"]
    lost = sum(not item.finished for item in fit.starts)
    if lost:
        lines.append(f"  {lost} starts ended where some condition cannot be simulated")
    count = sum(item.failures for item in fit.starts)
    if count:
        name, why = next(iter(fit.failures.items()))
        lines.append(f"  {count} evaluations on the way could not simulate every condition; the first: {name}: {why}")
    return ["Starts", *lines]


def _origin(fit: Fit) -> list[str]:
    return ["Provenance", *(f"  {key:<22} {value}" for key, value in fit.provenance.items())]
