"""A comparison as sections: verdict, arms, fairness, results, price, doubts, assumptions, failures, provenance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from pkpd_mdr.compare import Comparison
from pkpd_mdr.compare.show import assumptions, blocks, headline
from pkpd_mdr.compare.statistics import spread
from pkpd_mdr.compare.verdict import limits_of_the_verdict
from pkpd_mdr.errors import PkpdMdrError
from pkpd_mdr.fit import Fit
from pkpd_mdr.plot.compare import plot_courses, plot_endpoint, plot_probabilities
from pkpd_mdr.plot.fairness import plot_matching
from pkpd_mdr.plot.patients import plot_swimmer, plot_waterfall
from pkpd_mdr.plot.style import as_svg, bracket
from pkpd_mdr.plot.survival import first_time, plot_survival
from pkpd_mdr.plot.verdict import plot_deciders, plot_forest, plot_pareto
from pkpd_mdr.report.blocks import (
    Block,
    Bullets,
    Figure,
    Page,
    Section,
    Table,
    Text,
    number,
    of_frame,
    of_mapping,
    of_rows,
)
from pkpd_mdr.report.fitting import estimated, fit_sections
from pkpd_mdr.report.modelling import model_sections
from pkpd_mdr.report.schedules import schedule
from pkpd_mdr.run import Endpoint

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["comparison_page"]

_SENTENCES = 20  # different failures that are quoted


def comparison_page(comparison: Comparison, fit: Fit | None = None) -> Page:
    """The page of a comparison.

    Parameters
    ----------
    comparison : Comparison
    fit : Fit, optional
        Where the draws come from.

    Returns
    -------
    Page
    """
    varied = comparison.settings.varied
    fitted = set() if fit is None else estimated(fit) & set(varied)
    sections = [
        _verdict(comparison),
        _arms(comparison),
        _fairness(comparison),
        _results(comparison),
        _patients(comparison),
        _price(comparison),
        _deciders(comparison),
        *(fit_sections(fit) if fit is not None else (_draws(comparison),)),
        *model_sections(comparison.model, varied, fitted),
        _failures(comparison),
        Section("Provenance", (_origin(), of_mapping(comparison.provenance))),
    ]
    return Page(headline(comparison).partition(";")[0], tuple(section for section in sections if section.blocks))


def _verdict(comparison: Comparison) -> Section:
    others = [item.name for item in comparison.endpoints if item.name != comparison.settings.primary]
    more = (Bullets(tuple(comparison.verdict(name) for name in others)),) if others else ()
    first = Text(comparison.verdict(), strong=True)
    return Section("Verdict", (first, *more, Text(headline(comparison) + "."), *_notes(comparison.notes)))


def _notes(lines: tuple[str, ...]) -> tuple[Block, ...]:
    return (Bullets(tuple(lines)),) if lines else ()


def _arms(comparison: Comparison) -> Section:
    rows = tuple((arm, "\n".join(schedule(comparison.plans[arm]))) for arm in comparison.arms)
    return Section("Arms", (Table(("arm", "what is done"), rows, "As compared, after any scaling of doses"),))


def _fairness(comparison: Comparison) -> Section:
    matching = comparison.matching
    if matching is None:
        text = "Arms were not matched: they may give different amounts, which is part of what is compared (fair=...)."
        return Section("Fairness", (Text(text),))
    if not matching.changed:
        return Section("Fairness", (Text(str(matching)),))
    head = ("arm", "drug", "before", "as compared", "doses x")
    rows = [(row.arm, row.drug, str(row.before), str(row.after), f"{row.factor:.4g}") for row in matching.rows]
    figure = Figure(as_svg(plot_matching(matching)), "By how much doses were multiplied")
    return Section("Fairness", (Text(str(matching)), of_rows(head, rows), figure))


def _results(comparison: Comparison) -> Section:
    tables = [of_rows(head, rows, title) for title, head, rows in blocks(comparison)]
    percent, members = f"{100 * comparison.settings.confidence:g} %", comparison.settings.members
    primary, many = comparison.settings.primary.replace("_", " "), int(comparison.kept.sum()) > 1
    later = "; an arrow is a time after the end" if comparison.definition().unit == "time" else ""
    measure = _capital(comparison.settings.measure)
    spans = f"Median and {percent} interval of {primary}, arm by arm; dotted: the reference{later}"
    figures = [
        _figure(plot_endpoint, comparison, spans if many else f"{_capital(primary)}, arm by arm{later}"),
        _figure(plot_courses, comparison, f"{measure}: median and {percent} band of each arm"),
    ]
    if len(comparison.arms) > 1:
        what = f"Differences in {primary} within the same {members}" + f", with {percent} intervals" * many
        figures.insert(0, _figure(plot_forest, comparison, what))
    if many and len(comparison.arms) > 1:
        figures.append(_figure(plot_probabilities, comparison, "How often each arm is best, endpoint by endpoint"))
    if any(item.unit == "time" for item in comparison.endpoints) and many:
        curves = f"Kaplan-Meier curves over the {members} with {percent} bands; + is a run that ended without the event"
        figures.append(_figure(plot_survival, comparison, f"{curves}. Below: numbers at risk"))
    return Section("Results", (*tables, *figures, *_notes(tuple(assumptions(comparison))), *_more(comparison)))


def _capital(name: str) -> str:
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]


def _more(comparison: Comparison) -> tuple[Table, ...]:
    """Tables for those who want to know it exactly."""
    if int(comparison.kept.sum()) < 2 or len(comparison.arms) < 2:
        return ()
    unit = bracket(comparison.unit(comparison.settings.primary).text)
    costs = f"Regret{unit}: what choosing an arm costs against the best one for each {_one(comparison)}"
    tables = [of_frame(comparison.regret(), costs, folded=True)]
    if any(item.unit == "time" for item in comparison.endpoints):
        found = comparison.survival_differences(name := first_time(comparison))
        percent = f"{100 * comparison.settings.confidence:g} %"
        means = (
            f"Restricted mean times{bracket(comparison.unit(name).text)}, and how they differ: the mean over the "
            f"{comparison.settings.members}, its standard error for so many of them, and where {percent} of them lie"
        )
        if "trial_size" in found:
            means += "; hazard ratios, and patients in each arm of a trial of this length (log-rank 5 %, power 80 %)"
        tables.append(of_frame(found, means, folded=True))
    return tuple(tables)


def _one(comparison: Comparison) -> str:
    return comparison.settings.members.removesuffix("s")


def _figure(draw: Callable[[Comparison], Axes], comparison: Comparison, caption: str) -> Block:
    """A picture, or a sentence that says why there is none."""
    try:
        return Figure(as_svg(draw(comparison)), caption)
    except PkpdMdrError as problem:
        return Text(f"No picture ({caption}): {problem}")


def _patients(comparison: Comparison) -> Section:
    if int(comparison.kept.sum()) < 2:
        return Section("Single patients", ())
    best, one = comparison.best(), _one(comparison)
    figures = []
    if any(item.unit == "time" for item in comparison.endpoints):
        figures.append(_figure(plot_swimmer, comparison, f"{best}: what each {one} was given when, and its course"))
    figures.append(_figure(plot_waterfall, comparison, f"{best}: best change of each {one}"))
    return Section("Single patients", tuple(figures))


def _price(comparison: Comparison) -> Section:
    """Endpoints that are no effect on the tumour."""
    items = [item for item in comparison.endpoints if _is_price(comparison, item)]
    if not items:
        harm = [name.removesuffix("_relative") for name in comparison.model.observables if name.endswith("_relative")]
        hint = f" This model knows {', '.join(harm)}: compare {harm[0]}_nadir." if harm else ""
        text = "No endpoint of toxicity was compared, so the verdict knows no price." + hint
        return Section("Toxicity", (Text(text),))
    names = " and ".join(item.name.replace("_", " ") for item in items)
    told = Text(f"What the arms cost is told by {names}; the verdict on it stands above.")
    primary = comparison.settings.primary
    fronts = [
        _figure(
            lambda found, name=item.name: plot_pareto(found, primary, name),  # type: ignore[misc]
            comparison,
            f"Efficacy and price: {primary.replace('_', ' ')} against {item.name.replace('_', ' ')}",
        )
        for item in items
        if item.name != primary
    ]
    return Section("Toxicity", (told, *fronts))


def _is_price(comparison: Comparison, item: Endpoint) -> bool:
    model = comparison.model
    tumour = {"burden", "resistant_share", comparison.settings.measure, *model.clones}
    read = {name.removeprefix("d/dt ") for name in item.needs}
    return bool(read) and not read & tumour and not any(name.startswith("AUC_") for name in read)


def _deciders(comparison: Comparison) -> Section:
    found: list[Block] = []
    if len(comparison.settings.varied) > 1 and int(comparison.kept.sum()) > 2 and len(comparison.arms) > 1:
        try:
            table = comparison.deciders().reset_index(drop=True)
            found = [
                Bullets(tuple(str(line) for line in table["sentence"].head(5))),
                _figure(plot_deciders, comparison, "Which unknown parameters the verdict hangs on"),
                of_frame(table.drop(columns="sentence"), "All varied parameters", folded=True),
            ]
        except PkpdMdrError as problem:
            found = [Text(f"Which parameter decides could not be computed: {problem}")]
    return Section("What would change the verdict", (*found, Bullets(tuple(limits_of_the_verdict(comparison)))))


def _draws(comparison: Comparison) -> Section:
    varied = comparison.settings.varied
    if not varied:
        return Section("Data used", (Text("The model's own parameter values; no data entered this comparison."),))
    text = (
        f"{comparison.drawn} {comparison.settings.rows} of {', '.join(varied)}, the same for all arms. Where they come "
        "from is not part of a comparison: report(comparison, path, fit=...) adds the fit that they were drawn from."
    )
    confidence = comparison.settings.confidence
    table, units = comparison.parameters, comparison.parameters.attrs["units"]
    rows = [
        (name, units[name], *map(number, spread(table[name].to_numpy(dtype=float), confidence)))
        for name in map(str, table)
    ]
    head = ("parameter", "unit", "median", *(f"{end} {100 * confidence:g} %" for end in ("lower", "upper")))
    numeric = (False, False, True, True, True)
    values = Table(head, tuple(rows), f"What the {comparison.settings.rows} hold", numeric, folded=len(rows) > 12)
    return Section("Data used", (Text(text), values))


def _failures(comparison: Comparison) -> Section:
    members, arms = comparison.values.shape[1], len(comparison.arms)
    if not comparison.failures:
        return Section("Failures", (Text(f"All {members * arms} runs were finished."),))
    kept = int(comparison.kept.sum())
    what = comparison.settings.members
    counts = Counter((failure.arm, failure.sentence) for failure in comparison.failures)
    rows = [(arm, str(count), words) for (arm, words), count in counts.most_common(_SENTENCES)]
    text = (
        f"{len(comparison.failures)} of {members * arms} runs were not finished; all numbers use the {kept} of "
        f"{members} {what} that every arm finished. If {what} fail where one arm does badly, this flatters that arm."
    )
    more = len(counts) - len(rows)
    rest = (Text(f"and {more} further kinds of failure"),) if more > 0 else ()
    table = Table(("arm", what, "why"), tuple(rows), "", (False, True, False))
    return Section("Failures", (Text(text), table, *rest))


def _origin() -> Text:
    return Text("The same declarations, draws, seed, tolerances and versions give the same numbers to the last bit.")
