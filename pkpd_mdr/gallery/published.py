"""What a gallery module declares: its model, its citation, a line that runs it, and the numbers it reproduces.

Each module ends with ``ENTRY = Published(...)``, so that one command can compute every number (`gallery.check`) and one
test can hold the library to them.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from pkpd_mdr.errors import ModelError, did_you_mean, shown
from pkpd_mdr.mechanisms import parameter
from pkpd_mdr.mechanisms.user import SharedParameter
from pkpd_mdr.model import Model

__all__ = ["FLAGS", "ORIGINS", "TOPICS", "Outcome", "Published", "Result", "declared", "origin", "sourced"]

FLAGS: Mapping[str, str] = {
    "C": "published, or confirmed in a source",
    "D": "derived from published values by a closed form or by another solver with a tight tolerance",
    "R": "recalled, or derived from recalled values",
}
"""How far a number is to be trusted."""

ORIGINS: Mapping[str, str] = {
    "published": "stands in the publication, or in the file named, for this model",
    "derived": "computed from such values, as said",
    "range": "chosen within a range that is published or recalled, as said",
    "recalled": "remembered from the publication, not looked up",
    "assumed": "chosen here, for the reason given",
}
"""How the source of a parameter begins, and what that means."""

TOPICS: Mapping[str, str] = {
    "S1": "mechanisms of multidrug resistance",
    "S2": "exosomes",
    "S3": "transfer of P-gp between cells",
    "S4": "glioma and temozolomide",
    "S5": "immunotherapy, combination and sequence",
}
"""Topics by which models are listed."""


@dataclass(frozen=True, slots=True)
class Result:
    """A number, or a claim, that a published model has to give.

    Parameters
    ----------
    quantity : str
        What it is, such as ``"nadir of the diameter"``.
    expected : float or bool
        The number in `unit`; True for a claim that holds.
    compute : callable
        Takes nothing and returns the number, or whether the claim holds.
    unit : str
        Unit of `expected`.
    atol, rtol : float
        Reproduced if ``|obtained - expected| <= atol + rtol*|expected|``; not used for claims.
    flag : {"C", "D", "R"}
        Origin of `expected`; see `FLAGS`.
    source : str
        Where `expected` stands, or how it was derived.
    unreached : str
        Empty, or the best explanation of why the number is not reproduced.

    Raises
    ------
    ModelError
        The flag is unknown, or a number has no tolerance.

    Examples
    --------
    >>> Result("half-life", 2.1, lambda: 2.1003, unit="h", atol=0.01, flag="C").holds(2.1003)
    True
    """

    quantity: str
    expected: float | bool
    compute: Callable[[], float]
    unit: str = ""
    atol: float = 0.0
    rtol: float = 0.0
    flag: str = "D"
    source: str = ""
    unreached: str = ""

    def __post_init__(self) -> None:
        if self.flag not in FLAGS:
            raise ModelError(
                f"result {shown(self.quantity)}: flag {shown(self.flag)} is not known{did_you_mean(self.flag, FLAGS)}"
            )
        if not self.claim and not (self.atol >= 0 and self.rtol >= 0 and self.tolerance > 0):
            raise ModelError(f"result {shown(self.quantity)} has no tolerance; give atol or rtol above zero")

    @property
    def claim(self) -> bool:
        """Whether it is a statement that holds or not, instead of a number."""
        return isinstance(self.expected, bool)

    @property
    def tolerance(self) -> float:
        """Largest difference that counts as reproduced."""
        return self.atol + self.rtol * abs(self.expected)

    def holds(self, obtained: float) -> bool:
        """Whether an obtained number reproduces the expected one."""
        if self.claim:
            return bool(obtained) is self.expected
        return math.isfinite(obtained) and abs(obtained - self.expected) <= self.tolerance


@dataclass(frozen=True, slots=True)
class Published:
    """A published model in the gallery.

    Parameters
    ----------
    make : callable
        The function that makes it, named as the model; all its arguments have defaults.
    citation : str
        Authors, year, journal; or the file from which the equations and values are.
    topics : tuple of str
        Keys of `TOPICS`.
    run : str
        One line that runs it, with ``import pkpd_mdr as mdr``.
    results : tuple of Result
        What it reproduces.
    ours : str
        What of the form or of the values is not the paper's, because it could not be obtained.
    draw : tuple of str
        Outputs to draw, where the usual ones of `Run.plot` are not what the paper is about.

    Raises
    ------
    ModelError
        A topic is unknown, or there is nothing to reproduce.
    """

    make: Callable[..., Any]
    citation: str
    topics: tuple[str, ...]
    run: str
    results: tuple[Result, ...]
    ours: str = ""
    draw: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for topic in self.topics:
            if topic not in TOPICS:
                raise ModelError(
                    f"gallery model {shown(self.name)}: topic {shown(topic)} is not known{did_you_mean(topic, TOPICS)}"
                )
        if not self.results:
            raise ModelError(f"gallery model {shown(self.name)} reproduces nothing; give it a result")

    @property
    def name(self) -> str:
        """Name of the model and of the function that makes it."""
        return self.make.__name__

    @property
    def summary(self) -> str:
        """First line of the module's own description."""
        return (inspect.getdoc(inspect.getmodule(self.make)) or "").partition("\n")[0]

    def sources(self) -> dict[str, tuple[str, ...]]:
        """Source to the parameters of the default model that it stands for, in the order of `ORIGINS`."""
        made = self.make()
        found: dict[str, list[str]] = {}
        for item in (made if isinstance(made, Model) else made.model()).parameters.values():
            found.setdefault(item.source, []).append(item.name)
        order = list(ORIGINS)
        return {source: tuple(found[source]) for source in sorted(found, key=lambda text: order.index(origin(text)))}

    def origins(self) -> dict[str, int]:
        """Number of parameters of each origin, such as ``{"published": 9, "assumed": 2}``."""
        counts: dict[str, int] = {}
        for source, names in self.sources().items():
            counts[origin(source)] = counts.get(origin(source), 0) + len(names)
        return counts

    def __str__(self) -> str:
        own = f"Not the paper's own: {self.ours}\n" if self.ours else ""
        what = "\n".join(f"  [{result.flag}] {result.quantity}" for result in self.results)
        drawn = f"Draw it: the same, .plot({list(self.draw)})\n" if self.draw else ""
        where = "\n".join(f"  {', '.join(names)}: {source}" for source, names in self.sources().items())
        return (
            f"{self.name}: {self.summary}\n{self.citation}\n{own}Run it: {self.run}\n{drawn}"
            f"Parameters:\n{where}\nReproduces:\n{what}"
        )

    __repr__ = __str__

    def check(self) -> tuple[Outcome, ...]:
        """Compute every result."""
        return tuple(Outcome(self.name, result, result.compute()) for result in self.results)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A result of a model beside what was obtained."""

    model: str
    result: Result
    obtained: float

    @property
    def error(self) -> float:
        """``obtained - expected``."""
        return float(self.obtained) - float(self.result.expected)

    @property
    def ok(self) -> bool:
        """Whether the number is reproduced."""
        return self.result.holds(self.obtained)

    @property
    def declared(self) -> bool:
        """Whether the outcome is what the model declares: reproduced, or not reproduced where it says so."""
        return self.ok is not bool(self.result.unreached)

    def __str__(self) -> str:
        expected, obtained = self.row()[2:4]
        return f"{self.model}, {self.result.quantity}: {expected} expected, {obtained} obtained"

    def row(self) -> tuple[str, ...]:
        """As a line of the table of numbers."""
        result = self.result
        if result.claim:
            words = ("holds" if result.expected else "does not hold", "holds" if self.obtained else "does not hold")
            return (self.model, result.quantity, *words, "", "", result.flag, result.source)
        digits = [f"{value:.{_digits(value, result.tolerance)}g}" for value in (result.expected, self.obtained)]
        shown_numbers = [f"{text} {result.unit}".rstrip() for text in digits]
        return (
            self.model,
            result.quantity,
            *shown_numbers,
            f"{self.error:.1e}",
            f"{result.tolerance:.1e}",
            result.flag,
            result.source,
        )


def _digits(value: float, tolerance: float) -> int:
    """Significant digits that show a value to a tenth of the tolerance, 4 to 10."""
    if not value or not math.isfinite(value):
        return 4
    return min(10, max(4, math.ceil(math.log10(abs(value) / tolerance)) + 2))


def declared(values: Mapping[str, tuple[str, str]], *, source: str) -> Iterable[SharedParameter]:
    """Parameters of a model written down as text: name to value with unit and meaning.

    Parameters
    ----------
    values : mapping of str to (str, str)
        ``{"a": ("0.18 1/day", "tumour growth")}``.
    source : str
        Where the values are from.

    Returns
    -------
    iterable of SharedParameter

    Examples
    --------
    >>> [item.name for item in declared({"a": ("0.18 1/day", "tumour growth")}, source="Kuznetsov et al. 1994")]
    ['a']
    """
    return (parameter(name, value, source=source, description=text) for name, (value, text) in values.items())


def sourced(model: Model, sources: Mapping[str, str]) -> Model:
    """A model all of whose parameters say where their values come from.

    Parameters
    ----------
    model : Model
    sources : mapping of str to str
        Source, which begins with one of `ORIGINS`, to the parameters that it stands for: names with blanks between,
        or patterns such as ``"hill_*"``, which may also match nothing.

    Raises
    ------
    ModelError
        A name that the model does not have, or a parameter without a source, with two, or with one of no known origin.

    Examples
    --------
    >>> from pkpd_mdr.mechanisms import clone
    >>> sourced(Model(clone("S", start=100)), {"assumed: a small tumour": "S0"}).parameters["S0"].source
    'assumed: a small tumour'
    """
    told: dict[str, str] = {}
    for source, names in sources.items():
        for pattern in names.split():
            for name in _matching(model, pattern):
                if name in told:
                    raise ModelError(f"parameter {shown(name)} has two sources: {told[name]}; {source}")
                told[name] = source
    complete = model.with_sources(told)
    for item in complete.parameters.values():
        origin(item.source)
    return complete


def _matching(model: Model, pattern: str) -> list[str]:
    if "*" not in pattern:
        return [model.parameter(pattern).name]
    return [name for name in model.parameters if fnmatchcase(name, pattern)]


def origin(source: str) -> str:
    """The word of `ORIGINS` that a source begins with; `ModelError` if it begins with none or says no more."""
    word, _, more = source.partition(":")
    if word not in ORIGINS or not more.strip():
        raise ModelError(f"the source {shown(source)} does not begin with one of {', '.join(ORIGINS)}, and a reason")
    return word
