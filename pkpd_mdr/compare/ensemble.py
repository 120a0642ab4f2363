"""`compare`: arms by parameter draws, as one ensemble per arm."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path

from pkpd_mdr.arguments import CONFIDENCE, FLAG, SEED, TABLE, TEXT, listed, takes
from pkpd_mdr.compare.arms import Plan, read_arms
from pkpd_mdr.compare.draws import Drawn, read_draws
from pkpd_mdr.compare.fairness import Matching, match
from pkpd_mdr.compare.matching import FAIR, Fair, match_toxicity
from pkpd_mdr.compare.null import NullTumour
from pkpd_mdr.compare.regret import COLUMNS
from pkpd_mdr.compare.result import Comparison
from pkpd_mdr.compare.running import Elsewhere, Running
from pkpd_mdr.compare.values import Settings
from pkpd_mdr.engine import Accuracy, Stochastic
from pkpd_mdr.errors import SimulationError, did_you_mean, shown
from pkpd_mdr.model import Model
from pkpd_mdr.patients import Cohort
from pkpd_mdr.run import Endpoint, endpoint
from pkpd_mdr.run.bends import may_miss
from pkpd_mdr.run.many import check_doses
from pkpd_mdr.run.many.ensemble import COUNTED, FOLDER, TRIES, check_replicates
from pkpd_mdr.run.many.workers import EXECUTOR, RETRIES
from pkpd_mdr.run.measuring import MEASURE, Measure, read_measures, told
from pkpd_mdr.run.progress import PROGRESS, Progress
from pkpd_mdr.run.simulate import ACCURACY, MODEL, STOCHASTIC, length_of
from pkpd_mdr.run.stopping import Stop
from pkpd_mdr.units import QuantityLike

__all__ = ["compare"]

_USUAL = ("time_to_progression", "resistant_share")
_LUCK = ("patient", "arm")


@takes(
    SimulationError,
    model=MODEL,
    start=TABLE,
    primary=TEXT,
    fair=FAIR,
    reference=TEXT,
    measure=MEASURE,
    stop=TABLE,
    stochastic=STOCHASTIC,
    replicates=COUNTED,
    luck=TEXT,
    null=FLAG,
    confidence=CONFIDENCE,
    seed=SEED,
    accuracy=ACCURACY,
    executor=EXECUTOR,
    retries=TRIES,
    progress=PROGRESS,
    checkpoint=FOLDER,
)
def compare(
    model: Model,
    arms: Mapping[str, Plan],
    *,
    until: QuantityLike,
    parameters: Drawn = None,
    start: Mapping[str, QuantityLike] | None = None,
    endpoints: Sequence[str | Endpoint] | None = None,
    primary: str | None = None,
    fair: str | Fair | None = None,
    reference: str | None = None,
    measure: Measure = "burden",
    stop: Mapping[str, QuantityLike] | None = None,
    stochastic: Stochastic | None = None,
    replicates: int = 1,
    luck: str = "patient",
    null: bool = False,
    confidence: float = 0.95,
    seed: int = 0,
    accuracy: Accuracy | None = None,
    executor: Executor | None = None,
    retries: int = RETRIES,
    progress: Progress = False,
    checkpoint: str | os.PathLike[str] | None = None,
) -> Comparison:
    """Compare regimens and strategies on the same parameter draws.

    Parameters
    ----------
    model : Model
    arms : mapping of str to Regimen or Strategy
        What is compared, by name.
    until : str
        How long each run lasts, such as ``"3 year"``; its unit is the time unit of the result.
    parameters : DataFrame, ``fit.draws(500)``, ndarray, dict of columns or list of dicts, optional
        Draws of parameters, or a `Cohort`, as in `pkpd_mdr.simulate_many`; every arm sees the same ones. A cohort is
        told as patients: how many do better, and the mean difference. Left out: the model's own values, one draw, no
        interval.
    start : mapping of str to quantity, optional
        State name to start value; other states start as the model says.
    endpoints : sequence of str or Endpoint, optional
        See `pkpd_mdr.endpoint`. Time to progression and, where a clone is resistant, the resistant share if left out.
    primary : str, optional
        The endpoint that plots and `Comparison.best` take by default; the first one if left out.
    fair : {"total_dose", "auc", "peak"}, ``equal_toxicity(...)`` or ``tolerated(...)``, optional
        Give every arm what the first one has: the planned total dose, or, at the model's parameter values and from 0 to
        `until`, the area under the concentration or its peak; or the same expected toxicity over the draws; or each arm
        its own tolerated dose. Doses are scaled and the factors shown. Refused where that is impossible.
    reference : str, optional
        The arm that differences are taken to; for each endpoint the best arm if left out.
    measure : str, Measured, or sequence of them
        The outputs that strategies are shown at visits, the first as the burden: exactly, or as ``measured(...)`` says.
    stop : mapping of str to quantity, optional
        Output to a level at which a run ends, as in `pkpd_mdr.simulate`; a time that was not reached by then is
        censored there.
    stochastic : Stochastic, optional
        Let cells divide and die by chance; the seed is its own.
    replicates : int
        Paths of each draw, where there is chance.
    luck : {"patient", "arm"}
        Whose the random numbers are, those of paths and of errors of measurement: the patient's, so that all arms treat
        it with the same luck and differ by what they do; or drawn for each arm by itself (known by its name).
    null : bool
        Add the null test of order and timing: in every run, an idle tumour that grows exponentially and is killed in
        proportion to concentrations, so that only exposures can make arms differ; see `Comparison.null`.
    confidence : float
        Of the intervals.
    seed : int
        Of the errors of measurement at visits, 0 or more.
    accuracy : Accuracy, optional
    executor : concurrent.futures.Executor, optional
        Where members run, as in `pkpd_mdr.simulate_many`; the comparison is the same to the last bit.
    retries, progress, checkpoint : optional
        After the death of a worker, of members done, and a folder that the same call goes on from, as in
        `pkpd_mdr.simulate_many`; it keeps what matching by toxicity has run, too.

    Returns
    -------
    Comparison

    Raises
    ------
    RegimenError
        No arm, an arm for a drug that the model lacks, arms that cannot be matched; the arm is named.
    SimulationError
        An unknown endpoint, one that the model cannot give, no member that all arms finished, a comparison that was
        stopped or cannot go on; `error.partial` is the `Comparison` up to there. A `KeyboardInterrupt` has it, too.
    DataError
        Draws with an unknown column or an impossible value.
    UnitError
        `until` has no unit.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(
    ...     mdr.medium("dox", unit="nM"),
    ...     mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start=1e6),
    ...     mdr.kill("dox", on="S", slope="0.01 1/day/nM"),
    ... )
    >>> dox = mdr.exposure("dox", "20 nM", over="5 day")
    >>> arms = {"short": dox, "long": dox.every("5 day", times=2)}
    >>> comparison = mdr.compare(model, arms, until="60 day")
    >>> comparison.best(), float(round(comparison.difference("long", "short").median, 4))
    ('long', 10.0)
    """
    length, end = length_of(until)
    if luck not in _LUCK:
        raise SimulationError(f"luck = {shown(luck)} is not known{did_you_mean(luck, _LUCK)}")
    plans = read_arms(model, arms)
    if reference is not None and reference not in plans:
        raise SimulationError(f"reference = {shown(reference)} is not an arm{did_you_mean(reference, plans)}")
    wanted = _endpoints(model, endpoints)
    first = _primary(primary, wanted)
    looks = read_measures(model, measure, plans.values())
    plans = {name: told(plan, looks) for name, plan in plans.items()}
    check_replicates(replicates, stochastic, looks)
    where = Elsewhere(executor, retries, progress, None if checkpoint is None else Path(checkpoint))
    run = Running(
        model,
        read_draws(model, parameters),
        start,
        (),
        length,
        looks,
        accuracy or Accuracy(),
        stop=Stop.of(model, stop),
        stochastic=stochastic,
        replicates=replicates,
        luck=luck,
        seed=seed,
    ).reading(*wanted)
    for name, plan in plans.items():
        check_doses(wanted, plan, f"arm {shown(name)}")
    matching: Matching | None = None
    if isinstance(fair, Fair):
        plans, matching = match_toxicity(plans, fair, run, where.inside("matching"))
        where = where.inside("comparison")
    elif fair is not None:
        plans, matching = match(model, plans, fair, start=start, until=end, accuracy=accuracy)
    if null:
        run = run.beside(NullTumour.of(model, plans, start=start, until=end, looks=looks, accuracy=run.accuracy))
    rows = "patients" if isinstance(parameters, Cohort) else "draws"
    return run.compared(plans, where, matching, _settings(run, first, reference, confidence, rows), model)


def _settings(run: Running, primary: str, reference: str | None, confidence: float, rows: str) -> Settings:
    chance = run.stochastic
    return Settings(
        primary=primary,
        reference=reference,
        measure=run.looks[0].output,
        exact=all(look.exact for look in run.looks),
        confidence=confidence,
        seed=run.seed,
        varied=run.members.varied,
        relative=2.0 * may_miss(run.accuracy.rtol),  # in either of two arms
        absolute=1e3 * run.accuracy.atol,
        replicates=run.replicates,
        luck=run.luck,
        stochastic="" if chance is None else f"method={chance.method!r}, seed={chance.seed}",
        stop=() if run.stop is None else run.stop.words,
        rows=rows,
    )


def _endpoints(model: Model, given: Sequence[str | Endpoint] | None) -> tuple[Endpoint, ...]:
    if given is None:
        given = [name for name in _USUAL if name != "resistant_share" or name in model.observables]
    if isinstance(given, (str, Endpoint)):
        given = [given]
    if (names_or_endpoints := listed(given)) is None:
        raise SimulationError(f"endpoints is {shown(given)}, not a list of endpoints; write for example ['nadir']")
    items = tuple(endpoint(item) for item in names_or_endpoints)
    if not items:
        raise SimulationError("no endpoint is given; name at least one, such as endpoints=['time_to_progression']")
    names = [item.name for item in items]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise SimulationError(f"the endpoint {shown(twice)} is given twice; name one of them with name=")
    for name in names:
        if name in COLUMNS:
            raise SimulationError(f"an endpoint cannot be called {shown(name)}: tables have a column of that name")
    return items


def _primary(given: str | None, items: tuple[Endpoint, ...]) -> str:
    names = [item.name for item in items]
    if given is not None and given not in names:
        raise SimulationError(f"primary = {shown(given)} is not one of the endpoints{did_you_mean(given, names)}")
    return given or names[0]
