"""Which candidate tells rival models apart.

Let rival i be true, with parameters as its fit draws them, and let rival j be fitted again to all data including the
new ones. With D the difference of their predictions, S the variances of the errors, J the sensitivities of j and C the
covariance of its parameters after the present data, the log-likelihood ratio in favour of i is expected to be
``D' (S + J C J')^-1 D / 2``: what j can explain away by moving its parameters, at the price that the present data put
on it, is not counted. This is T-optimality (Atkinson and Fedorov 1975, Biometrika 62:57) with the refit linearised, and
averaged over draws instead of taken at one guess.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pkpd_mdr.errors import FitError, shown
from pkpd_mdr.fit.bands import working_points
from pkpd_mdr.fit.choosing import choose
from pkpd_mdr.fit.free import FloatArray
from pkpd_mdr.fit.planning import NoiseLike, Planned
from pkpd_mdr.fit.sight import View, prior_precision, sight_of_fit

if TYPE_CHECKING:
    from pkpd_mdr.fit.result import Fit

__all__ = ["TITLE", "Ranked", "discriminate"]

TITLE = "telling rivals apart"

_DRAWS = 20


@dataclass(frozen=True, eq=False, slots=True)
class Ranked:
    """Candidates by what they tell, the best set, and its evidence for each pair."""

    table: pd.DataFrame
    chosen: tuple[str, ...]
    pairs: pd.DataFrame
    failed: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Rival:
    """One fitted model: what each candidate shows at its estimate and at its draws."""

    logarithmic: tuple[bool, ...]
    covariance: FloatArray
    centre: list[View | str]
    drawn: list[list[View | str]]


def discriminate(
    fits: Mapping[str, Fit],
    plans: tuple[Planned, ...],
    *,
    noise: NoiseLike | None,
    size: int,
    repeats: bool,
) -> Ranked:
    """Rank candidates by the evidence that they are expected to give; see `next_experiment`.

    Raises
    ------
    FitError
        No candidate can be simulated under every model, or the rivals measure errors on different scales.
    """
    rivals = {label: _rival(fit, plans, noise) for label, fit in fits.items()}
    if len({rival.logarithmic for rival in rivals.values()}) > 1:
        raise FitError(
            "the rivals were fitted with different errors (lognormal and other ones); fit them alike, or give noise="
        )
    failed = _failures(rivals, plans)
    kept = [i for i, plan in enumerate(plans) if plan.name not in failed]
    if not kept:
        name, why = next(iter(failed.items()))
        raise FitError(f"no candidate can be simulated under every model; the first, {shown(name)}: {why}")
    pairs = list(itertools.permutations(rivals, 2))

    def evidence(chosen: Sequence[int]) -> FloatArray:
        """Expected log-likelihood ratio of a plan for each pair of rivals, shape (pairs,)."""
        return np.array([_evidence(rivals[true], rivals[wrong], chosen) for true, wrong in pairs])

    def score(chosen: Sequence[int]) -> FloatArray:
        """The least evidence of a plan with each candidate added, shape (candidates,)."""
        return np.array([evidence([*(kept[i] for i in chosen), new]).min() for new in kept])

    chosen, _ = choose(score, size, repeats=repeats)
    alone = np.array([evidence([i]) for i in kept])
    table = pd.DataFrame(
        {"measurements": [len(plans[i]) for i in kept], "evidence": alone.min(axis=1)}
        | {_versus(pair): alone[:, c] for c, pair in enumerate(pairs)},
        index=pd.Index([plans[i].name for i in kept], name="candidate"),
    ).sort_values("evidence", ascending=False, kind="stable")
    found = evidence([kept[i] for i in chosen])
    told = pd.DataFrame(
        {"evidence": found, "in_words": [_in_words(float(x)) for x in found]},
        index=pd.Index([_versus(pair) for pair in pairs], name="true against wrong"),
    )
    return Ranked(table, tuple(plans[kept[i]].name for i in chosen), told, failed)


def _versus(pair: tuple[str, str]) -> str:
    return f"{pair[0]} against {pair[1]}"


def _in_words(evidence: float) -> str:
    """Of an expected log-likelihood ratio, on the scale of Kass and Raftery (1995), J Am Stat Assoc 90:773."""
    for least, words in ((5.0, "very strong"), (3.0, "strong"), (1.0, "positive")):
        if evidence >= least:
            return words
    return "hardly any"


def _rival(fit: Fit, plans: tuple[Planned, ...], noise: NoiseLike | None) -> _Rival:
    sight, space = sight_of_fit(fit, plans, noise), fit.found.space
    precision = fit.information.matrix + np.diag(np.maximum(prior_precision(space), 1e-12))
    points = working_points(space, fit.draws(_DRAWS), fit.best.point)
    centre = sight.views(fit.best.point[: len(space)])
    drawn = [views for views in (sight.views(u) for u in points) if not all(isinstance(v, str) for v in views)]
    logarithmic = tuple(item.kind == "lognormal" for item in sight.noise)
    return _Rival(logarithmic, np.linalg.inv(precision), centre, drawn)


def _failures(rivals: Mapping[str, _Rival], plans: tuple[Planned, ...]) -> dict[str, str]:
    failed: dict[str, str] = {}
    for label, rival in rivals.items():
        for row in [rival.centre, *rival.drawn]:
            for plan, view in zip(plans, row, strict=True):
                if isinstance(view, str):
                    failed.setdefault(plan.name, f"{label}: {view}")
    return failed


def _evidence(true: _Rival, wrong: _Rival, chosen: Sequence[int]) -> float:
    """Expected log-likelihood ratio of a set of candidates."""
    theirs = [view for view in (wrong.centre[i] for i in chosen) if isinstance(view, View)]
    by = np.vstack([view.by for view in theirs])
    predicted = np.concatenate([view.values for view in theirs])
    inner = by @ wrong.covariance @ by.T
    total = 0.0
    for row in true.drawn:
        mine = [view for view in (row[i] for i in chosen) if isinstance(view, View)]
        difference = np.concatenate([view.values for view in mine]) - predicted
        variance = np.concatenate([view.sd for view in mine]) ** 2
        total += 0.5 * float(difference @ np.linalg.solve(inner + np.diag(variance), difference))
    return total / len(true.drawn)
