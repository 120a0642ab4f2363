"""Posterior by Markov chains: emcee's ensemble sampler, with one call of the engine for all walkers of a step.

The posterior is the likelihood times a flat density on the working scale within the bounds (so flat in the logarithm of
a positive parameter); a parameter with a prior has the density of that prior instead, whatever its scale. A common
scale of the errors is integrated out with a flat density of its logarithm, which is exactly the sum of squares to the
power ``-n/2`` that the fit minimises, and scales and offsets of readouts with a flat density of their own.
Foreman-Mackey et al. (2013), PASP 125:306; moves by differences of walkers, ter Braak and Vrugt (2008).
"""

from __future__ import annotations

import logging
import math
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pkpd_mdr.arguments import COUNT, SEED, takes
from pkpd_mdr.errors import FitError, shown
from pkpd_mdr.fit.ahead import looking_ahead, values_of
from pkpd_mdr.fit.draws import Draws, truncated_draws
from pkpd_mdr.fit.free import FloatArray
from pkpd_mdr.fit.objective import Objective
from pkpd_mdr.run.progress import PROGRESS, Progress, Report, reporting

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from pkpd_mdr.fit.result import Fit

__all__ = ["Posterior", "ess", "mcmc", "moves_of", "split_r_hat"]

_log = logging.getLogger("pkpd_mdr")

_MOST_STEPS, _MOST_WALKERS, _MOST_CHAINS = 1_000_000, 10_000, 100
_R_HAT, _LENGTHS, _FEWEST = 1.05, 50.0, 200.0  # beyond which chains are not called converged
_JITTER, _TINY = 0.05, 1e-300


