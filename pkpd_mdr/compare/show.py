"""A comparison as text and as HTML: what was compared, the verdict, what was given, what was assumed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import escape
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pkpd_mdr.regimen import Measured, Strategy
from pkpd_mdr.regimen.acts import REMOVALS
from pkpd_mdr.run.result import BELOW_ONE_CELL

if TYPE_CHECKING:
    from pkpd_mdr.compare.result import Comparison
    from pkpd_mdr.run import Endpoint

__all__ = ["assumptions", "blocks", "headline", "html", "statements", "text"]

_WIDTH = 110
_NAME = 28  # letters of an arm in a table
_ROWS = {"draws": "parameter draw", "patients": "virtual patient"}


def text(comparison: Comparison) -> str:
    """The comparison as an aligned text table."""
    verdict = fill(comparison.verdict(), _WIDTH, break_long_words=False, break_on_hyphens=False)
    parts = [f"{headline(comparison)}\n{verdict}"]
    parts += [title + "\n" + _aligned(head, rows) for title, head, rows in blocks(comparison, _short(comparison.arms))]
    parts.append("\n".join(f"- {line}" for line in statements(comparison)))
    return "\n\n".join(parts)


def html(comparison: Comparison) -> str:
    """The comparison as HTML; names are escaped."""
    parts = [f"<p><b>{escape(headline(comparison))}</b></p>", f"<p>{escape(comparison.verdict())}</p>"]
    for title, head, rows in blocks(comparison):
        frame = pd.DataFrame(rows, columns=list(head))
        parts.append(f"<p>{escape(title)}</p>" + frame.to_html(index=False, escape=True, border=0))
    lines = "".join(f"<li>{escape(line)}</li>" for line in statements(comparison))
    return "\n".join([*parts, f"<ul>{lines}</ul>"])


def blocks(
    comparison: Comparison, names: Mapping[str, str] | None = None
) -> list[tuple[str, list[str], list[list[str]]]]:
    """Title, heads and rows of every table: one for each endpoint, then what was given; arms go by `names`."""
    called = {arm: arm for arm in comparison.arms} if names is None else names
    items = comparison.endpoints if comparison.kept.any() else ()
    found = [(_title(comparison, item), *_block(comparison, item, called)) for item in items]
    if len(comparison.given):
        found.append(("total given (to the end of the run)", *_given(comparison, called)))
    return found


def _short(arms: Sequence[str]) -> dict[str, str]:
    """Names that leave room for numbers beside them; those that would be cut to the same are numbered."""
    names = [" ".join(arm.split()) for arm in arms]  # a name may have several lines
    cut = [name if len(name) <= _NAME else f"{name[: _NAME - 15].rstrip()} ... {name[-10:].lstrip()}" for name in names]
    alike = [name for name in cut if cut.count(name) > 1]
    return {arm: f"{cut[k]} (arm {k + 1})" if cut[k] in alike else cut[k] for k, arm in enumerate(arms)}


def statements(comparison: Comparison) -> list[str]:
    """Fairness, failures, notes and assumptions, one sentence each."""
    matching = comparison.matching
    fair = str(matching) if matching else "fair: not asked for; arms may give different amounts"
    return [fair, *comparison.notes, *assumptions(comparison)]


def assumptions(comparison: Comparison) -> list[str]:
    """What the numbers rest on beside fairness and notes, one sentence each."""
    lines = [str(comparison.null)] if comparison.null else []
    lines += _ties(comparison)
    lines += _failures(comparison)
    lines.append(_uncertainty(comparison))
    lines += _sight(comparison)
    lines += _chance(comparison)
    lines += _less_than_a_cell(comparison)
    if comparison.settings.stop:
        lines.append(
            f"a run ends where {' or '.join(comparison.settings.stop)}; what was not reached is censored there"
        )
    if any(item.unit == "time" for item in comparison.endpoints):
        lines.append(
            f"a time not reached by the end is shown as > {comparison.until} and counts as"
            f" {comparison.until} in differences"
        )
    return lines


def _less_than_a_cell(comparison: Comparison) -> list[str]:
    """Which arms bring the mean burden below one cell, where it is a matter of chance whether any is left."""
    burden = comparison.burden
    if comparison.burden_unit.text != "cell" or comparison.settings.stochastic:
        return []
    passed = (burden[:, :, 0] >= 1.0) & (burden < 1.0).any(axis=2)
    shares = passed.sum(axis=1) / np.maximum(1, np.isfinite(burden[:, :, 0]).sum(axis=1))
    told = [f"{arm!r} in {100 * share:.0f} %" for arm, share in zip(comparison.arms, shares, strict=True) if share]
    where = f"{', '.join(told)} of {comparison.settings.members}"
    return [f"the burden falls below one cell ({where}): {BELOW_ONE_CELL}"] if told else []


def headline(comparison: Comparison) -> str:
    """How many arms, for how long, over what uncertainty."""
    arms, draws, paths = len(comparison.arms), comparison.drawn, comparison.settings.replicates
    what = (
        "model's own parameter values"
        if not comparison.settings.varied
        else f"{draws} {_ROWS[comparison.settings.rows]}{'s' * (draws > 1)}, the same for all arms"
    )
    what += f", {paths} paths each" if paths > 1 else ""
    return f"Comparison of {arms} arm{'s' * (arms > 1)} over {comparison.until}; {what}"


def _title(comparison: Comparison, item: Endpoint) -> str:
    unit = comparison.unit(item.name).text
    primary = "primary, " if item.name == comparison.settings.primary and len(comparison.endpoints) > 1 else ""
    shown = f" [{unit}]" if unit else ""
    told = f"{item.description}; " if item.description else ""
    return f"{item.name}{shown}   ({primary}{told}{item.better} is good)"


def _block(comparison: Comparison, item: Endpoint, names: Mapping[str, str]) -> tuple[list[str], list[list[str]]]:
    rows_of = comparison.table.reset_index().to_dict("records")
    table: dict[str, dict[str, Any]] = {str(row["arm"]): row for row in rows_of if row["endpoint"] == item.name}  # type: ignore[misc]
    first = table[comparison.arms[0]]
    many = first["draws"] > 1
    percent = f"{100 * comparison.settings.confidence:g} %"
    other = first["compared_with"]
    head = ["arm", first["statistic"], percent, f"difference to {names[other]}", percent, "best in"]
    rows = []
    for arm in comparison.arms:
        row = table[arm]
        shown = [_number(row[name], comparison, item) for name in ("median", "lower", "upper")]
        gaps = [
            f"{row[name]:+.3g}" if row[name] else "0" for name in ("difference", "difference_lower", "difference_upper")
        ]
        own = arm == other
        rows.append(
            [
                names[arm],
                shown[0],
                f"{shown[1]} to {shown[2]}",
                "-" if own else gaps[0],
                "" if own else f"{gaps[1]} to {gaps[2]}",
                f"{100 * row['probability_best']:.0f} %",
            ]
        )
    if not many:
        head[1], head[-1] = "value", "best"
    alone = len(comparison.arms) == 1  # with nothing to differ from
    keep = [k for k in range(len(head)) if (many or k not in (2, 4)) and not (alone and k > 2)]
    return [head[k] for k in keep], [[row[k] for k in keep] for row in rows]


def _number(value: float, comparison: Comparison, item: Endpoint) -> str:
    if item.unit == "time" and math.isinf(value):
        return f"> {comparison.until.value:g}"
    return f"{comparison.settings.plain(value, item):.4g}"


def _given(comparison: Comparison, names: Mapping[str, str]) -> tuple[list[str], list[list[str]]]:
    table: list[dict[str, Any]] = comparison.given.reset_index().to_dict("records")  # type: ignore[assignment]
    factors = any(row["factor"] != 1.0 for row in table)
    head = ["arm", "drug", "median", f"{100 * comparison.settings.confidence:g} %", *(["doses x"] if factors else [])]
    rows = []
    for row in table:
        constant = row["lower"] == row["upper"]
        interval = "" if constant else f"{row['lower']:.4g} to {row['upper']:.4g}"
        unit = "time" + "s" * (row["median"] != 1) if row["drug"] in REMOVALS else row["unit"]
        cells = [names[row["arm"]], str(row["drug"]), f"{row['median']:.4g} {unit}".rstrip(), interval]
        rows.append([*cells, f"{row['factor']:.4g}"] if factors else cells)
    if not any(row[3] for row in rows):
        head, rows = [*head[:3], *head[4:]], [[*row[:3], *row[4:]] for row in rows]
    return head, rows


def _sight(comparison: Comparison) -> list[str]:
    """What strategies know of a patient."""
    strategies = {arm: plan for arm, plan in comparison.plans.items() if isinstance(plan, Strategy)}
    told = [repr(arm) for arm, plan in strategies.items() if plan.knows_truth]
    seen = " and ".join(map(_seen, comparison.running.looks))
    lines = [f"strategies see {seen}, at their visits only"] if len(told) < len(strategies) else []
    knows = "knows" if len(told) == 1 else "know"
    return lines + [f"{', '.join(told)} {knows} the parameters and the state of each patient exactly"] * bool(told)


def _seen(look: Measured) -> str:
    """An output at visits, in words."""
    how = "exactly" if replace(look, missed=0.0).exact else "with errors of measurement"
    return f"{look.output!r} {how}" + f" ({100 * look.missed:.3g} % of values are missing)" * bool(look.missed)


def _chance(comparison: Comparison) -> list[str]:
    settings, lines = comparison.settings, []
    if settings.stochastic:
        lines.append(f"cells divide and die by chance (Stochastic({settings.stochastic}))")
    if settings.stochastic or not settings.exact:
        lines.append(
            "all arms treat a patient with the same luck: arms that do the same are the same, and tie"
            if settings.luck == "patient"
            else "each arm has luck of its own, so that even arms that do the same differ"
        )
    return lines


def _failures(comparison: Comparison) -> list[str]:
    if not comparison.failures:
        return []
    kept, count, what = int(comparison.kept.sum()), comparison.values.shape[1], comparison.settings.members
    lines = []
    for arm in comparison.arms:
        failed = [failure for failure in comparison.failures if failure.arm == arm]
        if failed:
            lines.append(
                f"arm {arm!r}: {len(failed)} of {count} {what} failed, for example draw {failed[0].draw}:"
                f" {failed[0].sentence}"
            )
    lines.append(f"medians, differences and probabilities use the {kept} of {count} {what} that all arms finished")
    return lines


def _ties(comparison: Comparison) -> list[str]:
    """How often nobody is best alone, which is easily overlooked in probabilities."""
    what, lines = comparison.settings.members, []
    for item in comparison.endpoints if len(comparison.arms) > 1 and comparison.kept.sum() > 1 else ():
        shares = comparison.shares(item.name)
        tied = shares.max(axis=0) < 1.0
        if tied.any() and not (shares == shares[0, 0]).all():  # that all are the same is said already
            late = tied & np.where(shares > 0, np.isinf(comparison.array(item.name)), True).all(axis=0)
            why = f" (in {100 * float(late.mean()):.3g} % as none of them is there by the end)" if late.any() else ""
            lines.append(
                f"{item.name}: the best arms tie in {100 * float(tied.mean()):.3g} % of {what}{why}, which they share "
                "equally"
            )
    return lines


def _uncertainty(comparison: Comparison) -> str:
    varied, kept = comparison.settings.varied, int(comparison.kept.sum())
    if not kept:
        return "no draw was finished by all arms, so that nothing can be compared; see .draws"
    if not varied and kept > 1:
        return (
            f"one set of parameter values: intervals are those of chance alone; a share of {kept} paths has a standard "
            f"error of up to {50.0 / math.sqrt(kept):.2g} %"
        )
    if not varied:
        return "one set of parameter values: no uncertainty is shown"
    names = ", ".join(varied[:6]) + (f" and {len(varied) - 6} more" if len(varied) > 6 else "")
    if kept == 1:
        return f"one draw of {names}: no uncertainty is shown"
    what = comparison.settings.members
    error = 50.0 / math.sqrt(len(set(comparison.owner.tolist())))
    share = f"a share of {kept} {what} has a standard error of up to {error:.2g} %"
    if comparison.settings.rows == "patients":
        return (
            f"patients differ in {names} only; a share of them is how many fare so, not how sure it is what is better "
            f"for all; {share}"
        )
    return f"uncertainty is that of {names} only; {share}"


def _aligned(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    table = [[" ".join(cell.split()) for cell in row] for row in (head, *rows)]  # a name may have several lines
    widths = [max(len(row[k]) for row in table) for k in range(len(head))]
    numeric = [k > 0 and head[k] not in ("drug",) for k in range(len(head))]
    lines = []
    for row in table:
        cells = [c.rjust(w) if right else c.ljust(w) for c, w, right in zip(row, widths, numeric, strict=True)]
        lines.append(("  " + "  ".join(cells)).rstrip())
    return "\n".join(lines)
