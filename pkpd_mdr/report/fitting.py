"""A fit as sections: data, estimates, doubts, pictures, provenance."""

from __future__ import annotations

import math

import pandas as pd

from pkpd_mdr.fit import Fit
from pkpd_mdr.fit.search import agreement
from pkpd_mdr.plot.fit import plot_fit, plot_residuals, plot_waterfall
from pkpd_mdr.plot.style import as_svg
from pkpd_mdr.report.blocks import (
    Bullets,
    Code,
    Figure,
    Page,
    Section,
    Table,
    Text,
    counted,
    number,
    of_frame,
    of_mapping,
)
from pkpd_mdr.report.modelling import model_sections

__all__ = ["estimated", "fit_page", "fit_sections"]

_WITH_UNIT = ("a", "phi")  # error parameters in the unit of what is measured


def fit_page(fit: Fit) -> Page:
    """The page of a fit."""
    title = f"Fit of {counted(len(fit.found.items), 'parameter')} to {counted(fit.n, 'measurement')}"
    last = Section("Provenance", (of_mapping(fit.provenance), Code("Report as text", fit.report())))
    return Page(title, (_verdict(fit), *fit_sections(fit), *model_sections(fit.model, fitted=estimated(fit)), last))


def estimated(fit: Fit) -> set[str]:
    """Parameters of the model that a fit has estimated, those of single groups and tied ones among them."""
    names = {item.name.partition("[")[0] for item in (*fit.found.items, *fit.found.tied)}
    return names & set(fit.model.parameters)


def _verdict(fit: Fit) -> Section:
    doubtful = [item for item in fit.found.items if item.verdict != "ok"]
    count = len(fit.found.items)
    if doubtful:
        sentence = f"{len(doubtful)} of {count} parameters could not be determined: " + "; ".join(
            f"{item.name} ({item.verdict})" for item in doubtful
        )
    else:
        sentence = f"{'The parameter has' if count == 1 else f'All {count} parameters have'} a closed 95 % interval."
    return Section("Verdict", (Text(sentence, strong=True), Text(f"{agreement(fit.starts, fit.best)}.")))


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
    found, where = counted(fit.n, "measurement"), counted(len(problem.members), "condition")
    notes = (*fit.data.notes, *problem.notes)
    table = fit.data.summary().rename(columns={"first": "first [h]", "last": "last [h]"})
    summary = of_frame(table, "Conditions", folded=len(problem.members) > 12)
    text = Text(f"{found} of {measured} in {where}, from {fit.data.origin}")
    return Section("Data used", (text, *((Bullets(tuple(map(str, notes))),) if notes else ()), summary))


def _estimates(fit: Fit) -> Section:
    rows, formulas = [], {tie.name: f"= {tie.text}" for tie in fit.found.ties}
    for item in (*fit.found.items, *fit.found.tied):
        known = item.verdict == "ok" or item.verdict.startswith("open")
        ends = (number(item.lower), number(item.upper), f"{item.rse:.3g}") if known else ("-", "-", "-")
        note = [formulas.get(item.name, ""), "" if item.verdict == "ok" else item.verdict]
        rows.append((item.name, item.unit, number(item.value, 5), *ends, "; ".join(filter(None, note))))
    head = ("parameter", "unit", "estimate", "lower 95 %", "upper 95 %", "rse %", "note")
    wide = len(head) - (not any(row[-1] for row in rows))  # no column of notes where there are none
    numeric = (False, False, True, True, True, True, False)
    table = Table(head[:wide], tuple(row[:wide] for row in rows), "", numeric[:wide])
    aicc = f"{fit.aicc:.4f}" if math.isfinite(fit.aicc) else "too few measurements"
    quality = Text(f"Log-likelihood {fit.log_likelihood:.4f}, AIC {fit.aic:.4f}, AICc {aicc}, BIC {fit.bic:.4f}.")
    notes = (Bullets(tuple(fit.found.notes)),) if fit.found.notes else ()
    return Section("Estimates", (table, *notes, quality, of_frame(_errors(fit), "Error of a measurement")))


def _errors(fit: Fit) -> pd.DataFrame:
    """Error parameters with the unit of those that are no share."""
    table = fit.errors
    units = [fit.data.units[name].text * (key in _WITH_UNIT) for name, _, key, _ in table.itertuples(index=False)]
    return table.assign(unit=units)


def _pictures(fit: Fit) -> Section:
    figures = []
    for name in fit.objective.problem.rows.observable:
        figures.append(Figure(as_svg(plot_fit(fit, observable=name)), f"{name}: measurements and the fitted model"))
        figures.append(Figure(as_svg(plot_residuals(fit, observable=name)), f"{name}: standardised residuals"))
    if len(fit.starts) > 1:
        figures.append(Figure(as_svg(plot_waterfall(fit)), "Where the starts ended, best first"))
    return Section("Fit and residuals", tuple(figures))
