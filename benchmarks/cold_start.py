"""How long from a model's declarations to its first trajectory, in a new process that has no machine code of it?

    python benchmarks/cold_start.py [M1 M2] [--rounds 5]

Each round starts Python anew and imports the package, which is not counted. The cache holds the compiled drivers, which
are made once per machine, but no object of a model; then the same once more, with the objects of the first round on
disk. CPU time of joining the declarations, checking dimensions, lowering, machine code, and the trajectory itself.
Python finds bytecode of the package, as pip leaves it, even where the environment forbids to write any.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time

import numpy as np
from engine_models import MODELS, Benchmark

import pkpd_mdr as mdr
from pkpd_mdr.engine.machine import disk
from pkpd_mdr.engine.machine.compiled import warm_up
from pkpd_mdr.expression import symbol


def declared(model: Benchmark) -> mdr.Model:
    """The model as a user may write it: parameters, and a state with its process for each equation."""
    names, ports = model.compiled.parameters, dict.fromkeys(event[1] for event in model.events)
    parts: list[object] = [mdr.parameter(name, value) for name, value in zip(names, model.values, strict=True)]
    parts.append(mdr.parameter("per_hour", "1 1/h"))
    for name, start, right in zip(model.compiled.states, model.start, model.right, strict=True):
        parts += [mdr.state(name, float(start)), mdr.process(f"change_{name}", right * symbol("per_hour"), {name: 1})]
    return mdr.Model(*parts, *(mdr.dosing(f"into_{name}", into=name, unit="") for name in ports))


def doses(model: Benchmark) -> mdr.Regimen:
    """Its doses; what flows in for a while is given at once."""
    given = [mdr.bolus(f"into_{state}", amount or 10.0, at=f"{time_} h") for time_, state, amount, rate in model.events
             if amount > 0 or rate > 0]  # fmt: skip
    whole = given[0]
    for dose in given[1:]:
        whole = whole & dose
    return whole


def once(name: str) -> None:
    """Print the milliseconds of each part; run in a process of its own."""
    problem = MODELS[name]()
    regimen = doses(problem)
    begin = time.process_time()
    model = declared(problem)
    joined = time.process_time()
    run = model.simulate(regimen, until="84 h", times="1 h")
    done = time.process_time()
    if not run.status.ok:
        raise SystemExit(str(run.status))
    print(1e3 * (joined - begin), 1e3 * (done - joined))


def in_a_new_process(name: str, folder: str, bytecode: str) -> list[float]:
    """The milliseconds of each part, with objects in one folder and bytecode in another."""
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    environment = kept | {"PKPD_MDR_CACHE": folder, "PYTHONPYCACHEPREFIX": bytecode}
    command = [sys.executable, __file__, "--once", name]
    printed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return [float(part) for part in printed.stdout.split()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=list(MODELS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--once", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.once:
        once(given.once)
        return
    warm_up()
    drivers = disk.cache_folder()
    assert drivers is not None
    with tempfile.TemporaryDirectory() as bytecode:
        for name in given.models:
            found: dict[str, list[list[float]]] = {"no object": [], "objects on disk": []}
            for number in range(given.rounds + 1):
                with tempfile.TemporaryDirectory() as folder:
                    for driver in drivers.glob(f"{disk.DRIVER}*.o"):
                        shutil.copy(driver, folder)
                    for rows in found.values():
                        parts = in_a_new_process(name, folder, bytecode)
                        if number:  # the first writes bytecode
                            rows.append(parts)
            for label, rows in found.items():
                model, rest = np.median(rows, axis=0)
                whole = np.sum(rows, axis=1)
                spread = f"[{whole.min():.0f} .. {whole.max():.0f}]"
                told = f"{model:.0f} ms model + {rest:.0f} ms to the trajectory"
                print(f"{name}, {label}: {told} = {np.median(whole):.0f} ms {spread}")


if __name__ == "__main__":
    main()
