"""Likelihood ratios of nested models, also where the special case lies on the edge of the larger one."""

from __future__ import annotations

import math
from collections.abc import Mapping

from pkpd_mdr.fit.estimates import Estimate
from pkpd_mdr.fit.result import Fit

__all__ = ["boundary_parameters", "found_nesting", "gained", "mixture_p"]

_PRECISION = 1e-4  # of twice a difference of log-likelihoods: two searches and two integrations stand behind it


def found_nesting(fits: Mapping[str, Fit]) -> dict[str, str]:
    """Each special case with the smallest fit whose free parameters include all of its own."""
    found = {}
    for label, fit in fits.items():
        larger = [
            (len(other.found.names), name)
            for name, other in fits.items()
            if _included(fit, other) and _loosened(fit, other)
        ]
        if larger:
            found[label] = min(larger)[1]
    return found


def _included(small: Fit, large: Fit) -> bool:
    """Whether the larger fit frees all that the special case does, and more; one value for all may be one a group."""
    names, targets = set(large.found.names), {item.target for item in large.found.items}
    more = len(small.found.names) < len(names) and small.parameters < large.parameters
    return more and all(item.name in names or (not item.group and item.target in targets) for item in small.found.items)


def _loosened(small: Fit, large: Fit) -> bool:
    """Whether the larger fit ties nothing that the special case leaves free, and frees what that ties in addition."""
    held, free = set(small.found.ties), {item.target for item in large.found.items}
    kept = set(large.found.ties)
    return kept <= held and all(tie.parameter in free for tie in held - kept)


def boundary_parameters(small: Fit, large: Fit) -> int:
    """How many parameters of the larger model the special case puts on a bound.

    A parameter counts where the special case has it fixed at a bound. A special case that lacks a mechanism has its
    rate at zero: that is one parameter on its bound, however many others (a clearance, a hill coefficient) come with
    it; these have no value then, and count in full, which makes p too large rather than too small. A parameter of
    groups is on no bound where the special case has one value for all.

    Parameters
    ----------
    small, large : Fit

    Returns
    -------
    int
    """
    mine, known = {item.target for item in small.found.items}, small.model.parameters
    extra = [item for item in large.found.items if item.target not in mine]
    fixed = [item for item in extra if item.target in known]
    absent = [item for item in extra if item.target not in known]
    count = sum(
        _on_bound(item, known[item.target].internal / large.model.parameters[item.target].unit.factor) for item in fixed
    )
    return count + int(any(item.allowed[0] >= 0 for item in absent))


def _on_bound(item: Estimate, value: float) -> bool:
    low, high = item.allowed
    return (
        value <= low
        or value >= high
        or math.isclose(value, low, rel_tol=1e-9)
        or math.isclose(value, high, rel_tol=1e-9)
    )


def gained(small: Fit, large: Fit) -> float:
    """Twice the difference of log-likelihoods; exactly zero where the larger model gains nothing.

    A larger model that ends on its bound is the special case once more. Its likelihood then differs by rounding alone,
    of either sign, and a p that took half of these for gains would be one half where it is one.
    """
    ratio = 2.0 * (large.log_likelihood - small.log_likelihood)
    return ratio if ratio > _PRECISION else 0.0


def mixture_p(ratio: float, extra: int, on_bound: int = 0) -> float:
    """Probability of a likelihood ratio as large as this one under the special case.

    With m of k further parameters on a bound, half the samples would pass each bound, so that the ratio follows the
    mixture ``sum(binomial(m, j)/2**m * chi2(k - m + j))`` (Self and Liang 1987, cases 5 to 9, for parameters whose
    estimates are independent); with none it is chi-squared with k degrees of freedom.

    Parameters
    ----------
    ratio : float
        Twice the difference of log-likelihoods.
    extra : int
        k, how many parameters more.
    on_bound : int
        m.

    Returns
    -------
    float

    Examples
    --------
    >>> round(mixture_p(2.706, 1, 1), 3), round(mixture_p(2.706, 1), 3)
    (0.05, 0.1)
    """
    from scipy.stats import chi2

    m = min(on_bound, extra)
    if ratio <= 0.0:
        return 1.0
    tails = [float(chi2.sf(ratio, extra - m + j)) if extra - m + j > 0 else 0.0 for j in range(m + 1)]
    return sum(math.comb(m, j) / 2.0**m * tail for j, tail in enumerate(tails))
