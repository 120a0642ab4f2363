"""Draw random models over all mechanisms, hold each to its laws, and report what breaks.

``python benchmarks/random_models.py 10000`` takes about an hour of one core (0.3 s a model); a number and a seed
may be given. Laws: no NaN, no negative stock beyond tolerance, two solvers agree to 1e-5, balances close to 1e-9,
rates do not depend on units or on the names of clones. Exits with 1 if a law was broken.
"""

import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from strategies.laws import booked, broken_balances, broken_names, broken_runs, broken_units
from strategies.models import declarations

from pkpd_mdr.errors import PkpdMdrError
from pkpd_mdr.model import Mechanism, Model

NAMES = {"S": "Sens", "R": "Aa", "A": "Zz"}
SCALES = {"[time]": 3.7, "[length]": 1.9}


def broken(parts: list[Mechanism], sizes: list[float], judged: Counter[str]) -> list[str]:
    """The laws that a model breaks."""
    model = Model(*parts)
    y = np.array((sizes * len(model.states))[: len(model.states)])
    try:
        whole = booked(model)
        return [
            *(f"run: {text}" for text in broken_runs(whole, judged=judged)),
            *(f"balance: {text}" for text in broken_balances(whole)),
            *(f"units: {text}" for text in broken_units(model, y, SCALES)),
            *(f"names: {text}" for text in broken_names(model, NAMES, y)),
        ]
    except PkpdMdrError as problem:
        return [f"refused: {problem}"]


def main(count: int, start: int) -> int:
    """Draw, check, report."""
    found: Counter[str] = Counter()
    judged: Counter[str] = Counter()
    counted, begun, used = Counter(), time.perf_counter(), time.process_time()

    @seed(start)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(parts=declarations(), sizes=st.lists(st.floats(1.0, 1e6), min_size=7, max_size=7))
    def draw(parts: list[Mechanism], sizes: list[float]) -> None:
        counted["models"] += 1
        problems = broken(parts, sizes, judged)
        found.update(text.partition(":")[0] for text in problems)
        if problems:
            counted["broken"] += 1
            print(f"{', '.join(sorted(part.label for part in parts))}\n    " + "\n    ".join(problems), flush=True)
            print(f"    {parts!r}", flush=True)

    draw()
    seconds, cpu = time.perf_counter() - begun, time.process_time() - used
    print(f"{counted['models']} models in {seconds:.0f} s ({cpu:.0f} s of CPU), seed {start}: ", end="")
    print(f"{counted['broken']} break a law {dict(found)}")
    print(f"LSODA finished {judged['judged']} of {judged['members']} runs within its budget")
    return int(bool(found))


if __name__ == "__main__":
    numbers = [int(text) for text in sys.argv[1:]]
    sys.exit(main(numbers[0] if numbers else 10_000, numbers[1] if len(numbers) > 1 else 0))
