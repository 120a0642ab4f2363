"""What a reader should know of the arms: that one gives nothing, that some cannot be told apart."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np

from pkpd_mdr.compare.fairness import Matching
from pkpd_mdr.compare.statistics import same
from pkpd_mdr.compare.values import Arm, Settings
from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.errors import shown
from pkpd_mdr.run import Endpoint

__all__ = ["notes_of"]

_LOG = logging.getLogger("pkpd_mdr")

_MATCHED = {"total_dose": "", "auc": "AUC_", "peak": "C_"}  # what is equal by choice of dose, before the drug's name
_NEVER = {"time": "it is reached at the start", "duration": "it takes no time"}


def notes_of(
    found: Mapping[str, Arm],
    endpoints: tuple[Endpoint, ...],
    values: FloatArray,
    settings: Settings,
    matching: Matching | None,
) -> list[str]:
    """What a reader should know, a sentence each.

    Parameters
    ----------
    found : mapping of str to Arm
    endpoints : tuple of Endpoint
    values : ndarray, shape (arms, members, endpoints)
    settings : Settings
    matching : Matching or None

    Returns
    -------
    list of str
    """
    alike = _alike(tuple(found), endpoints, values, settings, matching)
    return [*_untreated(found), *_empty(found), *alike]


def _untreated(found: Mapping[str, Arm]) -> list[str]:
    notes = []
    for name, arm in found.items():
        if not arm.treated and np.isfinite(arm.ended).any():
            notes.append(f"arm {shown(name)} gives nothing")
            _LOG.warning("comparison: arm %r gives nothing", name)
    return notes


def _empty(found: Mapping[str, Arm]) -> list[str]:
    empty = max(int((arm.burden[:, :1] == 0).sum()) for arm in found.values())
    where = "give start={'S': '1e9 cell'}, or clone(..., start=...)"
    return [f"the burden is zero at the start of {empty} of the runs of an arm; {where}"] if empty else []


def _alike(
    arms: tuple[str, ...],
    endpoints: tuple[Endpoint, ...],
    values: FloatArray,
    settings: Settings,
    matching: Matching | None,
) -> list[str]:
    """Say which arms cannot be told apart: the null test of a comparison."""
    notes = []
    made_equal = matching is not None and bool(matching.words)  # a toxicity, which is the same by choice of dose
    one = settings.members.removesuffix("s")
    cut = bool(settings.stop)  # a run that ends at a level has its values there, whatever was given when
    why = "" if made_equal or cut else ": order and timing do not change it here"
    chosen = {_MATCHED.get(matching.kind, "") + row.drug for row in matching.changed} if matching else set()
    kept = ~np.isnan(values).any(axis=(0, 2))
    for k, item in enumerate(endpoints):
        table = values[:, kept, k]
        if len(arms) == 1 or np.isinf(table).all():  # nobody is compared, or nobody gets there
            continue
        groups: list[list[int]] = []
        for i in range(len(arms)):
            for group in groups:
                if same(table[i], table[group[0]], *settings.slack(item)).all():
                    group.append(i)
                    break
            else:
                groups.append([i])
        for group in groups:
            if len(group) == 1:
                continue
            late = float(np.isinf(table[group]).all(axis=0).mean())
            all_of = len(groups) == 1
            names = "all arms" if all_of else ", ".join(repr(arms[i]) for i in group[:-1]) + f" and {arms[group[-1]]!r}"
            told = "" if not all_of or chosen & {*item.needs, *item.drugs} else why
            if item.unit in _NEVER and not table.any():
                told = f": {_NEVER[item.unit]}, so that another level has to be chosen"
            notes.append(_same_words(names, item.name, one, late, told))
    return notes


def _same_words(names: str, endpoint: str, one: str, late: float, told: str) -> str:
    """That arms are the same, or that nothing was seen of them before the end, in a share `late` of members."""
    if late == 1.0:
        return (
            f"the runs of {names} end before {endpoint} in every {one}, which does not tell them apart: a longer run "
            "or another endpoint may"
        )
    if late:
        told = f", but only as far as it is reached: in {100 * late:.3g} % of {one}s it is not"
    return f"{names} give the same {endpoint} in every {one}{told}"
