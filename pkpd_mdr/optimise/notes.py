"""What a reader of an optimum has to know, in sentences; what should worry is logged, too."""

from __future__ import annotations

import logging
import math
from dataclasses import replace

import numpy as np

from pkpd_mdr.optimise.gain import Gain
from pkpd_mdr.optimise.result import Optimum
from pkpd_mdr.optimise.variables import Choice, described

__all__ = ["FEWEST", "with_notes"]

FEWEST = 8
"""Draws from which on half of them are kept out of the search."""

_LOG = logging.getLogger("pkpd_mdr")
_EDGE = 1e-3
_LEAD = 1e-6
_WIDE = 0.7  # of a range


def with_notes(found: Optimum, broken: list[str]) -> Optimum:
    """The optimum with its notes.

    Parameters
    ----------
    found : Optimum
    broken : list of str
        What of the plans that judge it failed.

    Returns
    -------
    Optimum
    """
    worries = [*_infeasible(found), *_slipping(found), *_missed(found), *_noise(found), *broken, *_reached(found)]
    for line in worries:
        _LOG.warning("optimise: %s", line)
    return replace(found, notes=(*worries, *_sharpness(found), *_failures(found), *_about_draws(found)))


def _infeasible(found: Optimum) -> list[str]:
    """Which limits are missed, and whether anything that was tried meets them."""
    lines = []
    for place, limit in enumerate(found.limits):
        value = float(found.limit_table["value"][place])
        if found.feasible or not limit.violation(value):
            continue
        reached = [item.limits[place] for item in found.candidates if item.limits]
        nearest = max(reached) if limit.above else min(reached)
        own, next_to = (f"{number:.4g} {limit.unit.text}".rstrip() for number in (value, nearest))
        alone = "other candidates meet it, but none meets all limits"
        why = f"no candidate meets it; the nearest comes to {next_to}" if limit.violation(nearest) else alone
        lines.append(f"the limit '{limit}' is not met: {own} at the least violating candidate; {why}")
    return lines


def _slipping(found: Optimum) -> list[str]:
    """Limits that hold in the search, but not on the draws that judge it."""
    lines = []
    for limit, row in zip(found.limits, found.limit_table.to_dict("records"), strict=True):
        kept, draws = int(row["kept_held_out"]), int(row["draws_held_out"])
        if found.feasible and kept < math.ceil(limit.share * draws - 1e-9):
            lines.append(
                f"the limit '{limit}' is met in the search, but only {kept} of {draws} held-out draws keep it; leave a "
                "margin, or search over more draws"
            )
    return lines


def _missed(found: Optimum) -> list[str]:
    """A plain arm that is better than everything that was tried."""
    sign, lines = 1.0 if found.endpoint.better == "high" else -1.0, []
    for name, row in found.arms.iterrows() if found.feasible else ():
        searched = float(row["searched"])
        if row["meets_limits"] and sign * (searched - found.value) > _LEAD * abs(found.value):
            lines.append(
                f"the plain arm {str(name)!r} is better than all candidates in the search ({searched:.4g} against "
                f"{found.value:.4g}); try more with candidates=, or widen variables so that they include it"
            )
    return lines


def _noise(found: Optimum) -> list[str]:
    """A gain that cannot be told from none, or one over an arm that nobody may give."""
    gain = found.gain
    if gain is not None and not found.arms.loc[gain.arm, "meets_limits"]:
        return [f"no plain arm meets the limits; the gain is over {gain.arm!r}, which breaks them"]
    if gain is None or not (gain.noise or (gain.pairs > 1 and (gain.lower <= 0 or not gain.often))):
        return []
    if gain.pairs < 2:
        return [f"the optimum gains nothing over {gain.arm!r} beyond the error of integration"]
    share = found.settings.criterion.share
    what = (
        "the mean" if share is None else f"what {100 * (1 - share):g} % of draws reach" if share else "the worst draw"
    )
    return [_doubt(gain, what)]


