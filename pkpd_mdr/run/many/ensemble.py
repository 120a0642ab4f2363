"""`simulate_many`: an ensemble of regimens, parameters and starts in, a `Many` out."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path
from types import NoneType

import numpy as np

from pkpd_mdr.arguments import SEED, TABLE, TEXT, Kind, listed, takes, whole
from pkpd_mdr.engine import Accuracy, BoundPorts, Compiled, Stochastic, build, compile_model, solve
from pkpd_mdr.errors import PkpdMdrError, SimulationError, shown
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Measured, Regimen, Strategy
from pkpd_mdr.run.endpoints import Endpoint, check_endpoint, endpoint
from pkpd_mdr.run.many.checkpoint import Checkpoint
from pkpd_mdr.run.many.gather import Gathering
from pkpd_mdr.run.many.members import TAKEN, Columns, join
from pkpd_mdr.run.many.plans import Plans, check_doses, read_plans
from pkpd_mdr.run.many.result import Many
from pkpd_mdr.run.many.rows import Rows, RowsLike, parameter_slots, read_rows, state_slots
from pkpd_mdr.run.many.study import Study
from pkpd_mdr.run.many.workers import EXECUTOR, RETRIES, chunk_size
from pkpd_mdr.run.measuring import MEASURE, Measure, read_measures, told
from pkpd_mdr.run.progress import PROGRESS, Progress
from pkpd_mdr.run.simulate import ACCURACY, MODEL, STOCHASTIC, Times, length_of, output_times, with_needed
from pkpd_mdr.run.stopping import Stop
from pkpd_mdr.units import QuantityLike

__all__ = ["COUNTED", "FOLDER", "TRIES", "check_replicates", "side_by_side", "simulate_many"]

_APART = 1e-9  # of the run: times closer than this are one
COUNTED = whole(1, example=500)
TRIES = whole(0, example=2)
FOLDER = Kind("a folder; write for example 'study'", lambda given: isinstance(given, (str, os.PathLike)))


@takes(
    SimulationError,
    model=MODEL,
    combine=TEXT,
    measure=MEASURE,
    stop=TABLE,
    stochastic=STOCHASTIC,
    replicates=COUNTED,
    reduce=TEXT,
    seed=SEED,
    executor=EXECUTOR,
    threads=COUNTED,
    chunk=COUNTED,
    retries=TRIES,
    progress=PROGRESS,
    checkpoint=FOLDER,
    accuracy=ACCURACY,
)
def simulate_many(
    model: Model,
    regimens: Plans = None,
    *,
    until: QuantityLike,
    parameters: RowsLike | None = None,
    starts: RowsLike | None = None,
    combine: str = "product",
    id: str | None = None,
    labels: str | Sequence[str] = (),
    times: Times = None,
    outputs: str | Sequence[str] | None = None,
    endpoints: str | Endpoint | Sequence[str | Endpoint] = (),
    reduce: str | None = None,
    measure: Measure = "burden",
    stop: Mapping[str, QuantityLike] | None = None,
    stochastic: Stochastic | None = None,
    replicates: int = 1,
    seed: int = 0,
    executor: Executor | None = None,
    threads: int | None = None,
    chunk: int | None = None,
    retries: int = RETRIES,
    progress: Progress = False,
    checkpoint: str | os.PathLike[str] | None = None,
    accuracy: Accuracy | None = None,
) -> Many:
    """Simulate an ensemble: regimens x parameter rows x starts.

    A member that cannot be finished is recorded with a sentence in `Many.failed`; the others are the same to the last
    bit as without it, in any order, in chunks of any size, and on any number of threads, processes or machines of the
    same kind.

    Parameters
    ----------
    model : Model
    regimens : Regimen, Strategy, dict of str to plan, or list of plans, optional
        What is done; nothing if left out.
    until : str
        How long each run lasts, such as ``"180 day"``; its unit is the time unit of the result.
    parameters : DataFrame, ``fit.draws(500)``, ndarray, dict of columns or list of dicts, optional
        One row per parameter set. Headers are parameter names, with a unit if the numbers are not in the model's
        (``"ec50_dox_S [nM]"``); an array of shape (rows, p) has all parameters in the order of the model.
    starts : as `parameters`, optional
        One row per start, columns are states; other states start as the model says.
    combine : {"product", "rows"}
        Every regimen with every parameter row and every start, regimens outermost; or parameters and starts row by row:
        tables of equal length (or one row), matched by `id` where both have it. A dict of regimens then still goes
        with every row, unless a column ``regimen`` of the parameters names each row's; a list has one for each row.
    id : str, optional
        A column that names rows, such as ``"patient"``; each value stands once.
    labels : str or sequence of str
        Other columns to keep as labels.
    times : str, sequence of str, or array with a unit, optional
        Distance between rows (``"1 day"``) or the times themselves, as in `pkpd_mdr.simulate`; 241 even times when left
        out.
    outputs : str or sequence of str, optional
        States or observables to keep at `times`: the burden if left out, or everything of a model without one.
    endpoints : str, Endpoint or sequence of them
        See `pkpd_mdr.endpoint`. Reading endpoints takes rows between `times`, which are not kept.
    reduce : {"quantiles", "endpoints"}, optional
        What is kept instead of each member's outputs: counts in bins, from which `Many.summary` gives any quantile to
        within 0.1 %, or endpoints only. Memory is then flat in the number of members (an array of 8 bytes x members x
        times x outputs otherwise: 68 MB for one output of 1e5 members at 85 times).
    measure : str, Measured, or sequence of them
        The outputs that strategies are shown at visits, the first as the burden: exactly, or as ``measured(...)`` says.
    stop : mapping of str to quantity, optional
        Output to a level at which a member ends, as in `pkpd_mdr.simulate`; rows behind its end are missing,
        and quantiles that would need them are NaN.
    stochastic : Stochastic, optional
        Let cells divide and die by chance. Each patient has a stream of its own from ``stochastic.seed``, which depends
        on its place among parameters, starts and replicates alone: all regimens treat it with the same luck, and paths
        are the same on any executor and in chunks of any size. (Other numbers of starts or replicates are other places,
        but for the first row.) A path ends at the first row beyond a level of `stop`.
    replicates : int
        Members (paths) of each combination of regimen, parameters and start; the column ``replicate`` counts them.
    seed : int
        Of the errors of measurement at visits; kept in `Many.provenance`. An error depends on the seed,
        the row of parameters and starts, the visit and the output: all regimens measure a patient with the same luck.
    executor : concurrent.futures.Executor, optional
        Where chunks run: ``ProcessPoolExecutor``, ``ThreadPoolExecutor``, ``client.get_executor()`` of Dask. Here, with
        the engine's threads, if left out.
    threads : int, optional
        Of the engine in each worker: one on an executor, as many as processors without.
    chunk : int, optional
        Members of one work unit; results do not depend on it.
    retries : int
        How often a chunk is tried again after its worker died, before its members are recorded as failed.
    progress : bool or callable
        True shows a bar (needs tqdm); a function is called with the members done and their number, and stops the run
        by returning False.
    checkpoint : path, optional
        Folder in which finished chunks are kept; the same call goes on where it stopped, another one is refused. An own
        function (of a rule or an endpoint) is known by its code and what it encloses, not by what it calls.
    accuracy : Accuracy, optional
        Its method ``"auto"`` takes the compiled engine for members of affine models that have no closed form (equal
        rates in a chain), too: it solves members side by side.

    Returns
    -------
    Many

    Raises
    ------
    SimulationError
        No member could be finished, the run was stopped or cannot go on; `error.partial` is the `Many` up to there. A
        `KeyboardInterrupt` has it, too.
    DataError
        A table with no row, an unknown column, a cell that is no number, ids that are there twice, members without a
        regimen.
    RegimenError, ModelError, UnitError
        A drug, a name or a unit that does not fit.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(
    ...     mdr.medium("dox", unit="nM"),
    ...     mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start=1e6),
    ...     mdr.kill("dox", on="S", slope="0.01 1/day/nM"),
    ... )
    >>> many = mdr.simulate_many(
    ...     model,
    ...     {"none": mdr.nothing(), "dox": mdr.exposure("dox", "20 nM", over="5 day")},
    ...     parameters={"growth_S [1/day]": [0.05, 0.1, 0.2]},
    ...     until="10 day",
    ...     times="5 day",
    ... )
    >>> len(many), many.frame.shape
    (6, (18, 5))
    """
    length, end = length_of(until)
    plans = read_plans(model, regimens)
    looks = read_measures(model, measure, plans.values())
    plans = {name: told(plan, looks) for name, plan in plans.items()}
    study = _study(model, end, times, outputs, endpoints, reduce, looks, accuracy)
    for name, plan in plans.items():
        check_doses(study.endpoints, plan, f"regimen {shown(name)}" if name else "")
    study = replace(study, stop=Stop.of(model, stop), seed=seed, stochastic=stochastic)
    check_replicates(replicates, stochastic, looks)
    columns = Columns.of(id, labels, [*study.outputs, *(item.name for item in study.endpoints)])
    parameter_rows, start_rows = _rows(study, model, parameters, starts, combine, columns)
    each = not isinstance(regimens, (Regimen, Strategy, Mapping, NoneType))
    members = join(plans, parameter_rows, start_rows, combine, columns, each=each, replicates=replicates)
    study = replace(study, given=start_rows.names, threads=threads or (1 if executor is not None else None))
    if max(len(parameter_rows), len(start_rows)) > 1 and not each:  # one member would be its own pilot
        study = replace(study, pilot=next((row for row in start_rows.values if np.isfinite(row).all()), None))
    folder = None if checkpoint is None else Path(checkpoint)
    size = chunk or (Checkpoint.chunk_of(folder) if folder else None) or chunk_size(len(members), executor)
    work = Gathering(study, members, length.unit, reduce, size)
    kept = None if folder is None else Checkpoint.open(folder, work.content())
    return work.run(kept, executor, retries, progress)


def check_replicates(replicates: int, stochastic: Stochastic | None, looks: Sequence[Measured]) -> None:
    """Raise `SimulationError` where every replicate would be the same."""
    if replicates > 1 and stochastic is None and not any(look.relative_sd or look.sd for look in looks):
        raise SimulationError(
            f"replicates = {replicates}: without chance every replicate is the same; give stochastic=Stochastic(...), "
            "or an error of measurement for strategies, as in measure=measured('burden', relative_sd=0.1)"
        )


def _study(
    model: Model,
    until: float,
    times: Times,
    outputs: str | Sequence[str] | None,
    endpoints: str | Endpoint | Sequence[str | Endpoint],
    reduce: str | None,
    measure: tuple[Measured, ...],
    accuracy: Accuracy | None,
) -> Study:
    if reduce not in (None, "quantiles", "endpoints"):
        raise SimulationError(
            f"reduce = {shown(reduce)} is not known; choose 'quantiles' or 'endpoints', or leave it out to keep all"
        )
    items = _endpoints(endpoints)
    names = () if reduce == "endpoints" and outputs is None else _outputs(model, outputs)
    if reduce == "endpoints" and (names or not items):
        raise SimulationError(
            "reduce='endpoints' keeps endpoints and no outputs; " + ("leave outputs out" if items else "name endpoints")
        )
    needs = [*names, *(need for item in items for need in item.needs)]
    full = with_needed(model, needs)
    compiled = compile_model(full)
    for name in names:
        try:
            compiled.expression(name)
        except PkpdMdrError as problem:
            raise SimulationError(f"outputs: {problem}") from problem
    for item in items:
        check_endpoint(item, compiled.expression, full)
    hours = output_times(times, until)
    hours = hours[np.diff(hours, prepend=-math.inf) > _APART * until]
    return Study(full, until, hours, names, items, (), measure, side_by_side(compiled, accuracy or Accuracy()), None)


def side_by_side(compiled: Compiled, accuracy: Accuracy) -> Accuracy:
    """Affine models by the compiled engine as a whole, if it takes them: exponentials go one member at a time."""
    if accuracy.method != "auto" or not compiled.linear:
        return accuracy
    engine = replace(accuracy, method="rodas")
    row = np.ones((1, len(compiled.parameters)))
    try:
        solve(compiled, row, None, [build((), BoundPorts(compiled, row), stop=1.0)], (), accuracy=engine)
    except PkpdMdrError:
        return accuracy
    return engine


def _outputs(model: Model, given: object) -> tuple[str, ...]:
    if given is None:
        return ("burden",) if "burden" in model.observables else tuple(model.outputs)
    names = [given] if isinstance(given, str) else listed(given)
    if names is None or not all(isinstance(name, str) for name in names):
        raise SimulationError(f"outputs is {shown(given)}; give names of states or observables, such as ['burden']")
    if not names:
        raise SimulationError("outputs is empty; name an output, or write reduce='endpoints' to keep endpoints only")
    return tuple(dict.fromkeys(names))


def _endpoints(given: object) -> tuple[Endpoint, ...]:
    names = [given] if isinstance(given, (str, Endpoint)) else listed(given)
    if names is None:
        raise SimulationError(f"endpoints is {shown(given)}, not a list of endpoints; write for example ['nadir']")
    items = tuple(endpoint(item) for item in names)
    known = [item.name for item in items]
    for name in known:
        if known.count(name) > 1:
            raise SimulationError(f"the endpoint {shown(name)} is given twice; name one of them with name=")
        if name in TAKEN:
            raise SimulationError(
                f"an endpoint cannot be called {shown(name)}, as the result has a column of that name"
            )
    return items


def _rows(
    study: Study,
    model: Model,
    parameters: RowsLike | None,
    starts: RowsLike | None,
    combine: str,
    columns: Columns,
) -> tuple[Rows, Rows]:
    """Parameters and starts as internal values."""
    kept = [*columns.all, *(["regimen"] if combine == "rows" else [])]
    guarded = compile_model(study.model).guarded.tolist()
    own, begin = parameter_slots(model), state_slots(study.model, guarded)
    states = dict.fromkeys(begin, " but a state; give it in starts=")
    names = dict.fromkeys(own, " but a parameter; give it in parameters=")
    return (
        read_rows(parameters, own, what="parameters", item="parameter", labels=kept, elsewhere=states),
        read_rows(starts, begin, what="starts", item="state", labels=columns.all, elsewhere=names),
    )
