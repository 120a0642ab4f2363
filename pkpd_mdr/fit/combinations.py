"""Which combinations of parameters are known where the parameters themselves are not.

Let N span, at a point, the directions along which no output moves. A function f of the parameters is determined if its
gradient has no part along N. Candidates are tried from simple to complicated (products and ratios, sums and
differences of equal dimension, ``1 - share``), at several random points, and the simplest independent ones are kept.
Where none fits, exponents are read from N itself if it is the same at every point: then the combinations are monomials.

Everything here is in *relative* coordinates, ``d ln(value)``, whatever the working scale of a parameter.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from pkpd_mdr.fit.free import FloatArray, Space

__all__ = ["Combination", "Terrain", "combinations_of", "groups_of"]

_LARGEST_GROUP = 12  # beyond, only monomials from the null space are looked for
_INDEPENDENT = 1e-3  # share of a gradient that must not lie in those found before
_FINEST = 6  # largest denominator of an exponent


@dataclass(frozen=True, slots=True)
class Terrain:
    """Random points and what cannot be seen there.

    Attributes
    ----------
    space : Space
    values : ndarray, shape (points, k)
        Internal units.
    blind : tuple of ndarray, each of shape (k, d)
        Orthonormal directions, relative coordinates, along which no output moves.
    tolerance : float
        Largest part of a unit gradient along `blind` that counts as none.
    covariance : ndarray, shape (k, k), or None
        Of the relative coordinates at the only point, where errors of measurement and not the structure decide.
    limit : float
        Largest standard error of a unit gradient that counts as determined; used with `covariance`.
    first : tuple of Combination
        Tried before all others: at one point a sum of equal parts has the gradient of their product.
    """

    space: Space
    values: FloatArray
    blind: tuple[FloatArray, ...]
    tolerance: float
    covariance: FloatArray | None = None
    limit: float = math.inf
    first: tuple[Combination, ...] = ()

    def determined(self, gradients: FloatArray) -> bool:
        """Whether a function with these gradients, shape (points, k), moves with what can be seen only."""
        if self.covariance is not None:
            (g,) = gradients
            return math.sqrt(max(float(g @ self.covariance @ g), 0.0)) <= self.limit * float(np.linalg.norm(g))
        return all(
            float(np.abs(g @ n).max(initial=0.0)) <= self.tolerance * float(np.linalg.norm(g))
            for g, n in zip(gradients, self.blind, strict=True)
        )


@dataclass(frozen=True, slots=True)
class _Term:
    """One factor of a candidate: a parameter, one minus it, or a sum with signs."""

    members: tuple[int, ...]
    signs: tuple[int, ...]
    one: bool = False

    def value(self, values: FloatArray) -> float:
        """At values of the parameters."""
        total = sum(sign * float(values[j]) for j, sign in zip(self.members, self.signs, strict=True))
        return 1.0 - total if self.one else total

    def gradient(self, values: FloatArray) -> FloatArray:
        """Of the logarithm, relative coordinates, shape (k,)."""
        found, total = np.zeros(len(values)), self.value(values)
        for j, sign in zip(self.members, self.signs, strict=True):
            share = values[j] / total if total else float(len(self.members) == 1)
            found[j] = (-1 if self.one else 1) * sign * share
        return found

    def text(self, names: Sequence[str]) -> str:
        """As it is written."""
        if self.one:
            return f"(1 - {names[self.members[0]]})"
        if len(self.members) == 1:
            return names[self.members[0]]
        first, *rest = zip(self.members, self.signs, strict=True)
        return f"({names[first[0]]}" + "".join(f" {'+' if s > 0 else '-'} {names[j]}" for j, s in rest) + ")"


@dataclass(frozen=True, slots=True)
class Combination:
    """A function of parameters that is determined.

    Attributes
    ----------
    text : str
        As a formula, such as ``"emax_dox_S / ec50_dox_S"``.
    parameters : tuple of str
    exact : bool
        False where the exponents are only those of the neighbourhood.
    factors : tuple of (term, exponent)
    """

    text: str
    parameters: tuple[str, ...]
    exact: bool
    factors: tuple[tuple[_Term, float], ...]

    def value(self, values: FloatArray) -> float:
        """At parameter values in internal units, shape (k,)."""
        return math.prod(math.copysign(abs(x) ** power, x) for x, power in self._parts(values))

    def _parts(self, values: FloatArray) -> Iterator[tuple[float, float]]:
        for term, power in self.factors:
            yield term.value(values), power

    def gradient(self, values: FloatArray) -> FloatArray:
        """Of the logarithm by relative coordinates, shape (k,)."""
        return np.asarray(sum(power * term.gradient(values) for term, power in self.factors))

    def __str__(self) -> str:
        return self.text


def groups_of(blind: FloatArray, tolerance: float) -> list[list[int]]:
    """Parameters that are entangled with each other, from directions of shape (k, d); seen ones are in no group."""
    projector = blind @ blind.T
    entangled = np.abs(projector) > tolerance
    left = {int(j) for j in np.flatnonzero(np.linalg.norm(blind, axis=1) > tolerance)}
    found = []
    while left:
        group, fresh = set(), {min(left)}
        while fresh:
            group |= fresh
            fresh = {int(i) for j in fresh for i in np.flatnonzero(entangled[j])} & left - group
        found.append(sorted(group))
        left -= group
    return found


def combinations_of(terrain: Terrain, group: Sequence[int]) -> list[Combination]:
    """Independent combinations of one group that are determined, simplest first."""
    seen = len(group) - round(float(np.sum(terrain.blind[0][list(group)] ** 2)))
    chosen: list[Combination] = []
    if seen <= 0:
        return chosen
    basis: list[list[FloatArray]] = [[] for _ in terrain.values]
    if len(group) <= _LARGEST_GROUP:
        known = (item.factors for item in terrain.first if item.exact and _within(item, terrain.space, group))
        for factors in itertools.chain(known, _candidates(terrain, group)):
            if len(chosen) == seen:
                return chosen
            gradients = _gradients(factors, terrain.values)
            if terrain.determined(gradients) and _enlarge(basis, gradients):
                chosen.append(_combination(factors, terrain.space, exact=True))
    for factors, exact in _monomials(terrain, group, seen):
        if len(chosen) == seen:
            break
        if _enlarge(basis, _gradients(factors, terrain.values)):
            chosen.append(_combination(factors, terrain.space, exact=exact))
    return chosen


def _within(item: Combination, space: Space, group: Sequence[int]) -> bool:
    return {space.names.index(name) for name in item.parameters} <= set(group)


def _gradients(factors: Sequence[tuple[_Term, float]], values: FloatArray) -> FloatArray:
    return np.array([sum(power * term.gradient(row) for term, power in factors) for row in values])


def _enlarge(basis: list[list[FloatArray]], gradients: FloatArray) -> bool:
    """Add a gradient to the basis of each point unless it lies in one of them."""
    fresh = []
    for known, gradient in zip(basis, gradients, strict=True):
        rest = gradient / np.linalg.norm(gradient)
        for direction in known:
            rest = rest - (rest @ direction) * direction
        size = float(np.linalg.norm(rest))
        if size < _INDEPENDENT:
            return False
        fresh.append(rest / size)
    for known, direction in zip(basis, fresh, strict=True):
        known.append(direction)
    return True


# -- candidates, from simple to complicated ------------------------------------------------------------------


def _candidates(terrain: Terrain, group: Sequence[int]) -> Iterator[tuple[tuple[_Term, float], ...]]:
    plain = [_Term((j,), (1,)) for j in group]
    shares = [_Term((j,), (1,), one=True) for j in group if _is_share(terrain.space, j)]
    sums = list(_sums(terrain, group, 2))
    for a, b in itertools.combinations(plain, 2):
        yield from _signed((a, b))
    yield from (((term, 1.0),) for term in sums)
    for a, b in itertools.product(plain, shares):
        yield from _signed((a, b))
    for a, b in itertools.product(sums, plain):
        yield from _signed((b, a))
    yield from (((term, 1.0),) for term in _sums(terrain, group, 3))
    for triple in itertools.combinations(plain, 3):
        yield from _signed(triple)
    for a, b in itertools.permutations(plain, 2):
        for power in (2.0, -2.0, 3.0, -3.0):
            yield (a, power), (b, 1.0)
    for a, b in itertools.combinations(sums + shares, 2):
        yield from _signed((a, b))


def _signed(terms: Sequence[_Term]) -> Iterator[tuple[tuple[_Term, float], ...]]:
    """All ways to put terms above and below the line; the first stays above."""
    for powers in itertools.product((1.0, -1.0), repeat=len(terms) - 1):
        if not _repeated(terms):
            yield tuple(zip(terms, (1.0, *powers), strict=True))


def _repeated(terms: Sequence[_Term]) -> bool:
    return any(a.members == b.members and a.one == b.one for a, b in itertools.combinations(terms, 2))


def _is_share(space: Space, j: int) -> bool:
    item = space.free[j]
    return item.unit.dimensionless and item.lower >= 0.0 and item.upper <= 1.0


def _sums(terrain: Terrain, group: Sequence[int], size: int) -> Iterator[_Term]:
    """Sums and differences of parameters of one dimension that do not vanish at a point."""
    for members in itertools.combinations(group, size):
        units = [terrain.space.free[j].unit for j in members]
        if not all(unit.like(units[0]) for unit in units):
            continue
        for signs in itertools.product((1, -1), repeat=size - 1):
            term = _Term(members, (1, *signs))
            if all(abs(term.value(row)) > 1e-6 * np.abs(row[list(members)]).max() for row in terrain.values):
                yield term


# -- exponents from the null space ---------------------------------------------------------------------------


def _monomials(
    terrain: Terrain, group: Sequence[int], seen: int
) -> Iterator[tuple[tuple[tuple[_Term, float], ...], bool]]:
    """Monomials that are orthogonal to what cannot be seen: exact where that is the same at every point."""
    chosen = list(group)
    complements = [_complement(blind[chosen], seen) for blind in terrain.blind]
    first = complements[0]
    same = all(np.abs(c.T @ c - first.T @ first).max() < 10 * terrain.tolerance for c in complements[1:])
    for row in _reduced(first):
        powers = [Fraction(float(x)).limit_denominator(_FINEST) for x in row]
        near = all(abs(float(p) - x) < 10 * terrain.tolerance for p, x in zip(powers, row, strict=True))
        exact = same and near and len(terrain.values) > 1
        used = [float(p) for p in powers] if exact else [float(f"{x:.3g}") if abs(x) > 1e-3 else 0.0 for x in row]
        yield tuple((_Term((j,), (1,)), p) for j, p in zip(chosen, used, strict=True) if p), exact


def _complement(blind: FloatArray, seen: int) -> FloatArray:
    """Orthonormal rows orthogonal to the columns, shape (seen, members of the group)."""
    left, _, _ = np.linalg.svd(blind, full_matrices=True)
    return np.asarray(left[:, left.shape[1] - seen :].T)


def _reduced(rows: FloatArray) -> FloatArray:
    """Reduced row echelon form with the largest pivots, which shows small whole exponents where there are any."""
    table = rows.copy()
    for row in range(len(table)):
        part = np.abs(table[row:])
        at = np.unravel_index(int(np.argmax(part)), part.shape)
        table[[row, row + int(at[0])]] = table[[row + int(at[0]), row]]
        pivot = int(at[1])
        table[row] /= table[row, pivot]
        others = np.arange(len(table)) != row
        table[others] -= np.outer(table[others, pivot], table[row])
    return table


# -- as text ---------------------------------------------------------------------------------------------------


def _combination(factors: Sequence[tuple[_Term, float]], space: Space, *, exact: bool) -> Combination:
    members = dict.fromkeys(j for term, _ in factors for j in term.members)
    return Combination(_text(factors, space.names), tuple(space.names[j] for j in members), exact, tuple(factors))


def _text(factors: Sequence[tuple[_Term, float]], names: Sequence[str]) -> str:
    above = [_powered(term.text(names), p) for term, p in factors if p > 0]
    below = [_powered(term.text(names), -p) for term, p in factors if p < 0]
    if len(factors) == 1 and factors[0][1] == 1.0:
        return above[0].removeprefix("(").removesuffix(")")
    top = " * ".join(above) or "1"
    if not below:
        return top
    return f"{top} / {below[0]}" if len(below) == 1 else f"{top} / ({' * '.join(below)})"


def _powered(text: str, power: float) -> str:
    if power == 1.0:
        return text
    exact = Fraction(power).limit_denominator(_FINEST)
    shown = str(exact) if abs(float(exact) - power) < 1e-12 else f"{power:.3g}"
    return f"{text}**{shown}" if "/" not in shown else f"{text}**({shown})"
