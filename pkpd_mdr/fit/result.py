"""`Fit`: a model met data."""

from __future__ import annotations

import html
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pkpd_mdr.arguments import listed
from pkpd_mdr.data import Data
from pkpd_mdr.data.cells import Label
from pkpd_mdr.data.limits import ABOVE, BELOW
from pkpd_mdr.errors import FitError, did_you_mean, shown
from pkpd_mdr.fit.draws import Draws
from pkpd_mdr.fit.estimates import Estimates
from pkpd_mdr.fit.free import FloatArray
from pkpd_mdr.fit.information import Information
from pkpd_mdr.fit.objective import Evaluation, Objective
from pkpd_mdr.fit.priors import prior_shares
from pkpd_mdr.fit.scoring import Found
from pkpd_mdr.fit.search import reached
from pkpd_mdr.model import Model
from pkpd_mdr.run.progress import Progress
from pkpd_mdr.run.simulate import output_times
from pkpd_mdr.units import QuantityLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from pkpd_mdr.fit.bands import Band
    from pkpd_mdr.fit.bootstrap import Bootstrap
    from pkpd_mdr.fit.identifiability import Identifiability
    from pkpd_mdr.fit.mcmc import Posterior
    from pkpd_mdr.fit.practical import Spectrum
    from pkpd_mdr.fit.profile import Profile, Profiles

__all__ = ["Fit"]


