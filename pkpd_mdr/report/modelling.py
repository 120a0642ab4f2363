"""A model as sections: what it consists of, what of it does nothing, its processes, where its numbers come from."""

from __future__ import annotations

from collections.abc import Collection

from pkpd_mdr.errors import ModelError
from pkpd_mdr.model import Model
from pkpd_mdr.plot.model import plot_model
from pkpd_mdr.plot.style import as_svg
from pkpd_mdr.report.blocks import (
    Block,
    Bullets,
    Code,
    Figure,
    Page,
    Section,
    Table,
    Text,
    counted,
    number,
    of_listing,
    of_mapping,
)
from pkpd_mdr.run import provenance

__all__ = ["assumed", "model_page", "model_sections", "origins"]

_UNSOURCED = ("assumed", "wide prior", "")


def model_page(model: Model) -> Page:
    """The page of a model."""
    short = Section("In short", (Code("Parts", repr(model), shown=True),))
    last = Section("Provenance", (of_mapping(provenance() | {"model": model.content_hash}),))
    return Page("Model", (short, *model_sections(model), last))


def assumed(model: Model, fitted: Collection[str] = ()) -> list[str]:
    """Parameters whose value neither a source nor a fit stands behind."""
    unknown = [p.name for p in model.parameters.values() if p.source.split(":")[0].strip() in _UNSOURCED]
    return [name for name in unknown if name not in fitted]


def origins(model: Model, fitted: Collection[str] = ()) -> Text:
    """How much of the model rests on sources, in a sentence."""
    unknown, count = assumed(model, fitted), len(model.parameters)
    estimated = "" if not fitted else f"{len(fitted)} of {counted(count, 'parameter')} were estimated. "
    if not unknown:
        return Text(f"{estimated}All {'others' if fitted else counted(count, 'parameter')} name a source.")
    names = ", ".join(unknown[:12]) + (f" and {len(unknown) - 12} more" if len(unknown) > 12 else "")
    return Text(
        f"{estimated}{len(unknown)} of {counted(count, 'parameter')} name no source and count as assumed: {names}."
    )


def model_sections(model: Model, varied: Collection[str] = (), fitted: Collection[str] = ()) -> tuple[Section, ...]:
    """Processes and parameters of a model, and before them what was declared but can change nothing, if anything.

    Parameters
    ----------
    model : Model
    varied : collection of str
        Parameters whose uncertainty was carried through; marked in the table.
    fitted : collection of str
        Parameters that the fit on the same page has estimated, which is where their values come from.

    Returns
    -------
    tuple of Section
    """
    processes: tuple[Block, ...] = (
        *_diagram(model),
        Text("Everything that changes in this model, process by process; the differential equations are their sum."),
        of_listing(model.process_table(), counted(len(model.processes), "process", "processes")),
        Code("Differential equations", model.equations()),
        Code("Diagram (Mermaid)", model.diagram()),
        _observables(model),
    )
    table = _parameters(model, varied, fitted)
    numbers: tuple[Block, ...] = (origins(model, fitted), table, _states(model), *_ports(model))
    return *_idle(model), Section("Model", processes), Section("Parameters and their origin", numbers)


def _idle(model: Model) -> tuple[Section, ...]:
    """The notes of a model; no section where there are none."""
    text = "Declared, but without any effect on what this model computes; most often something that uses it is missing:"
    return (Section("What can change nothing", (Text(text), Bullets(model.notes))),) if model.notes else ()


def _diagram(model: Model) -> tuple[Figure, ...]:
    """States, flows and effects, where a picture can hold them."""
    try:
        drawn = as_svg(plot_model(model))
    except ModelError:
        return ()
    return (Figure(drawn, "States as boxes, flows as black arrows, effects on a rate as dashed ones", wide=True),)


def _parameters(model: Model, varied: Collection[str], fitted: Collection[str]) -> Table:
    unknown = set(assumed(model, fitted))
    rows = []
    for p in model.parameters.values():
        kind = "varied" if p.name in varied else "estimated" if p.name in fitted else "fixed"
        source = p.source if ":" in p.source or p.name not in unknown else "assumed: no source"
        if p.name in fitted:
            source = "draws of the fit above" if p.name in varied else "the fit above"
        row = (p.name, number(p.value), p.unit.text, source, p.description)
        rows.append((*row[:3], kind, *row[3:]) if varied or fitted else row)
    head = ("parameter", "value", "unit", *(("here",) if varied or fitted else ()), "source", "meaning")
    flags = tuple(name == "value" for name in head)
    return Table(head, tuple(rows), counted(len(rows), "parameter"), flags, folded=len(rows) > 40)


def _states(model: Model) -> Table:
    rows = tuple((s.name, s.kind, s.unit.text, str(s.start), s.description) for s in model.states.values())
    head = ("state", "kind", "unit", "start (internal units: h, L, umol, cells)", "meaning")
    return Table(head, rows, counted(len(rows), "state"), folded=True)


def _observables(model: Model) -> Table:
    rows = tuple((o.name, str(o.expression), o.unit.text, o.description) for o in model.observables.values())
    return Table(("observable", "expression", "unit", "meaning"), rows, counted(len(rows), "observable"), folded=True)


def _ports(model: Model) -> tuple[Bullets, ...]:
    items = tuple(
        f"{port.name} ({port.route or 'default'}) is given in {port.unit.text or 'pure numbers'}"
        for port in model.ports
    )
    return (Bullets(items),) if items else ()
