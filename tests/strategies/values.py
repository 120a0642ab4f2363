"""Values that random models are made of."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

__all__ = [
    "MOLAR_MASS",
    "Context",
    "Draw",
    "between",
    "concentrations",
    "hills",
    "maybe",
    "rates",
    "shares",
    "texts",
]

Draw = st.DrawFn
MOLAR_MASS = "543.5 g/mol"


@dataclass(frozen=True)
class Context:
    """What a part may refer to."""

    drugs: tuple[str, ...]
    clones: tuple[str, ...]


def between(low: float, high: float) -> st.SearchStrategy[float]:
    """Numbers of four digits."""
    return st.floats(low, high, allow_nan=False).map(lambda value: float(f"{value:.4g}"))


def texts(low: float, high: float, *units: str) -> st.SearchStrategy[str]:
    """Quantities as text, in one of some units."""
    return st.builds(lambda value, unit: f"{value!r} {unit}", between(low, high), st.sampled_from(units))


rates = texts(0.01, 2.0, "1/day", "1/week")
shares = between(0.0, 1.0)
concentrations = texts(0.01, 5.0, "uM", "mg/L")
hills = between(0.5, 4.0)


def maybe(strategy: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    """Or nothing."""
    return st.none() | strategy
