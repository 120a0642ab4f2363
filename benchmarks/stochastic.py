"""How fast are stochastic paths? Events and members per second, beside whatever peers are installed.

    python benchmarks/stochastic.py [--rounds 3] [--members 100]

CPU time of one process and one thread (user and system), warm: compiling and first calls are not counted. Peers run the
same networks: a plain Gillespie loop over NumPy arrays always, gillespy2 (its C++ solver, or its NumPy solver where
there is no compiler) and libroadrunner where they are installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

import pkpd_mdr as mdr
from pkpd_mdr.engine import BoundPorts, Ensemble, build, compile_model
from pkpd_mdr.engine.stochastic.solve import solve_stochastic, warm_up
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Regimen, arrange


@dataclass
class Network:
    """A network of first-order processes, as peers need it: (rate constant, source, change by state)."""

    names: list[str]
    start: list[float]
    processes: list[tuple[float, str, dict[str, int]]]
    until: float


def birth_death() -> tuple[Model, Network]:
    law = mdr.growth.birth_death(birth="1 1/day", death="1 1/day")
    network = Network(["N"], [500.0], [(1 / 24, "N", {"N": 1}), (1 / 24, "N", {"N": -1})], 240.0)
    return mdr.Model(mdr.clone("N", growth=law, start=500)), network


def two_types() -> tuple[Model, Network]:
    model = mdr.Model(
        mdr.clone("S", growth=mdr.growth.birth_death(birth="1 1/day", death="1.2 1/day"), start=900),
        mdr.clone("R", growth=mdr.growth.birth_death(birth="1 1/day", death="0.9 1/day"), start=5),
        mdr.mutation("S", "R", probability=0.01),
        mdr.switching("S", "R", rate="0.01 1/day", back="0.05 1/day"),
    )
    there, again = {"S": -1, "R": 1}, {"S": 1, "R": -1}
    rates = [(1.0, "S", {"S": 1}), (1.2, "S", {"S": -1}), (1.0, "R", {"R": 1}), (0.9, "R", {"R": -1})]
    rates += [(0.01, "S", there), (0.01, "S", there), (0.05, "R", again)]
    return model, Network(["S", "R"], [900.0, 5.0], [(k / 24, source, moves) for k, source, moves in rates], 480.0)


def under_drug() -> tuple[Model, Regimen]:
    model = mdr.Model(
        mdr.pk.two_compartment("dox", CL="53.3 L/h", V1="17.7 L", Q="58.7 L/h", V2="1830 L", molar_mass="543.5 g/mol"),
        mdr.clone("S", growth=mdr.growth.birth_death(birth="0.1 1/day", death="0.05 1/day"), start=1e8),
        mdr.clone("R", growth=mdr.growth.birth_death(birth="0.1 1/day", death="0.05 1/day"), start=20),
        mdr.kill("dox", on="S", emax="1.2 1/day", ec50="50 nM", hill=1.4),
        mdr.kill("dox", on="R", emax="1.2 1/day", ec50="1.5 uM", hill=1.4),
        mdr.mutation("S", "R", probability=1e-9),
    )
    return model, mdr.infusion("dox", "75 mg", over="1 h").every("21 day", times=4)


def ours(model: Model, until: float, members: int, regimen: Regimen | None = None, **options: object) -> Ensemble:
    compiled = compile_model(model)
    row = np.array([[parameter.internal for parameter in model.parameters.values()]])
    times = np.linspace(0.0, until, 11).tolist()
    timeline = build(arrange(regimen or mdr.nothing(), times), BoundPorts(compiled, row), stop=until)
    return solve_stochastic(
        compiled, np.repeat(row, members, axis=0), None, [timeline] * members, compiled.states,
        stochastic=mdr.Stochastic(seed=1, **options), threads=1,
    )  # type: ignore[arg-type]  # fmt: skip


# -- peers ------------------------------------------------------------------------------------------------


def plain(network: Network) -> Callable[[int], None]:
    """The direct method as it is usually written with NumPy."""
    places = {name: i for i, name in enumerate(network.names)}
    constants = np.array([k for k, _, _ in network.processes])
    sources = np.array([places[source] for _, source, _ in network.processes])
    changes = np.zeros((len(network.processes), len(network.names)))
    for j, (_, _, moves) in enumerate(network.processes):
        for name, change in moves.items():
            changes[j, places[name]] = change

    def run(members: int) -> None:
        random = np.random.default_rng(1)
        for _ in range(members):
            t, y = 0.0, np.array(network.start)
            while True:
                rates = constants * y[sources]
                total = rates.sum()
                t += random.exponential(1.0 / total) if total > 0 else math.inf
                if t > network.until:
                    break
                y += changes[np.searchsorted(np.cumsum(rates), random.random() * total)]

    return run


def gillespy2(network: Network) -> tuple[str, Callable[[int], None]]:
    import gillespy2 as peer

    model = peer.Model(name="network")
    species = {name: peer.Species(name, int(start)) for name, start in zip(network.names, network.start, strict=True)}
    model.add_species(list(species.values()))
    for j, (k, source, moves) in enumerate(network.processes):
        rate = peer.Parameter(f"k{j}", k)
        model.add_parameter(rate)
        made = {species[name]: moves.get(name, 0) + int(name == source) for name in network.names}
        products = {item: count for item, count in made.items() if count > 0}
        model.add_reaction(
            peer.Reaction(name=f"r{j}", reactants={species[source]: 1}, products=products, rate=rate)
        )  # fmt: skip
    model.timespan(peer.TimeSpan(np.linspace(0.0, network.until, 11)))
    try:
        solver = peer.SSACSolver(model=model)
        solver.run(number_of_trajectories=1)
        name = "gillespy2 (C++)"
    except Exception:  # no compiler: whatever it says
        solver, name = peer.NumPySSASolver(model=model), "gillespy2 (NumPy)"
    return name, lambda members: solver.run(number_of_trajectories=members)


def roadrunner(network: Network) -> Callable[[int], None]:
    import roadrunner as peer

    solver = peer.RoadRunner(_sbml(network))
    solver.setIntegrator("gillespie")
    solver.getIntegrator().setValue("variable_step_size", False)

    def run(members: int) -> None:
        for seed in range(members):
            solver.reset()
            solver.getIntegrator().setValue("seed", seed + 1)
            solver.simulate(0.0, network.until, 11)

    return run


def _sbml(network: Network) -> str:
    species = "".join(
        f'<species id="{name}" compartment="c" initialAmount="{start}" hasOnlySubstanceUnits="true" '
        'boundaryCondition="false" constant="false"/>'
        for name, start in zip(network.names, network.start, strict=True)
    )
    reactions = ""
    for j, (k, source, moves) in enumerate(network.processes):
        made = {name: moves.get(name, 0) + int(name == source) for name in network.names}
        products = "".join(
            f'<speciesReference species="{name}" stoichiometry="{count}" constant="true"/>'
            for name, count in made.items()
            if count > 0
        )
        law = f"<apply><times/><cn>{k!r}</cn><ci>{source}</ci></apply>"
        reactions += (
            f'<reaction id="r{j}" reversible="false" fast="false"><listOfReactants>'
            f'<speciesReference species="{source}" stoichiometry="1" constant="true"/></listOfReactants>'
            + (f"<listOfProducts>{products}</listOfProducts>" if products else "")
            + f'<kineticLaw><math xmlns="http://www.w3.org/1998/Math/MathML">{law}</math></kineticLaw></reaction>'
        )
    return (
        '<?xml version="1.0"?><sbml xmlns="http://www.sbml.org/sbml/level3/version1/core" level="3" version="1">'
        '<model id="network"><listOfCompartments><compartment id="c" size="1" spatialDimensions="3" constant="true"/>'
        f"</listOfCompartments><listOfSpecies>{species}</listOfSpecies><listOfReactions>{reactions}</listOfReactions>"
        "</model></sbml>"
    )


# -- measuring --------------------------------------------------------------------------------------------


def cpu(call: Callable[[], object]) -> float:
    times = time.process_time, lambda: sum(_children())
    begin = [clock() for clock in times]
    call()
    return sum(clock() - start for clock, start in zip(times, begin, strict=True))


def _children() -> tuple[float, float]:
    """CPU time of child processes: one peer runs a program of its own."""
    import resource

    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime, used.ru_stime


def show(what: str, seconds: list[float], members: int, events: float) -> None:
    each = np.array(seconds) / members
    rates = f"{events / np.median(each):10.3g} events/s" if events else " " * 20
    spread = f"[{1e3 * each.min():.4g} .. {1e3 * each.max():.4g}]"
    print(f"  {what:28s} {1e3 * np.median(each):10.4g} ms/member {rates}   {spread}")


def competitors(model: Model, network: Network, members: int) -> dict[str, tuple[int, Callable[[int], object]]]:
    """By name: how many members to run, and how."""
    found: dict[str, tuple[int, Callable[[int], object]]] = {
        f"this engine, {method}": (members, partial(paths, model, network.until, method))
        for method in ("ssa", "tau", "hybrid")
    }
    found["NumPy direct method"] = 2, plain(network)
    if importlib.util.find_spec("gillespy2"):
        name, call = gillespy2(network)
        found[name] = (members if "C++" in name else 2), call
    if importlib.util.find_spec("roadrunner"):
        found["libroadrunner gillespie"] = members, roadrunner(network)
    return found


def paths(model: Model, until: float, method: str, members: int) -> Ensemble:
    return ours(model, until, members, method=method)


def networks(rounds: int, members: int) -> None:
    for make in (birth_death, two_types):
        model, network = make()
        events = sum(m.steps for m in paths(model, network.until, "ssa", members).members) / members
        print(f"{make.__name__}: {events:.0f} events a member")
        peers = competitors(model, network, members)
        seconds: dict[str, list[float]] = {name: [] for name in peers}
        for count, call in peers.values():
            call(min(count, 2))
        for _ in range(rounds):
            for name, (count, call) in peers.items():
                seconds[name].append(cpu(partial(call, count)))
        for name, (count, _) in peers.items():
            show(name, seconds[name], count, 0.0 if name.endswith(("tau", "hybrid")) else events)


def drug(rounds: int, members: int) -> None:
    model, regimen = under_drug()
    print("two clones (1e8 and 20 cells) under four infusions, 2000 h")
    for method, threshold in (("hybrid", 1000.0), ("hybrid", 100.0), ("tau", 1000.0)):
        options = {"method": method, "threshold": threshold}
        found = ours(model, 2000.0, members, regimen, **options)
        steps = sum(m.steps for m in found.members) / members
        seconds = [cpu(partial(ours, model, 2000.0, members, regimen, **options)) for _ in range(rounds)]
        name = f"{method}, threshold {threshold:g}" if method == "hybrid" else method
        show(name, seconds, members, 0.0)
        print(f"    {steps:.0f} events and steps a member, {1e6 * np.median(seconds) / members / steps:.3g} us each")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--members", type=int, default=100)
    options = parser.parse_args()
    warm_up()
    networks(options.rounds, options.members)
    drug(options.rounds, options.members)


if __name__ == "__main__":
    main()