def _doubt(gain: Gain, what: str) -> str:
    """What the interval of a gain and the sign test say together, where they do not both say that there is one."""
    interval, draws = f"its {100 * gain.confidence:g} % interval", f"{gain.pairs} draws"
    if gain.upper < 0:
        return f"the plain arm {gain.arm!r} is better than the optimum in {what} on the {draws} that judge it"
    if gain.noise and gain.lower <= 0 and not gain.often:
        return (
            f"the gain over {gain.arm!r} is within the noise: {interval} on {draws} holds zero, so the plain arm may "
            "be as good; more draws would tell"
        )
    if gain.noise:
        return f"the gain over {gain.arm!r} in {what} is no more than the error of integration"
    if gain.lower <= 0:
        return (
            f"the optimum is better than {gain.arm!r} in most draws, but how much it gains in {what} is not sure: "
            f"{interval} on {draws} holds zero, as few draws make up much of it"
        )
    if gain.better > 0.5:
        return f"the optimum is ahead of {gain.arm!r}, but {draws} are too few to be sure that it is better in most"
    return (
        f"the optimum gains over {gain.arm!r} in {what}, but is not better in most of {draws}: few of them make it up"
    )


def _reached(found: Optimum) -> list[str]:
    """Times that were not reached make candidates look equal."""
    count = int(np.isinf(found.searched).sum())
    if found.endpoint.unit != "time" or not count:
        return []
    name, until, draws = found.endpoint.name, found.settings.until, len(found.searched)
    where = f"in {count} of {draws} draws, which count as that" if draws > 1 else "and counts as that"
    return [f"{name} is not reached by {until} {where}; a longer until= would tell candidates apart"]


def _sharpness(found: Optimum) -> list[str]:
    """Where the optimum is flat, where it stands at a bound, and which limits are active."""
    if not found.feasible:
        return []
    near, lines = f"{100 * found.settings.near:g} %", []
    flat = [name for name in found.variables if found.flat(name)]
    wide = [name for name in found.variables if name not in flat and float(found.within["share"][name]) >= _WIDE]
    if found.flat():
        names = ", ".join(repr(name) for name in found.variables)
        lines.append(f"the optimum is flat: {names} may be anything searched with a loss of less than {near}")
    else:
        lines += [f"{name!r} hardly matters: a loss of less than {near} over its whole range" for name in flat]
    if len(wide) > 1 and not found.flat():
        names = " and ".join(repr(name) for name in wide)
        lines.append(f"{names} can be traded for each other: plans far apart in both lose less than {near}")
    for name, item in found.variables.items():
        if isinstance(item, Choice) or name in flat or found.flat() or item.count == 1:
            continue
        share, edge = item.share(found.best[name]), 0.5 / item.count + 1e-9 if item.count else _EDGE
        if not edge < share < 1 - edge:
            lines.append(f"{name!r} stands at its {'lower' if share < 0.5 else 'upper'} bound; beyond it may be better")
    active = [row["limit"] for row in found.limit_table.to_dict("records") if row["active"]]
    return lines + [f"the limit '{limit}' is active" for limit in active]


def _failures(found: Optimum) -> list[str]:
    failed = [item for item in found.candidates if item.failure]
    if not failed:
        return []
    first = f"plan({described(found.variables, failed[0].values)}): {failed[0].failure}"
    return [f"{len(failed)} of {found.evaluated} candidates were not possible or failed, for example {first}"]


def _about_draws(found: Optimum) -> list[str]:
    varied, held_out = found.settings.varied, found.settings.held_out
    if not varied:
        return []
    names = ", ".join(varied[:6]) + (f" and {len(varied) - 6} more" if len(varied) > 6 else "")
    kept = f"{held_out} draws were kept out of the search and judge it"
    if not held_out:
        kept = f"with fewer than {FEWEST} draws none was kept out of the search, so its numbers are optimistic"
    return [f"uncertainty is that of {names} only; {kept}"]
