"""Combination against sequence for two drugs, as a branching process.

Bozic et al. 2013, eLife 2:e00747. Cells divide at rate b and die at rate d; a drug raises the death rate of cells that
it hits to d'. A division mutates with probability u at each of n1 sites that protect from drug 1 only, n2 from drug 2
only and n12 from both. The probabilities of eradication are the paper's approximations for large lesions, and the
integral that they approximate, which also takes a cost of resistance. `Lesion.model` gives the means as differential
equations.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, partial

import numpy as np

from pkpd_mdr.errors import ModelError
from pkpd_mdr.gallery.published import Published, Result, sourced
from pkpd_mdr.gallery.reading import course, crossing, level
from pkpd_mdr.mechanisms import clone, growth, medium, mutation, parameter, process
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import exposure

__all__ = ["ENTRY", "Lesion", "bozic2013"]

_NODES = 400
_SOURCES = {
    "derived: 1/s, the start with which lines that survive grow": "S0",
    "published: Bozic et al. 2013, unless the lesion was given other rates": "birth_S death_*",
    "derived: d plus the net growth b - d less the cost of resistance": "birth_R*",
    "derived: d' - d": "hit",
    "derived: u times the number of sites": "mutation_*",
}


@dataclass(frozen=True, slots=True)
class Lesion:
    """A lesion before treatment with two drugs.

    Parameters
    ----------
    cells : float
        M, number of cells when treatment starts.
    birth, death, death_treated : float
        b, d and d' (death of cells that a drug hits), per day.
    mutation : float
        u, per site and division.
    sites_1, sites_2, sites_both : int
        n1, n2, n12: sites that protect from drug 1 only, drug 2 only, both.
    cost : float
        c: the net growth of cells resistant to one drug is (1 - c)(b - d), to both (1 - c)^2 (b - d).

    Raises
    ------
    ModelError
        The lesion would not grow without, or would not shrink under treatment, or a number is not possible.
    """

    cells: float
    birth: float = 0.14
    death: float = 0.13
    death_treated: float = 0.17
    mutation: float = 1e-9
    sites_1: int = 50
    sites_2: int = 50
    sites_both: int = 0
    cost: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.death < self.birth < self.death_treated:
            raise ModelError(
                f"a lesion needs death < birth < death_treated, but {self.death:g}, "
                f"{self.birth:g}, {self.death_treated:g} per day were given"
            )
        if not (self.cells > 1 and 0 < self.mutation < 1):
            raise ModelError(
                f"a lesion of {self.cells:g} cells with a mutation probability of {self.mutation:g} is not possible"
            )
        if not 0 <= self.cost < 1:
            raise ModelError(
                f"a lesion with a cost of resistance of {self.cost:g} is not possible; write 0 <= cost < 1"
            )

    @property
    def survival(self) -> float:
        """S = 1 - d/b, the probability that a line of cells does not die out."""
        return 1.0 - self.death / self.birth

    @property
    def survival_treated(self) -> float:
        """S' = 1 - d'/b, negative: treated lines die out."""
        return 1.0 - self.death_treated / self.birth

    @property
    def mutations_per_cell(self) -> float:
        """Mu, mutations that a cell has collected at one site by the start of treatment, (u/s) ln(M s)."""
        return self.mutation / self.survival * math.log(self.cells * self.survival)

    def resistant_cells(self) -> float:
        """Expected cells resistant to both drugs at the start of treatment."""
        n1, n2, both = self.sites_1, self.sites_2, self.sites_both
        rate = self.mutations_per_cell
        return self.cells * (both * rate + (n1 * n2 + both * (n1 + n2 - both) / 2) * rate**2)

    def no_resistance_at_start(self) -> float:
        """Probability that no cell is resistant to both drugs when treatment starts."""
        m, u, s = self.cells, self.mutation, self.survival
        one_step = m * u * self.sites_both * math.log(s) / (1 - s)
        two_steps = m * u**2 * self._pairs * math.log(s) * math.log(m * s) / (s * (1 - s))
        return math.exp(one_step + two_steps)

    def eradication(self) -> float:
        """Probability that both drugs given together eradicate the lesion: the paper's approximation, without cost."""
        if self.cost:
            raise ModelError(
                f"the approximation knows no cost of resistance, but {self.cost:g} was given; use "
                "integrated_eradication()"
            )
        m, u, s, treated = self.cells, self.mutation, self.survival, self.survival_treated
        n1, n2, both = self.sites_1, self.sites_2, self.sites_both
        k = (treated - s) / (s * treated)
        before = m * u**2 * k * (self._growing(n1, n2 + both, k) + self._growing(n2, n1 + both, k))
        during = -m * u**2 * self._pairs * s / treated**2
        return math.exp(-m * u * both + m * u * both * s / treated + before + during)

    def integrated_eradication(self) -> float:
        """Probability that both drugs given together eradicate the lesion, by integration over when clones arise.

        A clone with one resistance that arises a time a before treatment leaves a surviving doubly resistant line with
        probability w(a), where ``w' = b1 m s2 + (b1 - d - b1 m s2) w - b1 w^2`` with m the mutation probability to
        double resistance, s2 its survival, and w(0) the value for a cell under treatment. Clones arise at rate
        ``u n b M exp(-(b - d) a)``; lines of cells hit by the drugs and direct double mutants are added.
        """
        m, u, b, net = self.cells, self.mutation, self.birth, self.birth - self.death
        n1, n2, both = self.sites_1, self.sites_2, self.sites_both
        survival = 1 - self.death / (self.death + net * (1 - self.cost) ** 2)
        lines = m * u * both * b / net * survival
        for first, second in ((n1, n2 + both), (n2, n1 + both)):
            ages, weights = self._ages()
            at_start, later = self._second_step(second, survival, ages)
            lines += float(weights @ (u * first * b * m * np.exp(-net * ages) * later))
            lines += m * b * u * first * at_start / (self.death_treated - b)
        lines += m * b * u * both * survival / (self.death_treated - b)
        return math.exp(-lines)

    def _ages(self) -> tuple[np.ndarray, np.ndarray]:
        """Gauss-Legendre nodes and weights over the life of the lesion."""
        life = math.log(self.cells * self.survival) / (self.birth - self.death)
        nodes, weights = _gauss()
        return life * (nodes + 1) / 2, life * weights / 2

    def _second_step(self, sites: int, survival: float, ages: np.ndarray) -> tuple[float, np.ndarray]:
        """Probability w of a surviving line from a singly resistant cell: under treatment, and by age before it."""
        birth = self.death + (self.birth - self.death) * (1 - self.cost)
        source = birth * self.mutation * sites * survival

        def roots(rate: float) -> tuple[float, float]:
            """Of ``source + rate*w - birth*w^2``, the positive one first, without cancellation."""
            size = (abs(rate) + math.sqrt(rate**2 + 4 * birth * source)) / 2
            return (size / birth, -source / size) if rate > 0 else (source / size, -size / birth)

        start = roots(birth - self.death_treated - source)[0]
        high, low = roots(birth - self.death - source)
        odds = (start - low) / (high - start) * np.exp(birth * (high - low) * ages)
        return start, (low + high * odds) / (1 + odds)

    def model(self) -> Model:
        """The means of the four types as a model: ``S``, ``R1``, ``R2`` and ``R12``, from 1/s cells S.

        A line that survives grows as if it had started with 1/s cells. Drugs 1 and 2 are on or off; a cell that one of
        them hits, or both, dies at d'. Costs are as in the integral.
        """
        net, u = self.birth - self.death, self.mutation
        laws = [
            growth.birth_death(birth=(self.death + net * (1 - self.cost) ** k, "1/day"), death=(self.death, "1/day"))
            for k in range(3)
        ]
        hits = {"S": "min(1, C_drug1 + C_drug2)", "R1": "C_drug2", "R2": "C_drug1"}
        n1, n2, both = self.sites_1, self.sites_2, self.sites_both
        steps = {
            ("S", "R1"): n1,
            ("S", "R2"): n2,
            ("S", "R12"): both,
            ("R1", "R12"): n2 + both,
            ("R2", "R12"): n1 + both,
        }
        return sourced(
            Model(
                medium("drug1", unit=""),
                medium("drug2", unit=""),
                clone("S", growth=laws[0], start=1 / self.survival),
                *(clone(name, growth=laws[1], resistant=True) for name in ("R1", "R2")),
                clone("R12", growth=laws[2], resistant=True),
                *(mutation(source, into, probability=u * n) for (source, into), n in steps.items()),
                parameter(
                    "hit", (self.death_treated - self.death, "1/day"), description="added death of cells that are hit"
                ),
                *(process(f"treatment_{name}", f"hit*{drug}*{name}", {name: -1}) for name, drug in hits.items()),
            ),
            _SOURCES,
        )

    def _growing(self, first: int, second: int, k: float) -> float:
        return first * second * math.log(1 / (self.survival * self.cells) + self.mutation * second * k)

    @property
    def _pairs(self) -> float:
        return 2 * self.sites_1 * self.sites_2 + self.sites_both * (self.sites_1 + self.sites_2)


