"""Combination against sequence for two drugs, as a branching process.

Bozic et al. 2013, eLife 2:e00747. Cells divide at rate b and die at rate d; a drug raises the death rate of cells that
it hits to d'. A division mutates with probability u at each of n1 sites that protect from drug 1 only, n2 from drug 2
only and n12 from both. The probabilities of eradication are the paper's approximations for large lesions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from pkpd_mdr.errors import ModelError

__all__ = ["Lesion", "bozic2013"]


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

    @property
    def survival(self) -> float:
        """S = 1 - d/b, the probability that a line of cells does not die out."""
        return 1.0 - self.death / self.birth

    @property
    def survival_treated(self) -> float:
        """S' = 1 - d'/b, negative: treated lines die out."""
        return 1.0 - self.death_treated / self.birth

    def resistant_cells(self) -> float:
        """Expected cells resistant to both drugs at the start of treatment."""
        n1, n2, both = self.sites_1, self.sites_2, self.sites_both
        rate = self.mutation / self.survival * math.log(self.cells * self.survival)
        return self.cells * (both * rate + (n1 * n2 + both * (n1 + n2 - both) / 2) * rate**2)

    def no_resistance_at_start(self) -> float:
        """Probability that no cell is resistant to both drugs when treatment starts."""
        m, u, s = self.cells, self.mutation, self.survival
        one_step = m * u * self.sites_both * math.log(s) / (1 - s)
        two_steps = m * u**2 * self._pairs * math.log(s) * math.log(m * s) / (s * (1 - s))
        return math.exp(one_step + two_steps)

    def eradication(self) -> float:
        """Probability that both drugs given together eradicate the lesion."""
        m, u, s, treated = self.cells, self.mutation, self.survival, self.survival_treated
        n1, n2, both = self.sites_1, self.sites_2, self.sites_both
        k = (treated - s) / (s * treated)
        before = m * u**2 * k * (self._growing(n1, n2 + both, k) + self._growing(n2, n1 + both, k))
        during = -m * u**2 * self._pairs * s / treated**2
        return math.exp(-m * u * both + m * u * both * s / treated + before + during)

    def _growing(self, first: int, second: int, k: float) -> float:
        return first * second * math.log(1 / (self.survival * self.cells) + self.mutation * second * k)

    @property
    def _pairs(self) -> float:
        return 2 * self.sites_1 * self.sites_2 + self.sites_both * (self.sites_1 + self.sites_2)


def bozic2013(cells: float, **parameters: float) -> Lesion:
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
