"""A model as text: equations, LaTeX, tables, diagram."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

import sympy as sp

from pkpd_mdr.expression import symbol

if TYPE_CHECKING:
    from pkpd_mdr.model.model import Model

__all__ = ["Listing", "diagram", "equations", "html_page", "latex", "parameter_table", "process_table", "summary"]

_WIDEST = 48  # characters of a column; a terminal holds two to four of them


@dataclass(frozen=True, slots=True)
class Listing:
    """A small table of text: prints aligned with long cells wrapped, shows as HTML in a notebook, iterates as rows.

    Parameters
    ----------
    columns : sequence of str
    rows : sequence of tuple of str

    Examples
    --------
    >>> print(Listing(("name", "value"), (("CL", "2"),)))
    name  value
    CL    2
    """

    columns: Sequence[str]
    rows: Sequence[tuple[str, ...]]

    def __str__(self) -> str:
        table = [
            [textwrap.wrap(cell, _WIDEST, break_on_hyphens=False) or [""] for cell in row]
            for row in (self.columns, *self.rows)
        ]
        widths = [max(len(line) for row in table for line in row[i]) for i in range(len(self.columns))]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for row in table
            for line in zip_longest(*row, fillvalue="")
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{html.escape(cell)}</th>" for cell in self.columns)
        body = "".join("<tr>" + "".join(f"<td>{html.escape(c)}</td>" for c in row) + "</tr>" for row in self.rows)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def equations(model: Model) -> str:
    """One line per state: ``dS/dt = ...``."""
    return "\n".join(f"d{name}/dt = {expression}" for name, expression in model.derivatives.items())


def latex(model: Model) -> str:
    """A LaTeX ``align`` environment with one equation per state."""
    lines = [rf"\frac{{d {sp.latex(symbol(n))}}}{{dt}} &= {sp.latex(e)}" for n, e in model.derivatives.items()]
    return "\\begin{align}\n" + " \\\\\n".join(lines) + "\n\\end{align}"


def process_table(model: Model) -> Listing:
    """Name, rate, what moves and a description of every process."""
    rows = []
    for process in model.processes.values():
        moves = ", ".join(f"{name} {_signed(share)}" for name, share in process.moves.items())
        rows.append((process.name, str(process.rate), moves, process.description))
    return Listing(("process", "rate (internal units: h, L, umol)", "moves", "meaning"), tuple(rows))


def _signed(share: sp.Expr) -> str:
    text = str(share)
    return text if text.startswith("-") else f"+{text}"


def parameter_table(model: Model) -> Listing:
    """Name, value, unit, bounds, origin and description of every parameter."""
    rows = [
        (p.name, f"{p.value:g}", p.unit.text, f"[{p.lower:g}, {p.upper:g}]", p.source, p.description)
        for p in model.parameters.values()
    ]
    return Listing(("parameter", "value", "unit", "bounds", "source", "meaning"), tuple(rows))


def diagram(model: Model) -> str:
    """A Mermaid flowchart; sources and losses end in the void."""
    lines = ["flowchart LR"] + [f"    {name}[{name}]" for name in model.states]
    for process in model.processes.values():
        gains = [name for name, share in process.moves.items() if not str(share).startswith("-")]
        losses = [name for name in process.moves if name not in gains]
        for source in losses or ["(( ))"]:
            for target in gains or ["(( ))"]:
                left = source if source in model.states else f"in_{process.name}{source}"
                right = target if target in model.states else f"out_{process.name}{target}"
                lines.append(f"    {left} -->|{process.name}| {right}")
    return "\n".join(lines)


def html_page(model: Model) -> str:
    """What a model consists of as HTML: a summary, its processes and, on request, its parameters and equations."""
    return (
        f"<pre>{html.escape(summary(model))}</pre>{process_table(model)._repr_html_()}"
        f"<details><summary>Parameters</summary>{parameter_table(model)._repr_html_()}</details>"
        f"<details><summary>Equations</summary><pre>{html.escape(equations(model))}</pre></details>"
    )


def summary(model: Model) -> str:
    """What a model consists of, in a few lines."""
    drugs = ", ".join(dict.fromkeys(f"{port.name} ({port.route})" for port in model.ports)) or "none"
    return (
        f"Model of {len(model.states)} states, {len(model.processes)} processes, {len(model.parameters)} parameters\n"
        f"  states:      {', '.join(model.states) or 'none'}\n"
        f"  clones:      {', '.join(n + (' (resistant)' if r else '') for n, r in model.clones.items()) or 'none'}\n"
        f"  given:       {drugs}\n"
        f"  observables: {', '.join(model.observables) or 'none'}"
        + "".join(f"\n  note:        {note}" for note in model.notes)
    )
