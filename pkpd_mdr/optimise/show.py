"""An optimum as text and as HTML: the plan, how sharp it is, limits, gain, and what to know."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pkpd_mdr.compare.statistics import spread
from pkpd_mdr.optimise.variables import Choice, option_text

if TYPE_CHECKING:
    from pkpd_mdr.optimise.result import Optimum

__all__ = ["html", "text"]

Block = tuple[str, Sequence[str], list[list[str]]]


def text(found: Optimum) -> str:
    """The report as aligned text."""
    parts = [_headline(found)]
    for title, head, rows in _blocks(found):
        parts.append((title + "\n" if title else "") + _aligned(head, rows))
    parts.append("\n".join(_objective(found)))
    parts.append("\n".join(f"- {line}" for line in found.notes))
    return "\n\n".join(part for part in parts if part)


def html(found: Optimum) -> str:
    """The report as HTML; names are escaped."""
    parts = [f"<p><b>{escape(_headline(found))}</b></p>"]
    for title, head, rows in _blocks(found):
        table = pd.DataFrame(rows, columns=list(head)).to_html(index=False, escape=True, border=0)
        parts.append(f"<p>{escape(title)}</p>{table}")
    lines = "".join(f"<li>{escape(line)}</li>" for line in (*_objective(found), *found.notes))
    return "\n".join([*parts, f"<ul>{lines}</ul>"])


def _headline(found: Optimum) -> str:
    settings, item = found.settings, found.endpoint
    over = f"{settings.criterion} over {settings.draws} draws" if settings.draws > 1 else "one set of parameter values"
    what = "Best plan" if found.feasible else "No plan meets all limits; the least violating one"
    told = f"{item.description}; {item.better} is good" if item.description else f"{item.better} is good"
    return (
        f"{what} for {item.name} ({told}), {over}, {settings.until}; "
        f"{found.evaluated} candidates, {found.simulations} runs"
    )


def _blocks(found: Optimum) -> list[Block]:
    blocks = [_variables(found)]
    if len(found.limit_table):
        blocks.append(_limits(found))
    if len(found.arms):
        blocks.append(_arms(found))
    return blocks


def _variables(found: Optimum) -> Block:
    near = f"within {100 * found.settings.near:g} % of the best"
    rows = []
    for name, item in found.variables.items():
        row = found.within.loc[name]
        if isinstance(item, Choice):
            chosen = {item.number(candidate.values[name]) for candidate in found.near}
            span = "; ".join(option_text(item.options[int(place)]) for place in sorted(chosen))
        else:
            span = f"{row['lowest']:.4g} to {row['highest']:.4g} {row['unit']}".rstrip()
        span = span if found.feasible else "-"
        rows.append([name, option_text(found.best[name]), span, str(item)])
    return "", ["variable", "best", near, "searched"], rows


def _limits(found: Optimum) -> Block:
    held = found.settings.held_out > 0
    rows = []
    for row in found.limit_table.to_dict("records"):
        kept = [f"{row['kept']} of {row['draws']}"]
        kept += [f"{row['kept_held_out']} of {row['draws_held_out']}"] if held else []
        mark = "no" if row["violation"] > 0 else "active" if row["active"] else "yes"
        rows.append([str(row["limit"]), f"{row['value']:.4g}", mark, *kept])
    head = ["limit", "at the best", "met", "draws that keep it", *(["held-out"] if held else [])]
    return "", head, rows


def _arms(found: Optimum) -> Block:
    held = found.settings.held_out > 0
    head = ["plain arm", *([found.endpoint.name, "held-out"] if held else [found.endpoint.name]), "meets limits"]
    rows = []
    for name, row in found.arms.iterrows():
        numbers = [row["searched"], row["held_out"]] if held else [row["searched"]]
        meets = "yes" if row["meets_limits"] else "no"
        rows.append([str(name), *(f"{number:.4g}" for number in numbers), meets])
    return "", head, rows


def _objective(found: Optimum) -> list[str]:
    unit, settings = found.unit.text, found.settings
    lines = [f"{found.endpoint.name}: {_number(found.value, found)} {unit}".rstrip() + f" ({_where(found)})"]
    values = found.held_out if len(found.held_out) else found.searched
    if len(values) > 1:
        median, lower, upper = spread(values, settings.confidence)
        span = f"{_number(lower, found)} to {_number(upper, found)} {unit}".rstrip()
        where = "on held-out draws" if len(found.held_out) else "on the draws of the search"
        if len(found.held_out):
            high = found.endpoint.better == "high"
            capped = np.minimum(values, settings.until.value) if found.endpoint.unit == "time" else values
            own = float(settings.criterion.of(capped, high=high))
            where += f" the {settings.criterion} is {own:.4g},"
        lines.append(f"{where} the median {_number(median, found)}, {100 * settings.confidence:g} % {span}")
    if found.gain is not None:
        lines.append(_gain(found))
    return lines


def _where(found: Optimum) -> str:
    if found.settings.draws <= 1:
        return "one set of parameter values: no uncertainty is shown"
    return f"{found.settings.criterion} over the {found.settings.draws} draws of the search, hence optimistic"


def _gain(found: Optimum) -> str:
    gain = found.gain
    assert gain is not None
    own = f"gain over {gain.arm!r}: {gain.value:+.4g} {gain.unit.text}".rstrip()
    if gain.pairs < 2:
        return own
    where = "held-out draws" if gain.held_out else "draws, all of them used in the search"
    return (
        f"{own} ({100 * gain.confidence:g} % {gain.lower:+.4g} to {gain.upper:+.4g}; positive is better), better in "
        f"{100 * gain.better:.0f} % of {gain.pairs} {where}"
    )


def _number(value: float, found: Optimum) -> str:
    return f"> {found.settings.until.value:g}" if math.isinf(value) else f"{value:.4g}"


def _aligned(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    table = [head, *rows]
    widths = [max(len(row[k]) for row in table) for k in range(len(head))]
    return "\n".join(
        "  " + "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in table
    )
