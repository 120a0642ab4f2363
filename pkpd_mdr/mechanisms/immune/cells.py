"""Immune populations: effectors that kill, suppressors that hold them back."""

from __future__ import annotations

from pkpd_mdr.arguments import TEXT, takes
from pkpd_mdr.errors import ModelError
from pkpd_mdr.mechanisms.host import HostCells
from pkpd_mdr.model.scope import Given, Mechanism
from pkpd_mdr.units import Unit

__all__ = ["effector", "suppressor"]


@takes(ModelError, name=TEXT, unit=TEXT, description=TEXT)
def effector(
    name: str,
    *,
    start: Given | None = None,
    source: Given | None = None,
    death: Given | None = None,
    F: Given | None = None,
    lag: Given | None = None,
    unit: str = "cell",
    description: str = "",
) -> Mechanism:
    """A population of effector cells: NK cells, CTL, vNKT cells, CAR-T cells; a model may have any number of them.

    ``E' = source_E - death_E*E + doses``; other mechanisms add to it (`stimulation`, `immune.exhaustion`,
    `kill` by a drug, `radiotherapy`) and let it act (`immune.attack`). Adoptive transfer is a dose into the port of
    its name: ``bolus("CTL", "3e8 cell")`` or ``infusion("CTL", "3e8 cell", over="10 h")``.

    Parameters
    ----------
    name : str
        The state, and the name under which a regimen gives it.
    start : quantity, Parameter or Formula, optional
        Cells at time zero; parameter ``<name>0``. Zero if absent.
    source : quantity, Parameter or Formula, optional
        Cells per time that arrive without a tumour; parameter ``source_<name>``.
    death : quantity, Parameter or Formula, optional
        Per time; parameter ``death_<name>``.
    F, lag : quantity, Parameter or Formula, optional
        Share of given cells that reaches the tumour, and after what time; parameters ``F_<name>``, ``lag_<name>``.
    unit : str
        ``"cell"``, or ``""`` in a scaled model.
    description : str
        One line for tables.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        The name is taken.
    UnitError
        A quantity has no unit or the wrong one.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(mdr.immune.effector("NK", source="13000 cell/day", death="0.0412 1/day", start=3e5))
    >>> print(model.equations())
    dNK/dt = -NK*death_NK + source_NK
    """
    return HostCells(name, "effector", start, source, death, F, lag, unit=Unit.of(unit), description=description)


@takes(ModelError, name=TEXT, unit=TEXT, description=TEXT)
def suppressor(
    name: str,
    *,
    start: Given | None = None,
    source: Given | None = None,
    death: Given | None = None,
    unit: str = "cell",
    description: str = "",
) -> Mechanism:
    """A population that suppresses effectors: regulatory T cells, myeloid-derived suppressor cells.

    ``S' = source_S - death_S*S``. The tumour recruits it through ``stimulation(name, form="influx", ...)``; it acts
    through `immune.suppression`; a drug depletes it through ``kill(drug, on=name, ...)``.

    Parameters
    ----------
    name : str
        The state.
    start, source, death, unit, description
        As in `effector`.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        The name is taken.
    UnitError
        A quantity has no unit or the wrong one.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> cells = mdr.immune.suppressor("MDSC", death="0.25 1/day")
    >>> drawn = mdr.stimulation("MDSC", rate="1e6 cell/day", half="1e8 cell", form="influx")
    >>> list(mdr.Model(mdr.clone("S"), cells, drawn).processes)
    ['death_MDSC', 'influx_MDSC']
    """
    return HostCells(name, "suppressor", start, source, death, dosed=False, unit=Unit.of(unit), description=description)
