"""What tumours are made of at the start: shares of clones from counts of single cells or barcodes.

With a Dirichlet prior of the same weight a for each clone, counts k of n cells leave a Dirichlet posterior with the
weights a + k. A clone that was not seen keeps a share: with a = 1 and one other clone its upper bound at 95 % is
``1 - 0.05**(1/(n + 1))``, which is the rule of three, about 3/n.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pkpd_mdr.arguments import CONFIDENCE, FLAG, NUMBER, TEXT, TEXTS, takes
from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.errors import DataError, UnitError, did_you_mean, shown
from pkpd_mdr.model import Model
from pkpd_mdr.patients.distributions import Distribution, fixed
from pkpd_mdr.units import QuantityLike, Unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["PRIORS", "Composition", "composition"]

PRIORS: Mapping[str, float] = {"jeffreys": 0.5, "uniform": 1.0}
"""Named weights of the Dirichlet prior, per clone."""

_CELL = Unit.of("cell")
_HEAVIEST = 1e12
_MANY = 1e6  # cells from which on a count is as good as its mean


@dataclass(frozen=True, slots=True)
class Composition:
    """Shares of clones with their uncertainty, and the total burden; made by `composition`.

    Attributes
    ----------
    clones : tuple of str
    counts : tuple of tuple of int
        One row a sample, one number a clone.
    samples : tuple of str
    prior : float
        Weight of each clone before anything was counted.
    total : Distribution
        Of the burden at the start, in cells.
    whole : bool
        Whether small clones are whole numbers of cells.
    """

    clones: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    samples: tuple[str, ...]
    prior: float
    total: Distribution
    whole: bool = False

    @property
    def note(self) -> str:
        """What a cohort says of it."""
        seen = np.sum(self.counts, axis=0)
        unseen = [name for name, count in zip(self.clones, seen.tolist(), strict=True) if not count]
        told = f"; {', '.join(unseen)} not seen: shares come from the prior alone" if unseen else ""
        many = f" in {len(self.samples)} samples" if len(self.samples) > 1 else ""
        return f"composition from {int(seen.sum())} cells{many}, Dirichlet prior of {self.prior:g} per clone{told}"

    @takes(DataError, confidence=CONFIDENCE)
    def table(self, confidence: float = 0.95) -> pd.DataFrame:
        """Shares of all cells together: count, mean, and the interval of the posterior.

        For a clone that was not seen, the interval is one-sided: from 0 to its upper bound. Samples are added up.

        Parameters
        ----------
        confidence : float
            Of the interval.

        Returns
        -------
        DataFrame
            Index ``clone``; ``count``, ``share``, ``lower``, ``upper``.
        """
        from scipy.special import betaincinv

        seen = np.sum(self.counts, axis=0)
        weights = self.prior + seen
        others = weights.sum() - weights
        tail = (1 - confidence) / 2
        lower = np.where(seen > 0, betaincinv(weights, others, tail), 0.0)
        upper = betaincinv(weights, others, np.where(seen > 0, 1 - tail, confidence))
        columns = {"count": seen, "share": weights / weights.sum(), "lower": lower, "upper": upper}
        return pd.DataFrame(columns, index=pd.Index(self.clones, name="clone"))

    def plot(self, *, ax: Axes | None = None, confidence: float = 0.95) -> Axes:
        """Draw shares with their intervals and what was counted; see `pkpd_mdr.plot.composition`."""
        from pkpd_mdr.plot.composition import plot_composition

        return plot_composition(self, ax=ax, confidence=confidence)

    def parameters(self, model: Model) -> dict[str, str]:
        """The parameter of a model that is the start of each clone, to the clone.

        Raises
        ------
        DataError
            The model has no such clone, or it starts from no parameter of its own.
        """
        found = {}
        for name in self.clones:
            if name not in model.clones:
                raise DataError(f"composition: the model has no clone {shown(name)}{did_you_mean(name, model.clones)}")
            start = str(model.states[name].start)
            if start not in model.parameters or start in found:
                raise DataError(
                    f"composition: clone {shown(name)} starts from {shown(start)}, not from a parameter of its own; "
                    f"give it one, as in clone({name!r}, start='1 cell')"
                )
            found[start] = name
        return found

    def units(self, model: Model) -> dict[str, Unit]:
        """Units of what `draw` gives."""
        return dict.fromkeys(self.parameters(model), _CELL)

    def shares(self, n: int, rng: np.random.Generator) -> FloatArray:
        """Draw shares, shape (n, clones): each patient from the posterior of one of the samples."""
        weights = self.prior + np.asarray(self.counts, dtype=float)
        chosen = rng.integers(len(weights), size=n) if len(weights) > 1 else np.zeros(n, dtype=int)
        # logarithms of gamma variables keep tiny shares: Gamma(a) = Gamma(a + 1)*U**(1/a)
        rows = weights[chosen]
        logs = np.log(rng.standard_gamma(rows + 1.0)) + np.log(1.0 - rng.random(rows.shape)) / rows
        scaled = np.exp(logs - logs.max(axis=1, keepdims=True))
        return np.asarray(scaled / scaled.sum(axis=1, keepdims=True))

    def draw(self, model: Model, n: int, rng: np.random.Generator) -> dict[str, FloatArray]:
        """Cells of each clone at the start, by the parameter of the model that holds them."""
        total = self.total.quantile(rng.random(n)) * self.total.unit.factor
        cells = total[:, None] * self.shares(n, rng)
        if self.whole:
            few = cells < _MANY
            cells = np.where(few, rng.poisson(np.where(few, cells, 0.0)), np.rint(cells))
        return {name: cells[:, place] for place, name in enumerate(self.parameters(model))}


@takes(DataError, clone=TEXT, count=TEXT, sample=TEXT, clones=TEXTS, whole=FLAG)
def composition(
    counts: pd.DataFrame | Mapping[str, int],
    *,
    total: Distribution | QuantityLike,
    prior: str | float = "jeffreys",
    clones: str | Sequence[str] | None = None,
    clone: str = "clone",
    count: str = "count",
    sample: str | None = None,
    whole: bool = False,
) -> Composition:
    """What tumours are made of at the start, from counted cells or barcodes.

    Parameters
    ----------
    counts : DataFrame or mapping of str to int
        A table with one row for each clone (and sample), or clone to count.
    total : Distribution or quantity
        Burden at the start: ``"1e9 cell"``, or a distribution of it.
    prior : {"jeffreys", "uniform"} or float
        Weight of each clone before anything was counted: 1/2, 1, or a number above zero. It decides what a clone that
        was not seen can be.
    clones : sequence of str, optional
        All clones there may be; those that the table lacks were not seen. Those of the table if left out.
    clone, count : str
        Columns of the table.
    sample : str, optional
        Column that names samples or patients; a virtual patient then has the composition of one of them, as uncertain
        as its counts leave it. Without it all rows are of one population.
    whole : bool
        Whether clones of less than a million cells are whole numbers of cells (Poisson), so that a rare clone may be
        absent.

    Returns
    -------
    Composition

    Raises
    ------
    DataError
        A column that is missing, a count that is no whole number of 0 or more, a clone that is counted twice or is not
        among `clones`, nothing counted, or a prior that is not above zero.
    UnitError
        `total` is not in cells.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> found = mdr.composition({"S": 299, "R": 0}, total="1e9 cell", prior="uniform")
    >>> float(found.table().loc["R", "upper"].round(5))
    0.00994
    """
    weight = _prior(prior)
    burden = total if isinstance(total, Distribution) else fixed(total)
    if not burden.unit.like(_CELL) or (not isinstance(total, Distribution) and not burden.numbers[0] > 0):
        raise UnitError(f"composition(): total is {burden}; give a number of cells above zero, such as '1e9 cell'")
    table = _table(counts, clone, count, sample)
    known = list(dict.fromkeys(name for name, _, _ in table))
    wanted = known if clones is None else [clones] if isinstance(clones, str) else list(clones)
    for name in known:
        if name not in wanted:
            raise DataError(f"composition(): the table counts {shown(name)}, not one of clones = {shown(wanted)}")
    if len(set(wanted)) < 2 or len(set(wanted)) < len(wanted):
        raise DataError(f"composition(): {shown(wanted)} are not two or more different clones")
    samples = list(dict.fromkeys(where for _, _, where in table))
    rows = [dict.fromkeys(wanted, 0) for _ in samples]
    seen: set[tuple[str, str]] = set()
    for name, number, where in table:
        if (name, where) in seen:
            told = f" of sample {shown(where)}" if where else ""
            raise DataError(
                f"composition(): {shown(name)}{told} is counted twice; name samples with sample=, or add up"
            )
        seen.add((name, where))
        rows[samples.index(where)][name] = number
    if not all(any(row.values()) for row in rows):
        raise DataError("composition(): a sample in which nothing was counted says nothing; leave it out")
    numbers = tuple(tuple(row.values()) for row in rows)
    return Composition(tuple(wanted), numbers, tuple(samples), weight, burden, whole)


def _prior(given: Any) -> float:
    if isinstance(given, str):
        if given not in PRIORS:
            raise DataError(f"composition(): prior {shown(given)} is not known{did_you_mean(given, PRIORS)}")
        return PRIORS[given]
    if not NUMBER.fits(given) or not 0 < given <= _HEAVIEST:
        raise DataError(
            f"composition(): prior = {shown(given)} is no weight; write 'jeffreys' or a number from 0 to {_HEAVIEST:g}"
        )
    return float(given)


def _table(given: Any, clone: str, count: str, sample: str | None) -> list[tuple[str, int, str]]:
    """Clone, count and sample of each row."""
    if isinstance(given, Mapping):
        given = pd.DataFrame({clone: list(given), count: list(given.values())})
    if not isinstance(given, pd.DataFrame):
        raise DataError(
            f"composition(): counts is {shown(given)}; give a DataFrame or a dict such as {{'S': 980, 'R': 3}}"
        )
    columns = [str(name) for name in given.columns]
    for name in (clone, count, *([] if sample is None else [sample])):
        if name not in columns:
            raise DataError(f"composition(): the table has no column {shown(name)}{did_you_mean(name, columns)}")
    if not len(given):
        raise DataError("composition(): the table has no row; give it a count for each clone")
    rows = []
    for place, (name, number) in enumerate(zip(given[clone], given[count], strict=True)):
        if not NUMBER.fits(number) or not (math.isfinite(number) and number >= 0 and float(number).is_integer()):
            raise DataError(
                f"composition(): row {place}: {shown(number)} is no count; it is a whole number of 0 or more"
            )
        if not isinstance(name, str) or not name.strip():
            raise DataError(f"composition(): row {place}: {shown(name)} names no clone")
        rows.append((name, int(number), "" if sample is None else str(given[sample].iloc[place])))
    return rows
