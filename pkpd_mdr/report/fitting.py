"""A fit as sections: data, estimates, doubts, pictures, provenance."""

from __future__ import annotations

import math

import pandas as pd

from pkpd_mdr.fit import Fit
from pkpd_mdr.plot.fit import plot_fit, plot_residuals, plot_waterfall
from pkpd_mdr.plot.style import as_svg
from pkpd_mdr.report.blocks import Bullets, Code, Figure, Page, Section, Table, Text, of_frame, of_mapping
from pkpd_mdr.report.modelling import model_sections

__all__ = ["fit_page", "fit_sections"]


def fit_page(fit: Fit) -> Page:
    """The page of a fit."""
    names = [item.name for item in fit.found.items]
    title = f"Fit of {len(names)} parameter{'s' * (len(names) > 1)} to {fit.n} measurements"
    last = Section("Provenance", (of_mapping(fit.provenance), Code("Report as text", fit.report())))
    return Page(title, (_verdict(fit), *fit_sections(fit), *model_sections(fit.model, names), last))


def _verdict(fit: Fit) -> Section:
    doubtful = [item for item in fit.found.items if item.verdict != "ok"]
    count = len(fit.found.items)
    if doubtful:
        sentence = f"{len(doubtful)} of {count} parameters could not be determined: " + "; ".join(
            f"{item.name} ({item.verdict})" for item in doubtful
        )
    else:
        sentence = f"All {count} parameters have a closed 95 % interval."
    starts = f"{fit.reached} of {len(fit.starts)} starts reached the best point."
    return Section("Verdict", (Text(sentence, strong=True), Text(starts)))


def fit_sections(fit: Fit) -> tuple[Section, ...]:
    """Data used, estimates and pictures.

    Parameters
    ----------
    fit : Fit

    Returns
    -------
    tuple of Section
    """
    return _data(fit), _estimates(fit), _pictures(fit)


def _data(fit: Fit) -> Section:
    problem = fit.objective.problem
    measured = ", ".join(f"{name} [{fit.data.units[name].text or '1'}]" for name in problem.rows.observable)
    lines = [f"{fit.n} measurements of {measured} in {len(problem.members)} conditions, from {fit.data.origin}"]
    notes = (*fit.data.notes, *problem.notes)
    summary = of_frame(fit.data.summary(), "Conditions", folded=len(problem.members) > 12)
    return Section("Data used", (Text(lines[0]), *((Bullets(tuple(map(str, notes))),) if notes else ()), summary))


def _estimates(fit: Fit) -> Section:
    rows, formulas = [], {tie.name: f"= {tie.text}" for tie in fit.found.ties}
    for item in (*fit.found.items, *fit.found.tied):
        known = item.verdict == "ok" or item.verdict.startswith("open")
        ends = (f"{item.lower:.4g}", f"{item.upper:.4g}", f"{item.rse:.3g}") if known else ("-", "-", "-")
        note = [formulas.get(item.name, ""), "" if item.verdict == "ok" else item.verdict]
        rows.append((item.name, item.unit, f"{item.value:.5g}", *ends, "; ".join(filter(None, note))))
    head = ("parameter", "unit", "estimate", "lower 95 %", "upper 95 %", "rse %", "note")
    table = Table(head, tuple(rows), "Estimates", (False, False, True, True, True, True, False))
    aicc = f"{fit.aicc:.4f}" if math.isfinite(fit.aicc) else "too few measurements"
    quality = Text(f"Log-likelihood {fit.log_likelihood:.4f}, AIC {fit.aic:.4f}, AICc {aicc}, BIC {fit.bic:.4f}.")
    errors: pd.DataFrame = fit.errors
    notes = (Bullets(tuple(fit.found.notes)),) if fit.found.notes else ()
    return Section("Estimates", (table, *notes, quality, of_frame(errors, "Error of a measurement")))


def _pictures(fit: Fit) -> Section:
    figures = []
    for name in fit.objective.problem.rows.observable:
        figures.append(Figure(as_svg(plot_fit(fit, observable=name)), f"{name}: measurements and the fitted model"))
        figures.append(Figure(as_svg(plot_residuals(fit, observable=name)), f"{name}: standardised residuals"))
    if len(fit.starts) > 1:
        figures.append(Figure(as_svg(plot_waterfall(fit)), "Where the starts ended, best first"))
    return Section("Fit and residuals", tuple(figures))
