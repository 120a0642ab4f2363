"""What a comparison found: tables, differences, probabilities, pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pkpd_mdr.arguments import COUNT, TEXT, listed, saved, takes
from pkpd_mdr.compare import deciders, paired, regret, show, survival, table, verdict
from pkpd_mdr.compare.arms import Plan
from pkpd_mdr.compare.fairness import Matching
from pkpd_mdr.compare.null import Null
from pkpd_mdr.compare.statistics import best_shares, proportion, same, spread
from pkpd_mdr.compare.values import Difference, Failure, Settings
from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.errors import SimulationError, did_you_mean, shown
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Act
from pkpd_mdr.run import Endpoint
from pkpd_mdr.units import Quantity, Unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from pkpd_mdr.compare.running import Running

__all__ = ["Comparison"]


@dataclass(frozen=True, repr=False, eq=False)
class Comparison:
    """Arms side by side on the same parameter draws.

    Printing it gives the verdict, the tables behind it and what they rest on.

    Attributes
    ----------
    arms : tuple of str
    endpoints : tuple of Endpoint
    units : tuple of Unit
        Of the endpoints, as shown.
    values : ndarray, shape (arms, draws x replicates, endpoints)
        In `units`; infinite for a time that was not reached, NaN for members listed in `failures`. The paths of a draw
        stand one behind the other.
    ends : ndarray, shape (arms, draws x replicates)
        When each run ended, in the unit of `until`: there, or earlier at a level given as ``stop=``.
    parameters : DataFrame
        What the draws give, one row per draw, in the units of the model (``attrs["units"]``); no column for the
        model's own values.
    failures : tuple of Failure
    given : DataFrame
        Per arm and drug: the total given (median and interval over draws) and the factor that matching applied.
    matching : Matching or None
        How the arms were made fair.
    plans : mapping of str to Regimen or Strategy
        As compared, doses scaled.
    until : Quantity
    times : ndarray, shape (k,)
        Common grid for courses, in the unit of `until`.
    burden : ndarray, shape (arms, draws x replicates, k)
        What strategies are shown (``burden``) on that grid, in `burden_unit`; NaN behind the end of a run.
    notes : tuple of str
        What a reader should know: arms that give nothing, arms that cannot be told apart.
    null : Null or None
        What the exposures alone would make of a tumour to which order and timing mean nothing, if asked for.
    provenance : mapping
        Versions, tolerances, seed, hash of the model.
    model : Model
        As it was given to `compare`.
    running : Running
        What was run, so that single members can be run once more.
    """

    arms: tuple[str, ...]
    endpoints: tuple[Endpoint, ...]
    units: tuple[Unit, ...]
    values: FloatArray
    ends: FloatArray
    parameters: pd.DataFrame
    failures: tuple[Failure, ...]
    given: pd.DataFrame
    matching: Matching | None
    plans: Mapping[str, Plan]
    until: Quantity
    times: FloatArray
    burden: FloatArray
    burden_unit: Unit
    settings: Settings
    notes: tuple[str, ...]
    provenance: Mapping[str, Any]
    model: Model
    running: Running
    null: Null | None = None

    def __post_init__(self) -> None:
        for array in (self.values, self.ends, self.times, self.burden):
            array.setflags(write=False)

    # -- numbers ---------------------------------------------------------------------------------------

    @cached_property
    def kept(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Members that every arm finished, shape (draws x replicates,); all summaries use these only."""
        return np.asarray(~np.isnan(self.values).any(axis=(0, 2)))

    @property
    def drawn(self) -> int:
        """Number of draws, each with `Settings.replicates` paths."""
        return int(self.values.shape[1]) // self.settings.replicates

    @cached_property
    def owner(self) -> npt.NDArray[np.int64]:
        """Which of the draws that have a kept member each kept member belongs to, from 0 without a gap."""
        draws = np.flatnonzero(self.kept) // self.settings.replicates
        return np.asarray(np.unique(draws, return_inverse=True)[1], dtype=np.int64)

    @property
    def units_of_chance(self) -> npt.NDArray[np.int64]:
        """Which independent unit each kept member belongs to: its draw, or itself where there is one draw only."""
        return self.owner if self.drawn > 1 else np.arange(len(self.owner))

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row per arm and endpoint.

        Columns: ``unit``; ``median``, ``lower``, ``upper`` over the draws (where ``statistic`` is "probability", as of
        an endpoint that happens or not: its share, with a binomial interval); ``difference`` to ``compared_with`` (the
        reference or the best arm) with ``difference_lower`` and ``difference_upper``, on the same draws;
        ``probability_best`` (ties shared); ``censored``, the share of times not reached; ``draws``, how many every arm
        finished; ``failed``, how many this arm did not; ``given <drug> [unit]``, the median total dose.
        """
        return table.table(self)

    @cached_property
    def draws(self) -> pd.DataFrame:
        """Every value: arm, draw (and replicate), endpoint, value, its unit, and for members that failed why."""
        return table.draws(self)

    @takes(SimulationError, endpoint=TEXT)
    def array(self, endpoint: str | None = None) -> FloatArray:
        """Values of an endpoint on the kept members, shape (arms, kept); infinite for a time that was not reached.

        In the unit of the endpoint (`Comparison.unit`), as are all values and differences.

        Raises
        ------
        SimulationError
            An unknown endpoint, or no member that all arms finished (of a comparison that was stopped early).
        """
        column = [item.name for item in self.endpoints].index(self.definition(endpoint).name)
        return self._finished(self.values)[:, :, column]

    @property
    def curves(self) -> FloatArray:
        """`burden` of the kept members, shape (arms, kept, k), in `burden_unit`; errors as of `array`."""
        return self._finished(self.burden)

    def _finished(self, table: FloatArray) -> FloatArray:
        if not self.kept.any():
            raise SimulationError("no draw was finished by all arms, so that nothing can be compared; see .draws")
        return np.asarray(table[:, self.kept])

    @takes(SimulationError, endpoint=TEXT)
    def bounded(self, endpoint: str | None = None) -> FloatArray:
        """The same, but a time that was not reached counts as the end of its run."""
        values = self.array(endpoint)
        return np.minimum(values, self.ends[:, self.kept]) if self.definition(endpoint).unit == "time" else values

    @takes(SimulationError, arm=TEXT, endpoint=TEXT)
    def estimate(self, arm: str, endpoint: str | None = None) -> tuple[float, float, float]:
        """Median and interval over the draws; of an endpoint that happens or not, its probability and interval."""
        item = self.definition(endpoint)
        values = self.array(item.name)[self.place(arm)]
        if item.event:
            return proportion(values, self.settings.confidence, self.owner)
        return spread(values, self.settings.confidence)

    @takes(SimulationError, endpoint=TEXT)
    def shares(self, endpoint: str | None = None) -> FloatArray:
        """Who is best in each draw: 1, or 1/k for each of k tied arms; shape (arms, kept)."""
        item = self.definition(endpoint)
        return best_shares(self.array(item.name), item.better, *self.settings.slack(item))

    @takes(SimulationError, endpoint=TEXT)
    def best(self, endpoint: str | None = None) -> str:
        """The arm with the best median (or probability); among equals the one that is best most often, then the first.

        Parameters
        ----------
        endpoint : str, optional
            The primary one if left out.
        """
        item = self.definition(endpoint)
        sign = 1.0 if item.better == "high" else -1.0
        medians = np.array([sign * self.estimate(arm, item.name)[0] for arm in self.arms])
        top = np.full(len(medians), medians.max())
        tied = same(medians, top, *self.settings.slack(item))
        chance = np.where(tied, self.shares(item.name).mean(axis=1), -1.0)
        return self.arms[int(chance.argmax())]

    @takes(SimulationError, endpoint=TEXT)
    def verdict(self, endpoint: str | None = None) -> str:
        """The answer in words: which arm is better, by how much, how sure that is, and what speaks against it.

        Parameters
        ----------
        endpoint : str, optional
            The primary one if left out; its verdict names other endpoints in which another arm is better.

        Examples
        --------
        >>> import pkpd_mdr as mdr
        >>> model = mdr.Model(
        ...     mdr.medium("dox", unit="nM"),
        ...     mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start=1e6),
        ...     mdr.kill("dox", on="S", slope="0.01 1/day/nM"),
        ... )
        >>> dox = mdr.exposure("dox", "20 nM", over="5 day")
        >>> found = mdr.compare(model, {"short": dox, "long": dox.every("5 day", times=2)}, until="60 day")
        >>> found.verdict()[:74]
        "Time to progression: at one set of parameter values 'long' is best (21.82 "
        """
        return verdict.sentence(self, endpoint)

    @takes(SimulationError, left=TEXT, right=TEXT, endpoint=TEXT)
    def difference(self, left: str, right: str, endpoint: str | None = None) -> Difference:
        """How much `left` differs from `right` on the same draws.

        Times that were not reached count as the end of the run, so that such a difference is a bound.

        Parameters
        ----------
        left, right : str
            Arms.
        endpoint : str, optional
            The primary one if left out.

        Raises
        ------
        SimulationError
            An unknown arm or endpoint; the nearest is suggested.
        """
        return paired.difference(self, left, right, endpoint)

    @takes(SimulationError, left=TEXT, right=TEXT, endpoint=TEXT)
    def gaps(self, left: str, right: str, endpoint: str | None = None) -> FloatArray:
        """``left - right`` for each kept member, shape (kept,); ties are zero, see `difference`."""
        return paired.gaps(self, left, right, endpoint)

    @takes(SimulationError, endpoint=TEXT)
    def survival(self, endpoint: str | None = None) -> pd.DataFrame:
        """Kaplan-Meier curves of a time, such as time to progression.

        Each kept draw (or path) is a patient; who did not get there is censored at the end of the run.

        Parameters
        ----------
        endpoint : str, optional
            A time; the primary endpoint, or the first one that is a time, if left out.

        Returns
        -------
        DataFrame
            A row per arm and step: ``arm``, ``time``, ``survival`` from there on with ``lower`` and ``upper``
            (pointwise, Greenwood's variance on the scale log(-log)), ``at_risk`` just before, ``events`` and
            ``censored`` at that time. ``attrs`` has the endpoint, the unit of time and the confidence.

        Raises
        ------
        SimulationError
            The endpoint is unknown or no time.
        """
        return survival.survival(self, endpoint)

    @takes(SimulationError, endpoint=TEXT)
    def survival_differences(self, endpoint: str | None = None) -> pd.DataFrame:
        """Restricted mean times against those of the reference (or the best arm), and what a trial would see.

        The restricted mean is the area under the Kaplan-Meier curve up to `until`; its difference is paired, as all
        arms treat the same draws (pseudo-values where runs ended early). There is no p value: one that compares draws
        shrinks with their number, and says nothing of the tumour. How sure the order of two arms is stands in
        `difference` and `verdict`.

        Parameters
        ----------
        endpoint : str, optional
            As in `survival`.

        Returns
        -------
        DataFrame
            A row per arm: ``arm``, ``compared_with``, ``restricted_mean``, ``difference`` with its ``standard_error``
            (of so many draws: it shrinks with more), ``lower`` and ``upper`` of the differences within the draws, as
            in `difference`. Of patients (a `Cohort`, or paths of cells at one set of parameter values) also the
            ``hazard_ratio`` (Cox; below 1 where the event comes later or less often than under the other arm) and
            ``trial_size``: how many patients in each arm a trial of this length needs for a log-rank test at 5 % to
            have a power of 80 %. Draws of what is not known of one tumour are no patients, and have neither.
        """
        return survival.survival_differences(self, endpoint)

    @takes(SimulationError, endpoint=TEXT)
    def regret(self, endpoint: str | None = None) -> pd.DataFrame:
        """What choosing an arm costs against choosing the best one for each draw.

        Parameters
        ----------
        endpoint : str, optional
            The primary one if left out; times that were not reached count as the end of their run.

        Returns
        -------
        DataFrame
            A row per arm: ``arm``, ``expected_regret`` with its ``standard_error`` (of the number of draws),
            ``worst_regret`` over the draws, ``probability_best``. ``attrs`` has the endpoint and the unit.
        """
        return regret.regret(self, endpoint)

    def pareto(self, *endpoints: str) -> pd.DataFrame:
        """Which arms no other arm beats in every one of several endpoints, as efficacy and toxicity.

        Parameters
        ----------
        *endpoints : str
            Two or more; all of them if left out.

        Returns
        -------
        DataFrame
            A row per arm: ``arm``; for each endpoint its median, ``<endpoint>_lower`` and ``<endpoint>_upper``;
            ``on_front``, judged by the medians; ``probability_front``, the share of draws in which no arm beats it.
            ``attrs["units"]`` has the units of the endpoints.
        """
        return regret.pareto(self, endpoints)

    @takes(SimulationError, endpoint=TEXT)
    def deciders(self, endpoint: str | None = None, *, arms: tuple[str, str] | None = None) -> pd.DataFrame:
        """Which unknown decides between two arms.

        Read off the draws that are there: correlations of the ranks of each parameter with the paired difference, the
        share of its variance that the parameter explains alone (first-order Sobol index; of correlated draws it holds
        what the parameter tells of the others, too), and the expected value of perfect knowledge of that parameter
        (EVPPI, Strong, Oakley and Brennan 2014), where the choice is the arm with the better mean. An experiment that
        would settle it is one that measures the parameter at the top; designing it is the job of the fit.

        Parameters
        ----------
        endpoint : str, optional
            The primary one if left out; times that were not reached count as the end of their run.
        arms : pair of str, optional
            The two arms of least expected regret if left out, of which the second is not the same as the first in every
            draw.

        Returns
        -------
        DataFrame
            A row per parameter that the draws vary, the most valuable first: ``parameter``, ``rank_correlation``,
            ``partial_correlation`` (NaN where the draws cannot tell, said in the notes), ``first_order``, ``evppi`` in
            the unit of the endpoint, ``changes_choice`` (share of draws), ``draws``, ``sentence``. ``attrs`` has the
            arms, the unit, the choice without more knowledge, ``evpi`` (all parameters known) and ``notes``.

        Raises
        ------
        SimulationError
            Fewer than 10 draws, no parameter that varies, one arm only, an unknown name.
        """
        return deciders.deciders(self, endpoint, arms)

    def definition(self, name: str | None = None) -> Endpoint:
        """One of the endpoints by name, the primary one without a name."""
        wanted = name or self.settings.primary
        for item in self.endpoints:
            if item.name == wanted:
                return item
        raise SimulationError(
            f"the comparison has no endpoint "
            f"{shown(wanted)}{did_you_mean(wanted, [item.name for item in self.endpoints])}"
        )

    def place(self, arm: str) -> int:
        """Which of `arms` it is; `SimulationError` where it is none of them."""
        if arm not in self.arms:
            raise SimulationError(f"the comparison has no arm {shown(arm)}{did_you_mean(arm, self.arms)}")
        return self.arms.index(arm)

    def unit(self, endpoint: str) -> Unit:
        """The unit of an endpoint."""
        return self.units[[item.name for item in self.endpoints].index(endpoint)]

    @takes(SimulationError, arm=TEXT)
    def acts(self, arm: str, members: Sequence[int] | None = None) -> list[tuple[Act, ...]]:
        """What members of an arm were given and when, times in hours.

        A comparison keeps totals only, so these members are run once more, with the same luck.

        Parameters
        ----------
        arm : str
        members : sequence of int, optional
            Places in `values`; all if left out.
        """
        self.place(arm)
        count = self.values.shape[1]
        wanted = list(range(count)) if members is None else listed(members)
        if wanted is None or not all(COUNT.fits(one) and 0 <= one < count for one in wanted):
            raise SimulationError(f"members is {shown(members)}, not a list of places from 0 to {count - 1}")
        if not wanted:
            return []
        chosen = np.array(wanted, dtype=np.int64)
        return self.running.acts(arm, self.plans[arm], chosen)

    # -- show ------------------------------------------------------------------------------------------

    def __str__(self) -> str:
        return show.text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return show.html(self)

    def to_csv(self, path: str | Path, *, draws: bool = False) -> Path:
        """Write the table, or every value of every draw, as a CSV file.

        Raises
        ------
        SimulationError
            The file cannot be written, as where there is no folder for it.
        """

        frame, index = (self.draws, False) if draws else (self.table, True)
        return saved(path, lambda file: frame.to_csv(file, index=index), SimulationError, "the comparison")

    def plot(self, endpoint: str | None = None, *, ax: Axes | None = None) -> Axes:
        """Draw medians and intervals of an endpoint, arm by arm; see `pkpd_mdr.plot.compare`."""
        from pkpd_mdr.plot.compare import plot_endpoint

        return plot_endpoint(self, endpoint, ax=ax)

    def report_html(self, path: str | Path, **options: Any) -> Path:
        """Write everything as one HTML page; see `pkpd_mdr.report`."""
        from pkpd_mdr.report import report

        return report(self, path, **options)

    def plot_forest(self, endpoint: str | None = None, *, ax: Axes | None = None, **options: str) -> Axes:
        """Draw paired differences to a reference arm with intervals; see `pkpd_mdr.plot.verdict`."""
        from pkpd_mdr.plot.verdict import plot_forest

        return plot_forest(self, endpoint, ax=ax, **options)

    def plot_survival(self, endpoint: str | None = None, *, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw Kaplan-Meier curves of a time, arm by arm; see `pkpd_mdr.plot.survival`."""
        from pkpd_mdr.plot.survival import plot_survival

        return plot_survival(self, endpoint, ax=ax, **options)

    def plot_pareto(self, gain: str, price: str, *, ax: Axes | None = None) -> Axes:
        """Draw two endpoints against each other and the arms that are best in them; see `pkpd_mdr.plot.verdict`."""
        from pkpd_mdr.plot.verdict import plot_pareto

        return plot_pareto(self, gain, price, ax=ax)

    def plot_deciders(self, *, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw which unknown parameters the verdict hangs on; see `pkpd_mdr.plot.verdict`."""
        from pkpd_mdr.plot.verdict import plot_deciders

        return plot_deciders(self, ax=ax, **options)

    def plot_swimmer(self, arm: str | None = None, *, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw what each patient of an arm was given when and what came of it; see `pkpd_mdr.plot.patients`."""
        from pkpd_mdr.plot.patients import plot_swimmer

        return plot_swimmer(self, arm, ax=ax, **options)

    def plot_waterfall(self, arm: str | None = None, *, ax: Axes | None = None) -> Axes:
        """Draw the best change of burden of each patient of an arm; see `pkpd_mdr.plot.patients`."""
        from pkpd_mdr.plot.patients import plot_waterfall

        return plot_waterfall(self, arm, ax=ax)

    def plot_courses(self, arms: list[str] | None = None, *, ax: Axes | None = None) -> Axes:
        """Draw the burden over time, median and band; see `pkpd_mdr.plot.compare`."""
        from pkpd_mdr.plot.compare import plot_courses

        return plot_courses(self, arms, ax=ax)

    def plot_probabilities(self, *, ax: Axes | None = None) -> Axes:
        """Draw how often each arm is best, endpoint by endpoint; see `pkpd_mdr.plot.compare`."""
        from pkpd_mdr.plot.compare import plot_probabilities

        return plot_probabilities(self, ax=ax)