@cache
def _gauss() -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights between -1 and 1; they cost more than all the rest."""
    return np.polynomial.legendre.leggauss(_NODES)


def bozic2013(cells: float = 1e9, **parameters: float) -> Lesion:
    """A lesion with the paper's melanoma rates (b 0.14, d 0.13, d' 0.17 per day, u 1e-9, 50 sites per drug).

    Parameters
    ----------
    cells : float
        Number of cells when treatment starts.
    **parameters
        See `Lesion`.

    Returns
    -------
    Lesion

    Examples
    --------
    >>> lesion = bozic2013(8.5e8, sites_both=1)
    >>> bool(abs(1 - lesion.eradication() - 0.677) < 0.002)
    True
    """
    return Lesion(cells, **parameters)  # type: ignore[arg-type]


def _failure(cells: float, sites_both: int) -> float:
    return 1 - bozic2013(cells, sites_both=sites_both).eradication()


def _one_drug(cells: float, sites: int) -> float:
    """Cure by one drug alone: all its sites are sites that protect from everything given."""
    return bozic2013(cells, sites_1=0, sites_2=0, sites_both=sites).eradication()


def _with_cost(cost: float) -> float:
    return Lesion(1e11, birth=1.0, death=0.99, death_treated=1.03, cost=cost).integrated_eradication()


def _grown(name: str) -> float:
    lesion = bozic2013()
    age = math.log(lesion.cells * lesion.survival) / (lesion.birth - lesion.death)
    return level(lesion.model(), name, f"{age} day")


def _relapse() -> float:
    start = {"S": 1e9, "R1": _grown("R1")}
    return crossing(
        *course(bozic2013().model(), "burden", exposure("drug1", 1), start=start, until="1500 day", times="1 day"), 1e9
    )


_PATIENTS = [("N22", 8.5e8, 0.677, 0.001, 2e-3), ("N19", 1.8e10, 1.0, 0.023, 1e-2), ("N1", 2.6e11, 1.0, 0.283, 1e-2)]

ENTRY = Published(
    bozic2013,
    "Bozic et al. 2013, eLife 2:e00747, doi:10.7554/eLife.00747",
    ("S5",),
    "mdr.gallery.bozic2013(8.5e8, sites_both=1).eradication()",
    (
        *(
            Result(
                f"failure of both drugs together, patient {patient}, n12 = {both}",
                failure,
                partial(_failure, cells, both),
                atol=atol,
                flag="C",
                source="Table 1" if patient == "N22" else "Table 1: several lesions, here as one",
            )
            for patient, cells, one, none, atol in _PATIENTS
            for both, failure in ((1, one), (0, none))
        ),
        *(
            Result(
                f"failure of one drug, patient {patient}",
                1.0,
                partial(lambda cells: 1 - _one_drug(cells, 50), cells),
                atol=2e-3,
                flag="C",
                source="Table 1",
            )
            for patient, cells, *_ in _PATIENTS
        ),
        Result("failure, N22, n12 = 1", 0.678, partial(_failure, 8.5e8, 1), atol=5e-4, source="formula"),
        Result("failure, N22, n12 = 0", 0.0011, partial(_failure, 8.5e8, 0), atol=5e-5, source="formula"),
        Result(
            "failure, N19 as one lesion, n12 = 0", 0.0232, partial(_failure, 1.8e10, 0), atol=5e-5, source="formula"
        ),
        Result("failure, N1 as one lesion, n12 = 0", 0.288, partial(_failure, 2.6e11, 0), atol=1e-3, source="formula"),
        *(
            Result(
                f"cure by both drugs, 1e9 cells, n12 = {n}",
                cure,
                partial(lambda n: 1 - _failure(1e9, n), n),
                atol=2e-3,
                flag="C",
                source="Fig 5",
            )
            for n, cure in ((1, 0.263), (0, 0.999))
        ),
        *(
            Result(
                f"cure by one drug after the other, 1e9 cells, n12 = {n}",
                0.0,
                partial(_one_drug, 1e9, 50 + n),
                atol=5e-4,
                flag="C",
                source="Fig 5; the relapse meets the second drug alone",
            )
            for n in (1, 0)
        ),
        Result(
            "failure, 1e9 cells, n12 = 1",
            0.7364,
            partial(_failure, 1e9, 1),
            atol=5e-4,
            source="1 - exp(-4/3), direct mutants only; two steps add 0.0004",
        ),
        *(
            Result(
                f"cure, 1e11 cells, b = 1, n12 = 0, cost {cost:.0%}",
                cure,
                partial(_with_cost, cost),
                atol=5e-3,
                flag="C",
                source="Table 2; d = 0.99, d' = 1.03: net rates as elsewhere",
            )
            for cost, cure in ((0.0, 0.47), (0.1, 0.68))
        ),
        Result("cells resistant to one drug at 1e9 cells", 1.27e4, partial(_grown, "R1"), atol=50, source="M n mu"),
        Result(
            "relapse to 1e9 cells under one drug",
            1128,
            _relapse,
            unit="day",
            atol=2,
            source="ln(1e9/1.27e4)/0.01; dying cells still mutate, which makes it 1.6 days earlier",
        ),
        Result("cells resistant to both at 1e9 cells, n12 = 0", 0.16, lambda: bozic2013().resistant_cells(), atol=5e-3),
        Result("the same, n12 = 1", 253, lambda: bozic2013(sites_both=1).resistant_cells(), atol=0.5),
        Result("the same by the means, n12 = 0", 0.16, partial(_grown, "R12"), atol=5e-3),
    ),
)