@dataclass(frozen=True, eq=False, repr=False)
class Fit:
    """What `fit` found; all tables are in the units that model and data declare.

    Attributes
    ----------
    model : Model
        With the estimates as parameter values; where parameters differ between groups, see `model_for`.
    data : Data
    found : Estimates
        Numbers only; written to JSON.
    information : Information
    starts : tuple of Found
        Where each start ended, best first.
    objective : Objective
        What was minimised; knows the problem and its rows.
    best : Evaluation
        Of the objective at the estimates.

    Examples
    --------
    >>> import pandas as pd
    >>> import pkpd_mdr as mdr
    >>> frame = pd.DataFrame({"h": [0, 1, 2, 3, 4], "y": [1.0, 2.1, 2.9, 4.2, 5.0]})
    >>> data = mdr.read_assay(frame, time="h [h]", value="y [1]", observable="y")
    >>> line = mdr.Model(mdr.observable("y", "a + b*t"), mdr.parameter("a", 1.0), mdr.parameter("b", "1 1/h"))
    >>> found = mdr.fit(line, data, {"a": (-9, 9), "b": ("-9 1/h", "9 1/h")}, starts=1)
    >>> found.profile("b")
    b = 1.01 1/h, 95% profile interval 0.87878 to 1.1412
    >>> len(found.draws(100, seed=1))
    100
    """

    model: Model
    data: Data
    found: Estimates
    information: Information
    starts: tuple[Found, ...]
    objective: Objective
    best: Evaluation

    # -- estimates ---------------------------------------------------------------------------------------

    @property
    def estimates(self) -> pd.DataFrame:
        """One row a parameter: unit, estimate, lower, upper (95%), se, rse (%), at_bound, verdict.

        Intervals are made on the working scale with the t quantile and transformed back. A parameter without an
        interval of its own shows its allowed range, and the verdict says why.
        """
        return self.found.table

    @property
    def values(self) -> dict[str, float]:
        """Estimates by name, in declared units."""
        return self.found.values

    @property
    def errors(self) -> pd.DataFrame:
        """Error parameters: observable, error model, name, estimate (a and phi in the observable's unit)."""
        rows = []
        for i, name in enumerate(self.objective.problem.rows.observable):
            model = self.objective.errors[name]
            mix, extra = self.objective.mix(self.best.point, i), self.objective.extra(self.best.point, i)
            found = model.parameters(self.objective.scale(self.best, i), mix, extra)
            rows += [(name, model.kind, key, float(value)) for key, value in found.items()]
        return pd.DataFrame(rows, columns=["observable", "error", "parameter", "estimate"])

    @property
    def readouts(self) -> pd.Series:
        """Scales and offsets of readouts that were solved for, by name; offsets in the unit of the observable."""
        found, names = self.best.prediction.readout, self.objective.problem.readouts
        return pd.Series([] if found is None else found, index=list(names), name="readout", dtype=float)

    @property
    def priors(self) -> pd.DataFrame:
        """Each prior in words, and which share of the precision of the estimate it brings (0 none, 1 all)."""
        space = self.objective.problem.space
        shares = prior_shares(space, self.best.point, self.information.covariance)
        rows = [(f.name, f.prior.describe(f.unit.text), shares[f.name]) for f in space.free if f.prior is not None]
        return pd.DataFrame(rows, columns=["parameter", "prior", "share"]).set_index("parameter")

    @property
    def covariance(self) -> pd.DataFrame:
        """Covariance of the estimates on the working scale (logarithms of positive parameters)."""
        return self._square(self.information.covariance)

    @property
    def correlation(self) -> pd.DataFrame:
        """Correlation of the estimates; NaN for parameters without standard error."""
        sizes = self.information.errors
        return self._square(self.information.covariance / np.outer(sizes, sizes))

    def _square(self, matrix: FloatArray) -> pd.DataFrame:
        return pd.DataFrame(matrix, index=list(self.found.names), columns=list(self.found.names))

    def lmfit_parameters(self) -> Any:
        """All parameters as `lmfit.Parameters`, in declared units; see `pkpd_mdr.fit.lmfit_table.to_lmfit`."""
        from pkpd_mdr.fit.lmfit_table import to_lmfit

        return to_lmfit(self)

    def model_for(self, **group: Label) -> Model:
        """The model with the estimates of one group of conditions: ``fit.model_for(line="231")``.

        Parameters
        ----------
        **group : str or number
            A value of each label by which parameters differ.

        Raises
        ------
        FitError
            A group is missing, unknown, or not asked for by any parameter.
        """
        return self.found.apply(self.objective.problem.model, **group)

    # -- quality -----------------------------------------------------------------------------------------

    @property
    def n(self) -> int:
        """Number of measurements that were fitted."""
        return len(self.objective.problem.rows)

    @property
    def parameters(self) -> int:
        """Number of estimated parameters, those of the error models and readouts included."""
        return len(self.found.items) + self.objective.error_parameters + self.objective.readout_parameters

    @cached_property
    def log_likelihood(self) -> float:
        """Of the measurements as they were taken, with all constants."""
        return -0.5 * self.objective.minus_two_log_likelihood(self.best)

    @property
    def aic(self) -> float:
        """Akaike's information criterion."""
        return 2.0 * self.parameters - 2.0 * self.log_likelihood

    @property
    def aicc(self) -> float:
        """AIC with the correction for few measurements; infinite when there are too few for it."""
        spare = self.n - self.parameters - 1
        return self.aic + 2.0 * self.parameters * (self.parameters + 1) / spare if spare > 0 else float("inf")

    @property
    def bic(self) -> float:
        """Bayesian information criterion."""
        return float(np.log(self.n)) * self.parameters - 2.0 * self.log_likelihood

    @property
    def rss(self) -> dict[str, float]:
        """Sum of squared differences of each observable, in the square of its unit; without rows beyond a limit."""
        rows = self.objective.problem.rows
        squares = np.where(rows.censored == 0, rows.value - self.best.prediction.values, 0.0) ** 2
        return {name: float(squares[rows.which == i].sum()) for i, name in enumerate(rows.observable)}

    @property
    def weighted_rss(self) -> float:
        """Sum of squared differences over the known or relative sds, before any common scale."""
        return self.objective.reduced_squares(self.best)

    @property
    def waterfall(self) -> pd.DataFrame:
        """Every start, best first: minus twice the log-likelihood above the best, where it came from, how it ended."""
        return pd.DataFrame(
            {
                "start": [item.number for item in self.starts],
                "above_best": [max(item.evaluation.value - self.best.value, 0.0) for item in self.starts],
                "evaluations": [item.evaluations for item in self.starts],
                "failures": [item.failures for item in self.starts],
                "finished": [item.finished for item in self.starts],
                "message": [item.message for item in self.starts],
            }
        )

    @property
    def reached(self) -> int:
        """How many starts ended at one point with the best of them; the report says where the estimates lie beyond."""
        return reached(self.starts)

    # -- predictions -------------------------------------------------------------------------------------

    @property
    def residuals(self) -> pd.DataFrame:
        """Each fitted row: condition, observable, time (h), value, prediction, residual, standardised, source_row.

        A value that is a limit of quantification has ``"below"`` or ``"above"`` in the column censored.
        """
        problem = self.objective.problem
        rows, predicted = problem.rows, self.best.prediction.values
        parts = self.objective.parts(self.best.point, self.best.prediction)
        common = self.objective.common_scale(self.best) or 1.0  # all are met exactly
        return pd.DataFrame(
            {
                "condition": [problem.members[i].condition.name for i in rows.member],
                "observable": [rows.observable[i] for i in rows.which],
                "time": rows.time,
                "value": rows.value,
                "prediction": predicted,
                "residual": rows.value - predicted,
                "standardised": parts.difference * np.exp(-parts.log_w) / common,
                "censored": np.array([BELOW, "", ABOVE], dtype=object)[rows.censored + 1],
                "source_row": rows.source,
            }
        )

    def predict(
        self,
        times: QuantityLike | Sequence[QuantityLike] | None = None,
        *,
        conditions: str | Sequence[str] | None = None,
    ) -> pd.DataFrame:
        """Predictions of the fitted model under the conditions of the data.

        Parameters
        ----------
        times : quantity, sequence of quantity, or None
            A spacing, times, or 121 times over the range of each condition.
        conditions : str or sequence of str, optional
            Names of conditions; all when absent.

        Returns
        -------
        DataFrame
            condition, observable, time (h), value (in the unit of the data; before division by a reference where
            the observable is measured relative to one).

        Raises
        ------
        FitError
            An unknown condition; the nearest is suggested.
        """
        problem = self.objective.problem
        known = [member.condition.name for member in problem.members]
        wanted = known if conditions is None else listed(conditions) or [conditions]
        for name in wanted:
            if name not in known:
                raise FitError(f"the data have no condition {shown(name)}{did_you_mean(name, known)}")
        grids = [self._grid(member.begin.time, float(member.times[-1]), times) for member in problem.members]
        curves = self.objective.curves(self.best, grids)
        frames = [
            pd.DataFrame(
                {"condition": member.condition.name, "observable": name, "time": curve[0], "value": curve[1][:, i]}
            )
            for member, curve in zip(problem.members, curves, strict=True)
            for i, name in enumerate(problem.rows.observable)
            if member.condition.name in wanted
        ]
        return pd.concat(frames, ignore_index=True)

    @staticmethod
    def _grid(begin: float, end: float, times: QuantityLike | Sequence[QuantityLike] | None) -> FloatArray:
        if times is None:
            return np.unique(np.linspace(begin, end, 121))
        until = end if isinstance(times, (str, tuple)) else float("inf")
        return np.asarray(output_times(times, until), dtype=np.float64)

    # -- uncertainty -------------------------------------------------------------------------------------

    def draws(self, n: int, *, seed: int = 0) -> Draws:
        """Draw parameter sets from what the fit knows; see `Estimates.draws`.

        Where some parameter has no closed interval, twenty of them are held against the data: `Draws.notes` says so if
        many are worse than chance allows, as the approximation then does not hold.
        """
        from pkpd_mdr.fit.distance import far_off

        drawn = self.found.draws(n, seed=seed)
        doubt = far_off(self, drawn)
        return replace(drawn, notes=(*drawn.notes, doubt)) if doubt else drawn

    def profile(self, name: str, *, confidence: float = 0.95, most: int = 40) -> Profile:
        """Likelihood profile of one parameter; see `pkpd_mdr.fit.profile`."""
        from pkpd_mdr.fit.profile import profile

        return profile(self, name, confidence=confidence, most=most)

    def profiles(
        self, names: Sequence[str] | None = None, *, confidence: float = 0.95, executor: Executor | None = None
    ) -> Profiles:
        """Likelihood profiles of several parameters, or of all; see `pkpd_mdr.fit.profile`."""
        from pkpd_mdr.fit.profile import profiles

        return profiles(self, names, confidence=confidence, executor=executor)

    def bootstrap(
        self,
        n: int = 500,
        *,
        unit: str | None = None,
        within: str | None = None,
        parametric: bool = False,
        seed: int = 0,
        starts: int = 1,
        executor: Executor | None = None,
        progress: Progress = False,
    ) -> Bootstrap:
        """Fit again to measurements drawn anew.

        Parameters
        ----------
        n : int
            Refits.
        unit : str
            What would differ if the experiment were repeated, and is drawn with replacement with all its
            measurements: ``"well"`` (replicates within each condition), ``"condition"``, or a label of the table such
            as ``"animal"`` or ``"plate"``.
        within : str, optional
            A label within whose values units are drawn, so that each keeps its number.
        parametric : bool
            Draw errors of the fitted size around the fitted curves instead of units.
        seed : int
            Each refit has a stream of its own, whatever the executor.
        starts : int
            The optimum, and this many less one points about a standard error away from it.
        executor : concurrent.futures.Executor, optional
        progress : bool or callable
            True shows a bar (needs tqdm); a function is called with (refits done, n).

        Returns
        -------
        Bootstrap
            Draws with percentile and BCa intervals; failed refits are counted and left out.

        Raises
        ------
        FitError
            No unit was named, there are fewer than three to draw from, or too few refits succeed.
        """
        from pkpd_mdr.fit.bootstrap import bootstrap

        options = {"unit": unit, "within": within, "parametric": parametric, "seed": seed, "starts": starts}
        return bootstrap(self, n, executor=executor, progress=progress, **options)  # type: ignore[arg-type]

    def mcmc(
        self,
        steps: int = 2000,
        *,
        warmup: int | None = None,
        walkers: int | None = None,
        chains: int = 2,
        seed: int = 0,
        progress: Progress = False,
    ) -> Posterior:
        """Sample the posterior with emcee, all walkers of a step in one call of the engine.

        Parameters
        ----------
        steps : int
            Kept steps of each ensemble.
        warmup : int, optional
            Steps before them; half as many when left out.
        walkers : int, optional
            Of each ensemble, even; 32, or 2 d + 2 for d coordinates where that is more.
        chains : int
            Independent ensembles, between which r_hat is computed.
        seed : int
        progress : bool or callable
            True shows a bar (needs tqdm); a function is called with (steps done, steps of all ensembles).

        Returns
        -------
        Posterior
            Draws with diagnostics; `Posterior.converged` and `Posterior.notes` say whether to trust them.

        Raises
        ------
        FitError
            emcee is missing, a number is impossible, or an undetermined parameter has no finite bounds.
        """
        from pkpd_mdr.fit.mcmc import mcmc

        return mcmc(self, steps, warmup=warmup, walkers=walkers, chains=chains, seed=seed, progress=progress)

    def identifiability(self, *, kind: str = "practical", factor: float = 10.0, seed: int = 0) -> Identifiability:
        """What these data determine, and which combinations of the rest; see `pkpd_mdr.fit.practical`."""
        from pkpd_mdr.fit.practical import identify_fit

        return identify_fit(self, kind=kind, factor=factor, seed=seed)

    def spectrum(self) -> Spectrum:
        """Stiff and sloppy directions of the likelihood; see `pkpd_mdr.fit.practical`."""
        from pkpd_mdr.fit.practical import spectrum

        return spectrum(self)

    def band(
        self,
        times: QuantityLike | Sequence[QuantityLike] | None = None,
        *,
        draws: Draws | None = None,
        confidence: float = 0.95,
        conditions: str | Sequence[str] | None = None,
        seed: int = 0,
    ) -> Band:
        """Bands of the fitted curves and of new measurements around them.

        Parameters
        ----------
        times, conditions
            As for `predict`.
        draws : Draws, optional
            From `draws`, `bootstrap` or `mcmc`; 200 of `draws` when left out.
        confidence : float
            Share inside at each time.
        seed : int
            Of the draws that are made when none are given, and of scales and offsets of readouts around their best.

        Returns
        -------
        Band

        Raises
        ------
        FitError
            A confidence that is no share, an unknown condition, draws of something else.
        """
        from pkpd_mdr.fit.bands import band

        return band(self, times, draws=draws, confidence=confidence, conditions=conditions, seed=seed)

    # -- show and keep -----------------------------------------------------------------------------------

    @property
    def failures(self) -> dict[str, str]:
        """Conditions that could not be simulated somewhere on the way, with the first reason."""
        return dict(self.objective.worst)

    @property
    def provenance(self) -> dict[str, Any]:
        """Versions, seed and hashes."""
        return dict(self.found.provenance)

    def report(self) -> str:
        """Everything as text: data, quality, estimates, what could not be estimated and why."""
        from pkpd_mdr.fit.report import report

        return report(self)

    def report_html(self, path: str | Path, **options: Any) -> Path:
        """Write everything as one HTML page; see `pkpd_mdr.report`."""
        from pkpd_mdr.report import report

        return report(self, path, **options)

    def plot(self, *, ax: Axes | None = None, **options: Any) -> Axes:
        """Measurements and fitted curves; see `pkpd_mdr.plot.fit`."""
        from pkpd_mdr.plot.fit import plot_fit

        return plot_fit(self, ax=ax, **options)

    def to_json(self) -> str:
        """The estimates as JSON, to be read by `Estimates.from_json`: numbers and names, no code."""
        return self.found.to_json()

    def __repr__(self) -> str:
        return self.report()

    def _repr_html_(self) -> str:
        table = self.estimates.to_html(escape=True, float_format=lambda x: f"{x:.4g}")
        return f"{table}<details><summary>Report</summary><pre>{html.escape(self.report())}</pre></details>"