@dataclass(frozen=True, eq=False, repr=False)
class Posterior(Draws):
    """Draws of the posterior, and how well the chains have mixed.

    Attributes
    ----------
    chain : ndarray, shape (chains, steps, walkers, d)
        Working scale, after the warm-up; the first k coordinates are the parameters.
    log_posterior : ndarray, shape (chains, steps, walkers)
        Up to a constant, as a density on the working scale.
    acceptance : float
        Share of moves that were accepted.
    diagnostics : DataFrame
        Index is the parameter; columns r_hat (between and within independent ensembles and their halves), ess,
        autocorrelation (steps).
    converged : bool
        Every r_hat at most 1.05, at least 200 effective draws, and chains of at least 50 autocorrelation times.
    """

    chain: FloatArray = field(default_factory=lambda: np.empty((0, 0, 0, 0)))
    log_posterior: FloatArray = field(default_factory=lambda: np.empty((0, 0, 0)))
    acceptance: float = math.nan
    diagnostics: pd.DataFrame = field(default_factory=pd.DataFrame)
    converged: bool = False

    def to_arviz(self) -> Any:
        """The draws as arviz's inference data; each walker is a chain.

        Raises
        ------
        FitError
            arviz is not installed.
        """
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # arviz announces its next version on import
                import arviz
        except ImportError as problem:
            raise FitError("to_arviz needs arviz; install it with: pip install 'pkpd-mdr[mcmc]'") from problem
        chains, steps, walkers, _ = self.chain.shape
        shape = (chains, steps, walkers)
        groups = {
            "posterior": {name: _by_walker(self.frame[name].to_numpy().reshape(shape)) for name in self.names},
            "sample_stats": {"lp": _by_walker(self.log_posterior)},
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if int(arviz.__version__.split(".")[0]) >= 1:  # groups became one argument
                return arviz.from_dict(groups)
            return arviz.from_dict(**groups)

    def plot(self, name: str | None = None, *, ax: Axes | None = None) -> Axes:
        """Traces of one parameter; see `pkpd_mdr.plot.knowledge`."""
        from pkpd_mdr.plot.knowledge import plot_trace

        return plot_trace(self, name, ax=ax)


def _by_walker(values: FloatArray) -> FloatArray:
    """From (chains, steps, walkers) to (chains * walkers, steps)."""
    chains, steps, walkers = values.shape
    return np.asarray(values.transpose(0, 2, 1).reshape(chains * walkers, steps))


@takes(FitError, steps=COUNT, warmup=COUNT, walkers=COUNT, chains=COUNT, seed=SEED, progress=PROGRESS)
def mcmc(
    fit: Fit,
    steps: int = 2000,
    *,
    warmup: int | None = None,
    walkers: int | None = None,
    chains: int = 2,
    seed: int = 0,
    progress: Progress = False,
) -> Posterior:
    """Sample the posterior of a fit; see `Fit.mcmc`."""
    d = fit.objective.dimension
    before = steps // 2 if warmup is None else warmup
    count = max(32, 2 * d + 2) if walkers is None else walkers
    _check(fit, steps, before, count, chains, d)
    objective = looking_ahead(fit.objective)
    ensembles, total = [], chains * (before + steps)
    with reporting(progress, total, "steps", FitError) as report:
        for number in range(chains):
            start = _starts(fit, count, [seed, number])
            told = _Told(report, number * (before + steps), total)
            ensembles.append(_sample(objective, start, before, steps, [seed, number, 1], told))
    chain = np.array([item[0] for item in ensembles])
    heights = np.array([item[1] for item in ensembles])
    return _posterior(fit, chain, heights, float(np.mean([item[2] for item in ensembles])), seed)


@dataclass(frozen=True, slots=True)
class _Told:
    """Progress of one chain as a part of all of them."""

    report: Report
    offset: int
    total: int

    def __call__(self, done: int) -> None:
        self.report(self.offset + done, self.total)


def _check(fit: Fit, steps: int, before: int, walkers: int, chains: int, d: int) -> None:
    if not 10 <= steps <= _MOST_STEPS:
        raise FitError(f"steps = {shown(steps)} is not possible; ask for 10 to {_MOST_STEPS}")
    if not 0 <= before <= _MOST_STEPS:
        raise FitError(f"warmup = {shown(before)} is not possible; ask for 0 to {_MOST_STEPS} steps")
    if not 2 * d <= walkers <= _MOST_WALKERS or walkers % 2:
        raise FitError(
            f"walkers = {shown(walkers)} is not possible; {d} coordinates need an even number of at least {2 * d}"
        )
    if not 1 <= chains <= _MOST_CHAINS:
        raise FitError(f"chains = {shown(chains)} is not possible; ask for 1 to {_MOST_CHAINS} independent ensembles")
    for item in fit.found.items:
        if item.verdict.startswith("not determined") and not all(map(math.isfinite, item.allowed)):
            raise FitError(
                f"{shown(item.name)} is not determined and its bounds are not finite, so its posterior is not proper; "
                "give it bounds or fix it"
            )


def _starts(fit: Fit, walkers: int, seed: list[int]) -> FloatArray:
    """Walkers from the quadratic approximation; error parameters near their optimum."""
    found, k = fit.found, len(fit.objective.problem.space)
    box = found.space.lower, found.space.upper
    number = int(np.random.SeedSequence(seed).generate_state(1)[0])
    drawn = truncated_draws(fit.best.point[:k], found.matrix, found.gradient, box, found.freedom, walkers, number)
    rng = np.random.default_rng(seed)
    rest = fit.best.point[k:] + _JITTER * rng.standard_normal((walkers, len(fit.best.point) - k))
    low, high = fit.objective.box
    jitter = 1e-9 * rng.standard_normal((walkers, len(low)))  # walkers on a bound must not be alike
    return np.asarray(np.clip(np.hstack([drawn, rest]) + jitter, low, high))


def _sample(
    objective: Objective, start: FloatArray, before: int, steps: int, seed: list[int], told: _Told
) -> tuple[FloatArray, FloatArray, float]:
    try:
        import emcee
    except ImportError as problem:
        raise FitError("mcmc needs emcee; install it with: pip install 'pkpd-mdr[mcmc]'") from problem
    sampler = emcee.EnsembleSampler(
        *start.shape, lambda points: _log_density(objective, points), moves=moves_of(emcee), vectorize=True
    )
    sampler.random_state = np.random.RandomState(np.random.SeedSequence(seed).generate_state(8)).get_state()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for done, _ in enumerate(sampler.sample(start, iterations=before + steps, skip_initial_state_check=True), 1):
            told(done)
    return (
        np.asarray(sampler.get_chain(discard=before)),
        np.asarray(sampler.get_log_prob(discard=before)),
        float(np.mean(sampler.acceptance_fraction)),
    )


def _log_density(objective: Objective, points: FloatArray) -> FloatArray:
    """On the working scale: where a prior is normal on another scale, the change of variables counts."""
    found = values_of(objective, points)
    for j, item in enumerate(objective.problem.space.free):
        if item.prior is not None and item.log != (item.prior.kind == "lognormal"):
            found += points[:, j] if item.log else -np.log(np.maximum(points[:, j], _TINY))
    return found


def moves_of(emcee: Any) -> list[tuple[Any, float]]:
    """Differences of walkers, which cross narrow valleys, and stretches, which reach tails.

    Not the snooker move: that of emcee up to 3.1.6 does not leave the target as it is (dfm/emcee#531); with a fifth of
    such moves a 95% interval came out 6% too short.
    """
    return [(emcee.moves.DEMove(), 0.7), (emcee.moves.StretchMove(), 0.3)]


def _posterior(fit: Fit, chain: FloatArray, heights: FloatArray, acceptance: float, seed: int) -> Posterior:
    space, steps = fit.objective.problem.space, chain.shape[1]
    flat = chain.reshape(-1, chain.shape[-1])
    frame = space.frame(np.stack([_values(item, flat[:, j]) for j, item in enumerate(space.free)], axis=1))
    lengths = [ess(chain[..., j]) for j in range(len(space))]
    diagnostics = pd.DataFrame(
        {
            "r_hat": [split_r_hat(chain[..., j]) for j in range(len(space))],
            "ess": [item[0] for item in lengths],
            "autocorrelation": [item[1] for item in lengths],
        },
        index=pd.Index(space.names, name="parameter"),
    )
    doubts = _doubts(diagnostics, steps)
    for doubt in doubts:
        _log.warning("mcmc: %s", doubt)
    notes = [
        f"{chain.shape[0]} ensembles of {chain.shape[2]} walkers, {steps} steps, acceptance {acceptance:.2f}",
        f"r_hat at most {diagnostics['r_hat'].max():.3f}, at least {diagnostics['ess'].min():.0f} effective draws",
        *doubts,
    ]
    return Posterior(
        frame,
        space.units,
        seed,
        tuple(notes),
        groups=space.groups,
        chain=chain,
        log_posterior=heights,
        acceptance=acceptance,
        diagnostics=diagnostics,
        converged=not doubts,
    )


def _values(item: Any, u: FloatArray) -> FloatArray:
    return np.asarray(np.exp(u) if item.log else u)


def _doubts(diagnostics: pd.DataFrame, steps: int) -> list[str]:
    found = []
    worst = str(diagnostics["r_hat"].idxmax())
    if not diagnostics["r_hat"].max() <= _R_HAT:
        found.append(
            f"not converged: r_hat of {worst} is {diagnostics['r_hat'].max():.3f}; "
            "sample longer, or ask fit.identifiability()"
        )
    slow = str(diagnostics["autocorrelation"].idxmax())
    time = float(diagnostics["autocorrelation"].max())
    if steps < _LENGTHS * time or diagnostics["ess"].min() < _FEWEST:
        found.append(
            f"short: {slow} forgets its past in {time:.0f} steps; ask for at least steps={math.ceil(_LENGTHS * time)}"
        )
    return found


def split_r_hat(chain: FloatArray) -> float:
    """Potential scale reduction between ensembles and their halves (Gelman and Rubin 1992, split).

    Walkers of one ensemble know of each other, so each half of an ensemble, all walkers together, is one sequence.

    Parameters
    ----------
    chain : ndarray, shape (chains, steps, walkers)

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> bool(split_r_hat(rng.normal(size=(2, 500, 20))) < 1.01)
    True
    """
    half = chain.shape[1] // 2
    parts = np.concatenate([chain[:, :half], chain[:, -half:]]).reshape(2 * len(chain), -1)
    within = float(parts.var(axis=1, ddof=1).mean())
    between = float(parts.mean(axis=1).var(ddof=1))
    return math.sqrt((within + between) / within) if within > 0 else math.nan


def ess(chain: FloatArray) -> tuple[float, float]:
    """Effective number of draws, and the integrated autocorrelation time in steps.

    emcee's estimate: the autocorrelation is averaged over all walkers, the window is Sokal's, five times the time.
    A walker that never moved has forgotten nothing: its time is the whole run.

    Parameters
    ----------
    chain : ndarray, shape (chains, steps, walkers)

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> 0.8 < ess(rng.normal(size=(2, 500, 20)))[1] < 1.2
    True
    """
    from emcee.autocorr import integrated_time

    series = _by_walker(chain).T
    moved = np.ptp(series, axis=0) > 0
    if not moved.any():
        return math.nan, math.nan
    moving = max(float(integrated_time(series[:, moved, None], c=5, tol=0)[0]), 1e-3)
    time = float(np.average(np.where(moved, moving, len(series))))
    return series.size / time, time
