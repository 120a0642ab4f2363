"""How fast is the compiled engine? Paired, interleaved ratios at equal measured error.

    python benchmarks/engine.py [M1 M2] [--rounds 5] [--members 400]

CPU time of one process (user and system), warm; a compile or a first call is never counted except where it says "cold".
Error is the largest of abs(y - reference)/(abs(reference) + 1e-3) over times and states, against Rodas5P at 1e-11.
"""

from __future__ import annotations

import argparse
import resource
import threading
import time
from collections.abc import Callable

import numpy as np
import sympy as sp
from engine_models import MODELS, Benchmark
from scipy.integrate import solve_ivp

from pkpd_mdr.engine import Accuracy, Ensemble
from pkpd_mdr.engine.machine.code import MachineCode
from pkpd_mdr.engine.machine.compiled import solve_compiled, warm_up
from pkpd_mdr.expression import Log, Power, symbol


def ours(model: Benchmark, parameters: np.ndarray, rtol: float = 1e-6, **options: object) -> Ensemble:
    count = len(parameters)
    starts = np.repeat(model.start[None], count, axis=0)
    accuracy = Accuracy(rtol=rtol, atol=1e-3 * rtol)
    timeline = model.timeline
    return solve_compiled(
        model.compiled, parameters, starts, [timeline] * count, model.compiled.states, accuracy=accuracy, **options
    )


def scipy_lsoda(model: Benchmark, modules: str = "math") -> Callable[[np.ndarray, float], np.ndarray]:
    """Lambdify with cse, solve_ivp from event to event; ``"numpy"`` as usually written, ``"math"`` at its fastest."""
    states = [symbol(name) for name in model.compiled.states]
    parameters, inputs = [symbol(name) for name in model.compiled.parameters], sp.symbols(f"u0:{len(states)}")
    right = [formula + u for formula, u in zip(model.right, inputs, strict=True)]
    right = [formula.replace(Power, lambda b, e: b**e).replace(Log, sp.log) for formula in right]
    function = sp.lambdify([states, parameters, inputs], right, modules=modules, cse=True)

    def solve(row: np.ndarray, rtol: float) -> np.ndarray:
        y, u, now, values = model.start.copy(), np.zeros(len(states)), 0.0, row.tolist()
        out = np.empty((len(model.marks), len(states)))

        def derivative(t: float, z: np.ndarray) -> list[float]:
            safe = np.maximum(z, 1e-300)
            return function(safe, row, u) if modules == "numpy" else function(safe.tolist(), values, u)

        for time_, state, amount, rate in [*model.events, (model.stop, "", 0.0, 0.0)]:
            chosen = (model.marks >= now) & (model.marks <= time_)
            if time_ > now:
                times = np.unique([*model.marks[chosen], time_])
                found = solve_ivp(derivative, (now, time_), y, "LSODA", times, rtol=rtol, atol=1e-3 * rtol)
                out[chosen & (model.marks > now)] = found.y.T[np.isin(found.t, model.marks) & (found.t > now)]
                y, now = found.y[:, -1].copy(), time_
            if state:
                position = model.compiled.states.index(state)
                y[position] += amount
                u[position] += rate
        out[0] = model.start
        return out

    return solve


def error(found: np.ndarray, reference: np.ndarray) -> float:
    return float((np.abs(found - reference) / (np.abs(reference) + 1e-3)).max())


def cpu(call: Callable[[], object]) -> float:
    begin = time.process_time()
    call()
    return time.process_time() - begin


def show(what: str, values: list[float], unit: str = "x") -> None:
    print(f"  {what:58s} {np.median(values):9.3g} {unit}  [{min(values):.3g} .. {max(values):.3g}]")


