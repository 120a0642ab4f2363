"""Cure of a lesion by two drugs (Bozic et al. 2013), four ways: closed form, integral, backward equations, paths.

    python benchmarks/bozic.py [--paths 400]

Prints two tables and writes them to docs/benchmarks/bozic.md. The first is at the published scale, where no paths are
sampled; the second at 1e6 and 1e7 cells with mutation probabilities raised so that cure is neither rare nor certain,
with the 99 % interval of stochastic paths. A lesion begins on these with 200 sensitive cells and as many singly
resistant ones as it has then in the mean, drawn as whole cells; populations above 100 cells follow their means.
Treatment in turn is a rule at visits: drug 1 from M cells on, drug 2 when the relapse has M cells again.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from scipy.stats import binomtest

import pkpd_mdr as mdr
from pkpd_mdr.engine import compile_model
from pkpd_mdr.engine.stochastic.solve import warm_up
from pkpd_mdr.gallery import Lesion
from pkpd_mdr.regimen import Visit
from pkpd_mdr.run import courses

PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks" / "bozic.md"
HEAD = """# Cure by two drugs, four ways

Written by `python benchmarks/bozic.py`; do not edit. Probability that a lesion is eradicated (Bozic et al. 2013): the
paper's number (one minus the failure of Table 1, Fig 5, Table 2), its closed form, the integral behind it
(`Lesion.integrated_eradication`), the backward equations of the model of processes (`mdr.extinction(..., large="S")`)
and stochastic paths of the same model. How they are set up is said in the head of that script. The paper's patients
have several lesions, here they are one."""
BEGIN, LARGE, LATE = 200.0, 100.0, 1500.0
DRUG1, DRUG2 = mdr.exposure("drug1", 1), mdr.exposure("drug2", 1)


def growing(lesion: Lesion, begin: float) -> float:
    """Days from `begin` cells to the size at which treatment starts."""
    return math.log(lesion.cells / begin) / (lesion.birth - lesion.death)


def exact(lesion: Lesion) -> float:
    """Cure by both drugs together: the backward equations of the resistant types, sensitive cells by their mean."""
    grown, late = growing(lesion, 1 / lesion.survival), 60 / (lesion.birth - lesion.death)
    both = (DRUG1 & DRUG2).shift((grown, "day"))
    return mdr.extinction(lesion.model(), both, until=(grown + late, "day"), large="S").probability


def in_turn(size: float, visit: Visit) -> mdr.Regimen:
    """Nothing below `size` cells, then drug 1; drug 2 when a burden that had halved is back."""
    burdens = [burden for _, burden in visit.history]
    first = next((k for k, burden in enumerate(burdens) if burden >= size), None)
    if first is None:
        return mdr.nothing()
    halved = next((k for k in range(first, len(burdens)) if burdens[k] < size / 2), None)
    return DRUG2 if halved is not None and max(burdens[halved:]) >= size else DRUG1


def sampled(lesion: Lesion, paths: int, *, sequence: bool = False, visit: float = 10.0, seed: int = 1) -> int:
    """Number of paths on which nothing is left."""
    model = lesion.model()
    compiled = compile_model(model)
    parameters = np.tile([item.internal for item in model.parameters.values()], (paths, 1))
    starts = compiled.starts_of(parameters)
    mutants = BEGIN * lesion.mutation / lesion.survival * math.log(BEGIN * lesion.survival)
    for name, cells in {"S": BEGIN, "R1": mutants * lesion.sites_1, "R2": mutants * lesion.sites_2}.items():
        starts[:, compiled.states.index(name)] = cells
    net, grown = lesion.birth - lesion.death, growing(lesion, BEGIN)
    plan: mdr.Regimen | mdr.Strategy = (DRUG1 & DRUG2).shift((grown, "day"))
    if sequence:  # a visit sees M cells half an interval late in the mean
        plan = mdr.rule(partial(in_turn, lesion.cells * math.exp(-net * visit / 2)), visit=(visit, "day"))
    end = (grown + (2.2 * math.log(lesion.cells) / net if sequence else LATE)) * 24
    found = courses(
        compiled, parameters, starts, plan, until=end, times=np.array([end]), outputs=["burden"], fill=False,
        stochastic=mdr.Stochastic(seed=seed, threshold=LARGE, fractions="draw"),
    )  # fmt: skip
    bad = [course.status.sentence for course in found if not course.status.ok]
    assert not bad, bad[0]
    return sum(course.output("burden")[-1] == 0 for course in found)


def one_drug(lesion: Lesion, sites: int) -> float:
    """Cure of a lesion of this size by one drug, with so many sites that protect from it."""
    return Lesion(
        lesion.cells, lesion.birth, lesion.death, lesion.death_treated, lesion.mutation, 0, 0, sites
    ).eradication()


def row(cells: Sequence[object]) -> str:
    texts = ["" if cell != cell else f"{cell:.4f}" if isinstance(cell, float) else str(cell) for cell in cells]
    return "| " + " | ".join(texts) + " |"


def head(title: str, columns: Sequence[str]) -> list[str]:
    return [f"\n## {title}\n", row(columns), row(["---"] * len(columns))]


def published() -> list[str]:
    title = "Both drugs together at the published scale"
    lines = head(title, ["M", "n12", "cost", "paper", "closed form", "integral", "backward equations"])
    cases = [(8.5e8, 0, 0.999), (8.5e8, 1, 0.323), (1e9, 1, 0.263), (1e9, 0, 0.999), (1.8e10, 0, 0.977)]
    for cells, both, paper in [*cases, (2.6e11, 0, 0.717)]:
        lesion = Lesion(cells, sites_both=both)
        closed, integral = lesion.eradication(), lesion.integrated_eradication()
        lines.append(row([f"{cells:.2g}", both, "0", str(paper), closed, integral, exact(lesion)]))
    for cost, paper in ((0.0, 0.47), (0.1, 0.68)):
        lesion = Lesion(1e11, birth=1.0, death=0.99, death_treated=1.03, cost=cost)
        closed = lesion.eradication() if not cost else math.nan
        numbers = [closed, lesion.integrated_eradication(), exact(lesion)]
        lines.append(row(["1e+11, b = 1", 0, f"{cost:g}", str(paper), *numbers]))
    return lines


def scaled(paths: int) -> list[str]:
    columns = [
        "M",
        "u",
        "n",
        "n12",
        "therapy",
        "closed form",
        "integral",
        "backward equations",
        "paths",
        "99 %",
        "CPU s",
    ]
    lines = head(f"Raised mutation, {paths} paths (in turn 200)", columns)
    together = [(1e6, 5e-7, 50, 1), (1e6, 5e-7, 50, 0), (1e7, 5e-8, 50, 1), (1e7, 1.5e-7, 50, 0)]
    for cells, u, sites, both in together:
        lesion = Lesion(cells, mutation=u, sites_1=sites, sites_2=sites, sites_both=both)
        numbers = [lesion.eradication(), lesion.integrated_eradication(), exact(lesion)]
        lines += report(lesion, "together", numbers, paths, sequence=False)
    for cells, u, sites, both in ((1e6, 5e-7, 50, 0), (1e6, 5e-7, 1, 0)):
        lesion = Lesion(cells, mutation=u, sites_1=sites, sites_2=sites, sites_both=both)
        first, second = one_drug(lesion, sites + both), one_drug(lesion, sites + both)
        closed = first + (1 - first) * second
        lines += report(lesion, "in turn", [closed, math.nan, math.nan], min(paths, 200), sequence=True)
    for cost in (0.0, 0.1):
        lesion = Lesion(1e6, mutation=1e-6, cost=cost)
        closed = math.nan if cost else lesion.eradication()
        numbers = [closed, lesion.integrated_eradication(), exact(lesion)]
        lines += report(lesion, f"cost {cost:g}", numbers, paths, sequence=False)
    return lines


def report(lesion: Lesion, therapy: str, numbers: list[float], paths: int, *, sequence: bool) -> list[str]:
    begun = time.process_time()
    cured = sampled(lesion, paths, sequence=sequence)
    interval = binomtest(cured, paths).proportion_ci(0.99)
    cells = [f"{lesion.cells:.0e}", f"{lesion.mutation:.1e}", lesion.sites_1, lesion.sites_both, therapy, *numbers]
    span, spent = f"{interval.low:.4f} to {interval.high:.4f}", f"{time.process_time() - begun:.1f}"
    return [row([*cells, cured / paths, span, spent])]


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--paths", type=int, default=400)
    given = parser.parse_args()
    warm_up()
    lines = [HEAD, *published(), *scaled(given.paths)]
    print("\n".join(lines))
    PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
