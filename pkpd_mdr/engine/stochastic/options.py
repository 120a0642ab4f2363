"""How a stochastic path is made: the method, its seed, and where counting ends."""

from __future__ import annotations

from dataclasses import dataclass

from pkpd_mdr.arguments import COUNT, NUMBER, TEXT
from pkpd_mdr.errors import SimulationError, did_you_mean, shown

__all__ = ["FRACTIONS", "METHODS", "Stochastic"]

METHODS = ("auto", "ssa", "tau", "hybrid")
FRACTIONS = ("refuse", "draw")


@dataclass(frozen=True, slots=True)
class Stochastic:
    """Simulate whole cells that divide, die and change by chance.

    Parameters
    ----------
    method : str
        ``"ssa"``: every event, exactly. ``"tau"``: many events at once where that changes the rates by less than
        `epsilon`. ``"hybrid"``: every event of populations below `threshold`, differential equations for those above.
        ``"auto"``: as ``"hybrid"``, which is ``"ssa"`` until a population reaches the threshold.
    seed : int
        The same seed gives the same path, at whatever rows it is looked at (leaps of ``"tau"`` end at rows). Members of
        an ensemble get streams of their own from it.
    threshold : float
        Cells from which on a population is large; it counts as small again below half of that.
    epsilon : float
        Of ``"tau"``: how much a rate may change within one leap, relatively.
    fractions : str
        What is done with a start that is no whole number of cells (and below the threshold): ``"refuse"``, or
        ``"draw"`` one of its neighbours so that the mean is kept.
    budget : int
        Most events and integration steps of one member (of one stretch between visits).

    Raises
    ------
    SimulationError
        An unknown method, or a number outside of what is possible.

    Notes
    -----
    What is counted are states of the kind ``"cells"`` in the unit cell; a clone in another unit (Mcell, cell/mL)
    flows. Processes that move them have to move whole numbers of cells, at rates that are not negative. Acts thin
    by binomial numbers: after surgery or radiation each cell is there or not; a dose that brings no whole number of
    cells brings one of its neighbours. Between events drugs, media, vesicles and large populations follow their
    differential equations, and the chance of an event is integrated along them (exact up to the tolerance of the
    integrator).

    Above the threshold chance is left out: little where a population grows or shrinks steadily, but one that
    wanders about the threshold for hundreds of divisions (births as frequent as deaths) scatters too little: 600
    cells by a third after 300 divisions. A threshold that it hardly reaches, or ``"tau"``, keeps its chance.

    Examples
    --------
    >>> Stochastic(seed=1).method
    'auto'
    """

    method: str = "auto"
    seed: int = 0
    threshold: float = 1000.0
    epsilon: float = 0.03
    fractions: str = "refuse"
    budget: int = 20_000_000

    def __post_init__(self) -> None:
        kinds = {"method": TEXT, "seed": COUNT, "threshold": NUMBER, "epsilon": NUMBER, "fractions": TEXT}
        for name, kind in (kinds | {"budget": COUNT}).items():
            if not kind.fits(given := getattr(self, name)):
                raise SimulationError(f"stochastic: {name} is {shown(given)}, not {kind.words}")
            object.__setattr__(self, name, kind.plain(given))
        for name, known in (("method", METHODS), ("fractions", FRACTIONS)):
            if (given := getattr(self, name)) not in known:
                raise SimulationError(f"stochastic: {name} {shown(given)} is not known{did_you_mean(given, known)}")
        if not 0 <= self.seed < 2**128:
            raise SimulationError(f"stochastic: seed = {shown(self.seed)} is not possible; choose 0 to 2**128 - 1")
        if not self.threshold >= 20:
            raise SimulationError(
                f"stochastic: threshold = {shown(self.threshold)} is not possible; choose 20 cells or more"
            )
        if not 0 < self.epsilon <= 0.5:
            raise SimulationError(f"stochastic: epsilon = {shown(self.epsilon)} is not possible; choose 0.01 to 0.1")
        if not 1 <= self.budget <= 10**15:
            raise SimulationError(f"stochastic: budget = {shown(self.budget)} is not possible; choose 1 to 10**15")