def trajectories(model: Benchmark, rounds: int, members: int) -> None:
    peer = scipy_lsoda(model)
    population = model.population(members)
    reference = ours(model, population[:8], 1e-11)
    exact = np.array([member.values for member in reference.members])
    fast = ours(model, population[:8])
    print(f"  error of ours at rtol 1e-6: {error(np.array([m.values for m in fast.members]), exact):.1e}", end="; ")
    print(f"of solve_ivp LSODA at rtol 1e-7: {error(peer(population[0], 1e-7), exact[0]):.1e}")
    usual = scipy_lsoda(model, "numpy")
    alone, together, single, many, against = [], [], [], [], []
    for _ in range(rounds):
        slow = cpu(lambda: peer(population[0], 1e-7))
        single.append(cpu(lambda: [ours(model, population[:1]) for _ in range(20)]) / 20)
        many.append(cpu(lambda: ours(model, population, threads=1)) / members)
        alone.append(slow / single[-1])
        against.append(cpu(lambda: usual(population[0], 1e-7)) / single[-1])
        together.append(slow / many[-1])
    show("one trajectory", [1e3 * value for value in single], "ms")
    show(f"one of {members} members, one thread", [1e3 * value for value in many], "ms")
    show("solve_ivp LSODA lambdify(cse, numpy) / one trajectory", against)
    show("solve_ivp LSODA lambdify(cse, math) / one trajectory", alone)
    show("solve_ivp LSODA lambdify(cse, math) / one of an ensemble", together)


def threads(model: Benchmark, rounds: int, members: int) -> None:
    population, ratios = model.population(4 * members), []
    for _ in range(rounds):
        walls = []
        for count in (1, 2):
            begin = time.perf_counter()
            ours(model, population, threads=count)
            walls.append(time.perf_counter() - begin)
        ratios.append(walls[0] / walls[1])
    show("wall time, one thread / two threads", ratios)


def sensitivities(model: Benchmark, rounds: int) -> None:
    row, columns = model.values[None], model.compiled.parameters
    exact = ours(model, row, 1e-11, sensitivities=columns).members[0].sensitivities
    scale = np.abs(exact * model.values) + 1e-3
    for controlled in (True, False):
        options = {"sensitivities": columns, "control_sensitivities": controlled}
        found = ours(model, row, **options).members[0].sensitivities
        worst = float((np.abs(found - exact) * model.values / scale).max())
        shares = []
        for _ in range(rounds):
            plain = cpu(lambda: [ours(model, row) for _ in range(10)])
            full = cpu(lambda: [ours(model, row, **options) for _ in range(10)])  # noqa: B023
            shares.append(full / plain / len(columns))
        label = "with" if controlled else "without"
        show(f"a column in scalar simulations, {label} S control (error {worst:.0e})", shares)


def cold(model: Benchmark) -> None:
    native = MachineCode(model.compiled)
    begin = time.process_time()
    native.step(1)
    native.observer(1, model.compiled.states)
    print(f"  machine code of a model, from memory or disk: {1e3 * (time.process_time() - begin):.0f} ms")


def memory(model: Benchmark, members: int) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.perf_counter()
    population, starts = model.population(members), np.repeat(model.start[None], members, axis=0)
    timeline = model.timeline
    accuracy = Accuracy(rtol=1e-4, atol=1e-7)
    name = model.compiled.states[-1]
    found = solve_compiled(model.compiled, population, starts, [timeline] * members, [name], accuracy=accuracy)
    took, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    used = f"{took:.1f} s, {(after - before) / 1024:.0f} MB, {len(found.failed)} failed"
    print(f"  {members} members, one output, rtol 1e-4: {used}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=list(MODELS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--members", type=int, default=400)
    parser.add_argument("--many", type=int, default=10_000)
    given = parser.parse_args()
    print(f"driver ready after {warm_up():.1f} s; {threading.active_count()} thread")
    for name in given.models:
        model = MODELS[name]()
        print(f"{name}: {len(model.start)} states, {len(model.values)} parameters, {len(model.events)} events")
        cold(model)
        trajectories(model, given.rounds, given.members)
        threads(model, given.rounds, given.members)
        sensitivities(model, given.rounds)
        memory(model, given.many)


if __name__ == "__main__":
    main()
