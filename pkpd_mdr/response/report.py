"""The report of a dose-response result as text."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from pkpd_mdr.response.tables import all_notes, reported, verdicts

if TYPE_CHECKING:
    from pkpd_mdr.response.result import DoseResponse

__all__ = ["report"]

_MOST = 12  # curves that are shown in full


def report(fit: DoseResponse) -> str:
    """Data, family, states, estimates and notes.

    Parameters
    ----------
    fit : DoseResponse

    Returns
    -------
    str
    """
    sections = [_head(fit), _states(fit) if len(fit) > 1 else [], _estimates(fit), _notes(fit)]
    return "\n\n".join("\n".join(section) for section in sections if section)


def _head(fit: DoseResponse) -> list[str]:
    reading, options, family = fit.readings, fit.options, fit.curves.family
    held = "".join(f", {name} = {value:g} held" for name, value in {**options.held, **(family.fixed or {})}.items())
    unit = f" [{reading.dose_unit}]" if reading.dose_unit else ""
    scale = f" as {options.scale}" if options.scale else ""
    points = f"{len(reading.x)} points of {reading.response_name}{scale} over {reading.dose_name}{unit}"
    lines = [
        f"Dose-response of {len(fit)} curve{'s' if len(fit) != 1 else ''}: {family.name}, {family.title}{held}",
        f"  {points}, from {reading.origin}",
    ]
    if options.loss != "squared":
        lines.append(f"  robust loss {options.loss}: standard errors are those of many points")
    if fit.joint is not None:
        shared = ", ".join(fit.share) if fit.share else "the residual error only"
        lines.append(
            f"  fitted together, sharing {shared}: sum of squares {fit.joint.rss:.7g}, "
            f"{fit.joint.df} degrees of freedom, log-likelihood {fit.joint.log_likelihood:.5f}"
        )
    return lines


def _states(fit: DoseResponse) -> list[str]:
    verdict = ", ".join(f"{count} {word}" for word, count in Counter(verdicts(fit)).most_common())
    states = Counter(str(state) for state in fit.doses(50.0).state)
    return [f"Verdicts: {verdict}", f"EC50: {', '.join(f'{count} {word}' for word, count in states.most_common())}"]


def _estimates(fit: DoseResponse) -> list[str]:
    doses, found = fit.doses(50.0), reported(fit.curves)
    names = [fit.readings.name(k) for k in range(min(len(fit), _MOST))]
    width = max(8, *(len(name) for name in names))
    head = f"  {'':<{width}}" + "".join(f" {name:>9}" for name in found) + f"  {'EC50':>9} {'95% interval':>21}  state"
    head = head.replace("95%", f"{100 * fit.options.confidence:g}%")
    lines = ["Estimates", head]
    for k, name in enumerate(names):
        numbers = "".join(f" {_number(estimate[k])}" for estimate, _, _ in found.values())
        interval = f"[{_number(doses.lower[k])},{_number(doses.upper[k])}]"
        lines.append(f"  {name:<{width}}{numbers}  {_number(doses.estimate[k])} {interval:>21}  {doses.state[k]}")
    if len(fit) > _MOST:
        lines.append(f"  and {len(fit) - _MOST} more; frame has all")
    return lines


def _number(value: float) -> str:
    return f"{'-':>9}" if np.isnan(value) else f"{value:>9.4g}"


def _notes(fit: DoseResponse) -> list[str]:
    lines = []
    for k, notes in enumerate(all_notes(fit)):
        lines += [f"  {fit.readings.name(k)}: {note}" for note in notes]
    if not lines:
        return []
    more = [f"  and {len(lines) - 20} more; see the column note of frame"] if len(lines) > 20 else []
    return ["Notes", *lines[:20], *more]
