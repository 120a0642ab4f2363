"""Which of several models the data support: likelihoods, and prediction of conditions that were held out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pkpd_mdr.arguments import COUNT, SEED, TABLE, TEXTS, takes
from pkpd_mdr.errors import FitError, did_you_mean, shown
from pkpd_mdr.fit.held_out import HeldOut, find_folds, hold_out
from pkpd_mdr.fit.nesting import boundary_parameters, found_nesting, gained, mixture_p
from pkpd_mdr.fit.result import Fit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Selection", "compare_models"]

_STRONG = 10.0  # AICc difference from which on support is called strong (Burnham and Anderson 2002)
_SOME = 2.0
_SURE = 2.0  # standard errors from which on a difference in prediction counts alone
_CLEAR = 1.0  # and the log density it has to come to
_SHORT = 0.05  # log-likelihood by which a model falls short of its own special case for other reasons than rounding
_USEFUL = 0.05  # p below which the larger of two nested models is worth its parameters


@dataclass(frozen=True, eq=False)
class Selection:
    """Models ranked by AICc on the same data, and by how they predict held-out conditions.

    Attributes
    ----------
    table : DataFrame
        Index is the model's label, best AICc first; columns parameters, log_likelihood, aicc, delta (to the best),
        weight (Akaike weights), and for models that are a special case of another: within, likelihood_ratio,
        p. With held-out conditions also held_out (log predictive density of all of them), behind (how much lower than
        that of the first model), se (of `behind`, from its spread over conditions) and rmse_log.
    predictions : DataFrame
        Held-out measurements with what each model predicted without them: model, fold, condition, observable, time
        (h), value, predicted, log_density. Empty when nothing was held out.

    Examples
    --------
    See `compare_models`.
    """

    table: pd.DataFrame
    predictions: pd.DataFrame

    @property
    def best(self) -> str:
        """Label of the model with the smallest AICc."""
        return str(self.table.index[0])

    @property
    def rivals(self) -> tuple[str, ...]:
        """Models that cannot be told apart from the best one, those that contain it included."""
        return tuple(name for name in self._others if self._standing(name) == "rival")

    @property
    def doubtful(self) -> tuple[str, ...]:
        """Models whose AICc is higher by 10 or more, but which predict held-out conditions about as well."""
        return tuple(name for name in self._others if self._standing(name) == "doubtful")

    @property
    def ruled_out(self) -> tuple[str, ...]:
        """Models that the data speak against.

        That is: AICc higher by 10, and held-out conditions, where there are any, predicted worse by more than a
        standard error; or AICc higher by 2 and held-out conditions predicted worse by two.
        """
        return tuple(name for name in self._others if self._standing(name) == "ruled out")

    @property
    def _others(self) -> list[str]:
        return [str(name) for name in self.table.index[1:]]

    def _standing(self, label: str) -> str:
        delta = self._number(label, "delta")
        if "behind" not in self.table:
            return "ruled out" if delta >= _STRONG else "rival"
        behind, se = self._number(label, "behind"), self._number(label, "se")
        se = se if math.isfinite(se) else 0.0
        if (delta >= _STRONG and behind > se) or (delta >= _SOME and behind > _SURE * se and behind > _CLEAR):
            return "ruled out"
        return "doubtful" if delta >= _STRONG and behind > -_SURE * se else "rival"

    def _number(self, label: str, column: str) -> float:
        return float(self.table[column].to_numpy(dtype=np.float64)[list(self.table.index).index(label)])

    def verdict(self, label: str, against: str) -> str:
        """Whether the data support a model against another by AICc, in one sentence.

        Raises
        ------
        FitError
            An unknown label; the nearest is suggested.
        """
        for name in (label, against):
            if name not in self.table.index:
                raise FitError(f"no model is labelled {shown(name)}{did_you_mean(name, map(str, self.table.index))}")
        gain = self._number(against, "aicc") - self._number(label, "aicc")
        if not math.isfinite(gain):
            return f"there are too few measurements to tell {shown(label)} from {shown(against)}"
        if abs(gain) < _SOME:
            return f"the data do not tell {shown(label)} from {shown(against)} (AICc differs by {abs(gain):.1f})"
        how = "strongly" if abs(gain) >= _STRONG else "moderately"
        winner, loser = (label, against) if gain > 0 else (against, label)
        return f"the data {how} support {shown(winner)} against {shown(loser)} (AICc lower by {abs(gain):.1f})"

    @property
    def conclusion(self) -> str:
        """What the data say of all models together, in words; says so when they cannot be told apart."""
        if not np.isfinite(self.table["aicc"].to_numpy(dtype=np.float64)).all():
            return "There are too few measurements to rank these models."
        idle = [name for name in self.rivals if self._adds_nothing(name)]
        open_ = [name for name in self.rivals if name not in idle]
        lines = []
        if open_:
            lines.append(f"These data cannot tell {_listed([self.best, *open_])} apart: {self._evidence(open_)}.")
        elif idle:
            lines.append(f"{shown(self.best)} suffices.")
        elif self.doubtful:
            lines.append(f"{shown(self.best)} fits best.")
        else:
            lines.append(f"{shown(self.best)} is the only one of these models that the data support.")
        if idle:
            what = "They contain" if len(idle) > 1 else "It contains"
            lines.append(
                f"Nothing asks for {_listed(idle, 'or')}: {self._evidence(idle)}. {what} {shown(self.best)}, so "
                "the data exclude only large rates of what is added, which profiles show."
            )
        if self.doubtful:
            lines.append(
                f"Worse in fit, but not clearly worse on held-out conditions: {self._evidence(self.doubtful)}. As the "
                "measurements of a series are not independent, AICc alone does not settle that."
            )
        if self.ruled_out:
            lines.append(f"Ruled out: {self._evidence(self.ruled_out)}.")
        lines += self._missed
        if "behind" not in self.table:
            lines.append("No condition was held out, so this rests on the fit alone (held_out=...).")
        return " ".join(lines)

    @property
    def _missed(self) -> list[str]:
        """Models with a likelihood below that of their own special case: these were not searched to the end."""
        found = []
        for name, larger in self.table["within"].items():
            short = (
                self._number(str(name), "log_likelihood") - self._number(str(larger), "log_likelihood") if larger else 0
            )
            if short > _SHORT:
                found.append(
                    f"{shown(larger)} contains {shown(str(name))} and yet fits worse (log-likelihood {short:.3g} "
                    "lower): its search missed the best point, or its bounds shut the special case out; give it more "
                    "starts= or wider bounds before believing p."
                )
        return found

    def _adds_nothing(self, label: str) -> bool:
        """Whether a model contains the best one and its further parameters are not worth having."""
        place = list(self.table.index).index(self.best)
        if str(self.table["within"].iloc[place]) == label:
            return not float(self.table["p"].iloc[place]) < _USEFUL
        extra = self._number(label, "parameters") - self._number(self.best, "parameters")
        gain = self._number(label, "log_likelihood") - self._number(self.best, "log_likelihood")
        return extra > 0 and gain < 0.5  # as good as the same likelihood with more parameters

    def _evidence(self, labels: Sequence[str]) -> str:
        return "; ".join(
            f"{shown(label)} (AICc {self._number(label, 'delta'):+.1f}{self._held(label)})" for label in labels
        )

    def _held(self, label: str) -> str:
        if "behind" not in self.table:
            return ""
        behind, se = self._number(label, "behind"), self._number(label, "se")
        error = f" \u00b1 {se:.1f}" if math.isfinite(se) else ""
        return f", held-out log density {-behind:+.1f}{error}"

    def report(self) -> str:
        """One page: the table and the conclusion in words."""
        return f"{self}\n\n{self.conclusion}"

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """AICc above the best, model by model; see `pkpd_mdr.plot.selection`."""
        from pkpd_mdr.plot.selection import plot_selection

        return plot_selection(self, ax=ax)

    def plot_held_out(self, *, ax: Axes | None = None, **options: Any) -> Axes:
        """Held-out measurements against their predictions; see `pkpd_mdr.plot.selection`."""
        from pkpd_mdr.plot.selection import plot_held_out

        return plot_held_out(self, ax=ax, **options)

    def __str__(self) -> str:
        return self.table.to_string(float_format=lambda x: f"{x:.4g}", na_rep="-")

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from html import escape

        table = self.table.to_html(escape=True, float_format=lambda x: f"{x:.4g}", na_rep="-")
        return f"{table}<p>{escape(self.conclusion)}</p>"


def _listed(labels: Sequence[str], word: str = "and") -> str:
    named = [shown(label) for label in labels]
    return named[0] if len(named) == 1 else f"{', '.join(named[:-1])} {word} {named[-1]}"


@takes(FitError, fits=TABLE, nested=TABLE, control=TABLE, factors=TEXTS, starts=COUNT, seed=SEED)
def compare_models(
    fits: Mapping[str, Fit],
    *,
    nested: Mapping[str, str] | None = None,
    held_out: HeldOut | None = None,
    control: Mapping[str, object] | None = None,
    factors: str | Sequence[str] = (),
    starts: int = 1,
    seed: int = 0,
) -> Selection:
    """Rank fits of different models to the same measurements, and have them predict what was held out.

    Parameters
    ----------
    fits : mapping of label to Fit
    nested : mapping of label to label, optional
        Special case to the model that contains it. When absent, a fit counts as a special case of the smallest one
        whose free parameters include all of its own; one value for all groups is a special case of one for each.
    held_out : str or mapping, optional
        Conditions without which each model is fitted again, to predict them: ``"condition"`` (each in turn), a label
        such as ``"exposure_h"`` (all conditions with one of its values, in turn), or ``{"exposure_h": 24}`` (those
        alone). Scores are the log predictive density of the measurements (`pkpd_mdr.fit.held_out.hold_out`) and the
        root mean square error of the logarithm.
    control : mapping of label to value or values, optional
        Which of the held-out conditions are controls, ``{"dox_nM": 0}``: these are not scored, and serve `factors`.
    factors : str or sequence of str
        Free parameters that belong to a plate, which controls of a held-out plate may settle; nothing else of a
        held-out condition is used.
    starts, seed : int
        Starts of each fit without a condition: the estimates from all of them, then a Latin hypercube.

    Returns
    -------
    Selection
        `p` is that of the likelihood ratio. Where the special case puts a parameter on its bound (a rate at zero), it
        is that of the mixture of chi-squared distributions that then applies (Self and Liang 1987, J Am Stat Assoc
        82:605).

    Raises
    ------
    FitError
        Fewer than two fits, other measurements, an unknown label, or nothing is left to fit or to predict.

    Notes
    -----
    AICc counts measurements as independent. Series of one well are not, so that its differences are too sure; spread
    over held-out conditions is what `Selection.conclusion` relies on beside it.

    Examples
    --------
    >>> import pandas as pd
    >>> import pkpd_mdr as mdr
    >>> frame = pd.DataFrame({"h": [0, 1, 2, 3, 4], "y": [1.0, 2.1, 2.9, 4.2, 5.0]})
    >>> data = mdr.read_assay(frame, time="h [h]", value="y [1]", observable="y")
    >>> line = mdr.Model(mdr.observable("y", "a + b*t"), mdr.parameter("a", 1.0), mdr.parameter("b", "1 1/h"))
    >>> wide = {"a": (-9, 9), "b": ("-9 1/h", "9 1/h")}
    >>> fits = {"line": mdr.fit(line, data, wide), "flat": mdr.fit(line.with_parameters(b=0), data, {"a": (-9, 9)})}
    >>> compare_models(fits).verdict("line", "flat")
    "the data moderately support 'line' against 'flat' (AICc lower by 6.5)"
    """
    if len(fits) < 2:
        raise FitError(f"{len(fits)} fit cannot be compared; give two or more")
    for label, item in fits.items():
        if not isinstance(item, Fit) or not isinstance(label, str):
            raise FitError(f"fits: {shown(label)} is {shown(item)}; write names in quotes, each with its Fit")
    _check_same(fits)
    within = dict(nested) if nested is not None else found_nesting(fits)
    for small, large in within.items():
        for name in (small, large):
            if name not in fits:
                raise FitError(f"nested names {shown(name)}, which is not among the fits{did_you_mean(name, fits)}")
        if not fits[small].parameters < fits[large].parameters:
            raise FitError(
                f"nested: {shown(small)} has {fits[small].parameters} parameters and {shown(large)} "
                f"{fits[large].parameters}; a special case has fewer than the model that contains it and comes first"
            )
    if held_out is None and (control or factors):
        raise FitError(
            "control and factors say how held-out conditions are predicted; say which, as in held_out='plate'"
        )
    table = _ranked(fits, within)
    if held_out is None:
        return Selection(table, pd.DataFrame())
    chosen = (factors,) if isinstance(factors, str) else tuple(factors)
    predictions = _predictions(fits, held_out, control, chosen, starts, seed)
    return Selection(_scored(table, predictions), predictions)


def _ranked(fits: Mapping[str, Fit], within: Mapping[str, str]) -> pd.DataFrame:
    rows = {
        label: _row(fit, fits[within[label]] if label in within else None, within.get(label, ""))
        for label, fit in fits.items()
    }
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.index.name = "model"
    table = table.sort_values("aicc", kind="stable")
    table.insert(3, "delta", table["aicc"] - table["aicc"].iloc[0])
    weight = np.exp(-0.5 * table["delta"].to_numpy(dtype=np.float64))
    table.insert(4, "weight", weight / weight.sum())
    return table


def _row(fit: Fit, larger: Fit | None, within: str) -> dict[str, object]:
    row: dict[str, object] = {"parameters": fit.parameters, "log_likelihood": fit.log_likelihood, "aicc": fit.aicc}
    if larger is None:
        return row | {"within": "", "likelihood_ratio": math.nan, "p": math.nan}
    ratio = gained(fit, larger)
    extra = larger.parameters - fit.parameters
    p = mixture_p(ratio, extra, boundary_parameters(fit, larger)) if extra > 0 else math.nan
    return row | {"within": within, "likelihood_ratio": ratio, "p": p}


def _predictions(
    fits: Mapping[str, Fit],
    held_out: HeldOut,
    control: Mapping[str, object] | None,
    factors: tuple[str, ...],
    starts: int,
    seed: int,
) -> pd.DataFrame:
    frames = []
    for label, fit in fits.items():
        for fold in find_folds(fit, held_out, control):
            found = hold_out(fit, fold, factors=factors, starts=starts, seed=seed)
            found.insert(0, "model", label)
            found.insert(1, "fold", fold.name)
            frames.append(found)
    return pd.concat(frames, ignore_index=True)


def _scored(table: pd.DataFrame, predictions: pd.DataFrame) -> pd.DataFrame:
    """The table with sums over held-out conditions; differences are taken condition by condition."""
    by = predictions.groupby(["model", "condition"], sort=False)["log_density"].sum().unstack("condition")
    by = by.loc[[str(name) for name in table.index]]
    density = by.to_numpy(dtype=np.float64)
    with np.errstate(invalid="ignore"):
        behind = density[0] - density
    count = density.shape[1]
    spread = np.sqrt(count) * behind.std(axis=1, ddof=1) if count > 1 else np.full(len(density), math.nan)
    return table.assign(
        held_out=density.sum(axis=1),
        behind=behind.sum(axis=1),
        se=spread,
        rmse_log=[_rmse_log(predictions[predictions["model"] == name]) for name in table.index],
    )


def _rmse_log(rows: pd.DataFrame) -> float:
    value, predicted = (rows[name].to_numpy(dtype=np.float64) for name in ("value", "predicted"))
    usable = (value > 0) & (predicted > 0)
    if not usable.any():
        return math.nan
    return float(np.sqrt(np.mean(np.log(value[usable] / predicted[usable]) ** 2)))


def _check_same(fits: Mapping[str, Fit]) -> None:
    first_label, first = next(iter(fits.items()))
    key = _measurements(first)
    for label, fit in fits.items():
        if _measurements(fit) != key:
            raise FitError(
                f"{shown(label)} was fitted to other measurements than {shown(first_label)}; "
                "likelihoods compare on the same ones only"
            )


def _measurements(fit: Fit) -> tuple[object, ...]:
    rows = fit.objective.problem.rows
    return fit.data.content_hash, rows.source.tobytes(), rows.which.tobytes(), rows.observable
