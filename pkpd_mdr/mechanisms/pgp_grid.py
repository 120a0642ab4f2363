"""A population resolved by its P-gp content: the structured form of transfer on contact."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations

import sympy as sp

from pkpd_mdr.arguments import COUNT, NUMBER, TABLE, TEXT, takes
from pkpd_mdr.errors import ModelError, did_you_mean, shown
from pkpd_mdr.expression import check_name, symbol
from pkpd_mdr.mechanisms.clone import Clone
from pkpd_mdr.mechanisms.growth import Growth
from pkpd_mdr.mechanisms.names import ratio
from pkpd_mdr.model.contents import per_unit
from pkpd_mdr.model.parts import Expression
from pkpd_mdr.model.scope import Given, Scope
from pkpd_mdr.units import Unit

__all__ = ["PgpGrid", "grid"]

_FEWEST, _MOST = 3, 60
_FINEST = 10**6
_DEPENDENCE = ("frequency", "density")

GrowthOf = Growth | Callable[[float], Growth]
GivenOf = Given | Callable[[float], Given]


@dataclass(frozen=True, slots=True)
class PgpGrid:
    """Declaration behind `grid`; `bins` are the names of its clones, in order of content."""

    name: str
    largest: float
    count: int
    tau: Given | None
    f: float | Callable[[float], float]
    growth: GrowthOf | None = None
    death: GivenOf | None = None
    degradation: Given | None = None
    synthesis: Given | None = None
    start: tuple[tuple[float, Given], ...] = ()
    resistant_from: float = float("inf")
    dependence: str = "frequency"

    def __post_init__(self) -> None:
        check_name(self.name, "the name of a population")
        where = f"P-gp grid {shown(self.name)}"
        if not _FEWEST <= self.count <= _MOST:
            raise ModelError(f"{where}: bins = {self.count} is not possible; choose {_FEWEST} to {_MOST}")
        if not 0 < self.largest < float("inf"):
            raise ModelError(f"{where}: largest = {self.largest:g} is not a content above zero")
        if self.dependence not in _DEPENDENCE:
            raise ModelError(
                f"{where}: dependence {shown(self.dependence)} is not known{did_you_mean(self.dependence, _DEPENDENCE)}"
            )
        if not (self.growth is None or isinstance(self.growth, Growth) or callable(self.growth)):
            raise ModelError(
                f"{where}: growth = {shown(self.growth)} is neither a growth law nor a function of content that gives "
                "one; write for example lambda p: growth.exponential(rate=f'{0.03*(1 - 0.2*p)} 1/h')"
            )
        for content, _ in self.start:
            if not NUMBER.fits(content) or not 0 <= content <= self.largest:
                raise ModelError(
                    f"{where}: cells cannot start at the content {shown(content)}; write one from 0 to {self.largest:g}"
                )
        for apart in range(1, self.count):
            self._share(apart)

    @property
    def label(self) -> str:
        """``pgp_grid_<name>``."""
        return f"pgp_grid_{self.name}"

    @property
    def bins(self) -> tuple[str, ...]:
        """Names of the clones: ``M_0``, ``M_1`` and so on."""
        return tuple(f"{self.name}_{k}" for k in range(self.count))

    @property
    def width(self) -> float:
        """Distance of neighbouring contents."""
        return self.largest / (self.count - 1)

    def contents(self) -> list[float]:
        """P-gp per cell of each bin."""
        return [k * self.width for k in range(self.count)]

    def declare(self, scope: Scope) -> None:
        """Add one clone for each content, with the starts."""
        for clone, content in zip(self._clones(), self.contents(), strict=True):
            clone.declare(scope)
            scope.offer("pgp", clone.name, sp.Float(content))
        starts: dict[str, Expression] = dict.fromkeys(self.bins, sp.Integer(0))
        for i, (content, given) in enumerate(self.start, start=1):
            cells = scope.parameter(
                f"cells_{self.name}_{i}",
                given,
                unit="cell",
                lower=0.0,
                bare=True,
                description=f"cells of {self.name} that start with {content:g} P-gp",
            )
            for name, share in self._landing(Fraction(content / self.width).limit_denominator(_FINEST)).items():
                starts[name] += share * cells
        for name, value in starts.items():
            scope.start(name, value)

    def connect(self, scope: Scope) -> None:
        """Write growth, transfer, degradation and synthesis, and the moments of the content."""
        for clone in self._clones():
            clone.connect(scope)
        self._meet(scope)
        self._drift(scope)
        cells = [symbol(name) for name in self.bins]
        number = sp.Add(*cells)
        mean = sp.Add(*(sp.Float(p) * u for p, u in zip(self.contents(), cells, strict=True)))
        square = sp.Add(*(sp.Float(p * p) * u for p, u in zip(self.contents(), cells, strict=True)))
        scope.observable(f"P_{self.name}", per_unit(mean, number), "", f"mean P-gp per {self.name} cell")
        spread = per_unit(square, number) - per_unit(mean, number) ** 2
        scope.observable(f"var_P_{self.name}", spread, "", f"variance of P-gp among {self.name} cells")

    def _clones(self) -> list[Clone]:
        clones = []
        for name, content in zip(self.bins, self.contents(), strict=True):
            law = self.growth if self.growth is None or isinstance(self.growth, Growth) else self.growth(content)
            death = self.death(content) if callable(self.death) else self.death
            words = f"cells of {self.name} with {content:g} P-gp"
            resistant = content >= self.resistant_from
            clones.append(Clone(name, law, None, Unit.of("cell"), resistant, death, words))
        return clones

    def _meet(self, scope: Scope) -> None:
        """Both partners of a pair move towards each other; cells and P-gp are conserved pair by pair."""
        if self.tau is None:
            return
        density = self.dependence == "density"
        tau = scope.parameter(
            f"tau_{self.name}",
            self.tau,
            unit=Unit.of("1/h").times(Unit.of("cell"), -1) if density else "1/h",
            lower=0.0,
            description=f"contact rate of {self.name} (a cell meets others at 2*tau)",
        )
        everyone = scope.gather("burden")
        for low, high in combinations(range(self.count), 2):
            moves = {self.bins[low]: sp.Integer(-1), self.bins[high]: sp.Integer(-1)}
            step = self._share(high - low) * (high - low)
            for place in (low + step, high - step):
                for name, share in self._landing(place).items():
                    moves[name] = moves.get(name, sp.Integer(0)) + share
            met = 2 * tau * symbol(self.bins[low]) * symbol(self.bins[high])
            scope.process(
                f"contact_{self.name}_{high}_{low}",
                met if density else ratio(met, everyone),
                {name: share for name, share in moves.items() if share != 0},
                transfer=True,
                description=f"{self.bins[high]} hands P-gp to {self.bins[low]}",
            )

    def _drift(self, scope: Scope) -> None:
        """Degradation and synthesis move cells to the next content; exact for the mean, first order for the spread."""
        for what, given, unit, step in (
            ("degradation", self.degradation, "1/h", -1),
            ("synthesis", self.synthesis, "1/h", 1),
        ):
            if given is None:
                continue
            words = "degradation rate of P-gp" if step < 0 else "P-gp made per cell and time"
            speed = scope.parameter(
                f"{what}_pgp_{self.name}", given, unit=unit, lower=0.0, description=f"{words} in {self.name}"
            )
            for k, name in enumerate(self.bins):
                if 0 <= k + step < self.count:
                    rate = speed * k if step < 0 else speed / sp.Float(self.width)
                    scope.process(
                        f"{what}_pgp_{name}",
                        rate * symbol(name),
                        {name: -1, self.bins[k + step]: 1},
                        transfer=True,
                        description=f"{name} {'loses' if step < 0 else 'makes'} P-gp",
                    )

    def _share(self, apart: int) -> Fraction:
        """The share of the difference that a contact hands over, as an exact fraction."""
        given = self.f(apart * self.width) if callable(self.f) else self.f
        if not NUMBER.fits(given) or not 0 < given <= 0.5:
            raise ModelError(
                f"P-gp grid {shown(self.name)}: f = {shown(given)} is not a share of the difference above 0 and at "
                "most 0.5"
            )
        return Fraction(float(given)).limit_denominator(_FINEST)

    def _landing(self, place: Fraction) -> dict[str, Expression]:
        """How a cell between two contents is divided between them, so that its content is kept."""
        k = min(int(place), self.count - 2)
        above = place - k
        shares = {self.bins[k]: 1 - above, self.bins[k + 1]: above}
        return {name: sp.Rational(share.numerator, share.denominator) for name, share in shares.items() if share}


@takes(ModelError, name=TEXT, largest=NUMBER, bins=COUNT, start=TABLE, resistant_from=NUMBER, dependence=TEXT)
def grid(
    name: str,
    *,
    largest: float,
    bins: int = 11,
    tau: Given | None = None,
    f: float | Callable[[float], float] = 0.5,
    growth: GrowthOf | None = None,
    death: GivenOf | None = None,
    degradation: Given | None = None,
    synthesis: Given | None = None,
    start: Mapping[float, Given] | None = None,
    resistant_from: float = float("inf"),
    dependence: str = "frequency",
) -> PgpGrid:
    """A population whose cells differ in P-gp content p, which they even out on contact: the structured form.

    ``du/dt = 2*tau*(T[u] - u) + (b(p) - mu(p))*u`` for u(t, p) cells per content, where a pair with p1 > p2 leaves as
    ``p1 - f*(p1 - p2)`` and ``p2 + f*(p1 - p2)`` (Hinow et al. 2009, SIAM J Appl Math 70:40; their rates could not be
    read, so tau and f are wide priors). The contents are `bins` equidistant values from 0 to `largest`, each a clone
    ``<name>_0``, ``<name>_1`` ... (`.bins` of what is returned). A cell that lands between two contents is divided
    between them so that the number of cells and the sum of P-gp are conserved exactly, pair by pair; this adds a
    spread of the order of the squared bin width. Without growth the variance falls as
    ``exp(-2*f*(1 - f)*k*t)`` with ``k = 2*tau``.

    Each bin offers its content as P-gp, so that `pkpd_mdr.intracellular` with ``on=population.bins`` gives graded
    resistance. Observables ``P_<name>`` and ``var_P_<name>``.

    Parameters
    ----------
    name : str
        Of the population.
    largest : float
        Largest P-gp per cell (1 is a reference resistant cell).
    bins : int
        3 to 60. With contact there is a process for each pair of bins, so that 21 bins take a minute to prepare.
    tau : quantity, Parameter or Formula, optional
        Contact rate, per time (frequency) or per time and cell (density); parameter ``tau_<name>``. No contact if
        absent: a continuous trait that is only selected.
    f : float or function
        Share of the difference handed over, above 0 and at most 0.5; may be a function of the difference. A number,
        not a parameter, since it decides where cells land.
    growth : Growth or function, optional
        Of every bin, or a function of content that gives its law: ``lambda p: growth.exponential(rate=...)``.
    death : quantity, Parameter, Formula or function, optional
        Per time, or a function of content.
    degradation : quantity, Parameter or Formula, optional
        Of P-gp, per time; parameter ``degradation_pgp_<name>``. With contents a width w apart,
        cells of content p step down at ``degradation*p/w``.
    synthesis : quantity, Parameter or Formula, optional
        P-gp per cell and time, up to `largest`; parameter ``synthesis_pgp_<name>``. Cells step up at ``synthesis/w``.
    start : mapping of float to quantity, optional
        Content to the number of cells that start with it; parameters ``cells_<name>_1`` ... in order.
    resistant_from : float
        Content from which cells count as resistant.
    dependence : str
        ``"frequency"`` or ``"density"``.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        A number of bins, a share or a content is outside its range.
    UnitError
        A quantity has no unit or the wrong one.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> mixed = mdr.pgp.grid("M", largest=1, bins=5, tau="0.05 1/h", f=0.25, start={0: 8e5, 1: 2e5})
    >>> run = mdr.Model(mixed).simulate(until="10 day", times="10 day")
    >>> [round(float(value), 6) for value in (run.frame["P_M"].iloc[0], run.frame["P_M"].iloc[-1])]
    [0.2, 0.2]
    """
    return PgpGrid(
        name,
        largest,
        bins,
        tau,
        f,
        growth,
        death,
        degradation,
        synthesis,
        tuple((start or {}).items()),
        resistant_from,
        dependence,
    )
