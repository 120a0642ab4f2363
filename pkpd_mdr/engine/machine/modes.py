"""Eigenvalues and eigenvectors of small matrices as formulas: nodes of a graph, from the nodes of the cells.

States that feel each other make a part: an absorption site is one of one state, plasma with a peripheral compartment
one of two. Parts stand in order, as each is fed by earlier ones alone, so that the matrix is triangular but for the
parts: its eigenvalues are theirs, and eigenvectors follow by substitution, from part to part. Parts of up to two states
have formulas that rounding does not harm (`_pair`); a matrix with a larger part has none here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pkpd_mdr.engine.machine.dag import Dag, Node

__all__ = ["Modes", "modes", "risen"]

_FLAT, _ZERO = 2.0**-500, 1e-14
_SMALL = 1e-100
_NEVER = 1e300
_SLOW = 1e-8
"""Below this eigenvalue, per hour, derivatives by it cancel: (exp(e s) - 1)/e is all but s."""

Cells = Mapping[tuple[int, int], Node]
"""Nodes of the cells of a matrix that are not zero, by row and column."""


class Modes(NamedTuple):
    """A matrix as V diag(values) W, with W the inverse of V.

    Attributes
    ----------
    values : list of node
        As `risen` leaves them.
    vectors : list of list of node
        V, row by row; a column is an eigenvector of any length.
    back : list of list of node
        W, row by row.
    doubt : node
        How much rounding the formulas feel: the squared condition of V with columns of length 1, or more. Not a number
        or at least 1e300 where eigenvectors do not exist or are not real.
    flat : node
        Zero where derivatives of the formulas can be trusted, too: no eigenvalue is nearly zero, no two are one.
    """

    values: list[Node]
    vectors: list[list[Node]]
    back: list[list[Node]]
    doubt: Node
    flat: Node


def modes(graph: Dag, size: int, cells: Cells) -> Modes | None:
    """The modes of a matrix; None for a matrix in which three states or more all feel each other.

    Parameters
    ----------
    graph : Dag
    size : int
    cells : mapping of (row, column) to node

    Examples
    --------
    >>> graph = Dag()
    >>> rate = graph.leaf("p", 0)
    >>> found = modes(graph, 2, {(0, 0): graph.neg(rate), (1, 0): rate, (1, 1): graph.constant(-1.0)})
    >>> [float(x) for x in graph.evaluate(found.values, {("p", 0): 3.0})]
    [-3.0, -1.0]
    """
    feels = _feels(size, cells)
    parts = _parts(size, feels)
    if max(map(len, parts)) > 2:
        return None
    zero = graph.constant(0.0)
    own = {part: _own(graph, part, cells) for part in parts}
    values, vectors, back = [zero] * size, [[zero] * size for _ in range(size)], [[zero] * size for _ in range(size)]
    doubt = flat = zero
    for place, part in enumerate(parts):
        for k, mode, value in zip(part, own[part], risen(graph, [mode.value for mode in own[part]]), strict=True):
            values[k] = value
            flat = graph.add(flat, graph.add(mode.flat, _slow(graph, mode.value, value)))
        for k, mode in zip(part, own[part], strict=True):
            right, left = dict(zip(part, mode.right, strict=True)), dict(zip(part, mode.left, strict=True))
            for later in parts[place + 1 :]:
                if (later[0], part[0]) in feels:
                    doubt = graph.add(doubt, _equal(graph, mode, own[later]))
                fed = [_sum(graph, [(cells.get((i, j), zero), x) for j, x in right.items()]) for i in later]
                right |= zip(later, _solved(graph, own[later], mode.value, fed), strict=True)
            for earlier in reversed(parts[:place]):
                fed = [_sum(graph, [(cells.get((j, i), zero), x) for j, x in left.items()]) for i in earlier]
                left |= zip(earlier, _solved(graph, own[earlier], mode.value, fed, turned=True), strict=True)
            for i, x in right.items():
                vectors[i][k] = x
            for i, x in left.items():
                back[k][i] = x
            lengths = [_sum(graph, [(x, x) for x in side.values()]) for side in (right, left)]
            doubt = graph.add(doubt, graph.add(graph.mul(*lengths), mode.doubt))
    return Modes(values, vectors, back, graph.mul(graph.constant(float(size)), doubt), flat)


def risen(graph: Dag, values: Sequence[Node]) -> list[Node]:
    """Eigenvalues of one part, of which none is zero: what is zero but for rounding counts as 2**-500.

    Over any time s, (exp(e s) - 1)/e is then s to rounding, and exp(e s) is 1. The eigenvalue of a single state is
    exact; of several, what is below 1e-14 of the largest may be what rounding left of nothing.
    """
    sizes = [graph.function("abs", value) for value in values]
    least = flat = graph.constant(_FLAT)
    for size in sizes if len(values) > 1 else ():
        least = graph.extreme("max", graph.mul(graph.constant(_ZERO), size), least)
    return [
        graph.select(graph.compare("<", size, least), flat, value) for size, value in zip(sizes, values, strict=True)
    ]


def _slow(graph: Dag, value: Node, risen_to: Node) -> Node:
    """1 for an eigenvalue of which nothing but zero is left, or so little that derivatives by it cancel.

    0 for one that is a number, by which nothing is differentiated.
    """
    small = graph.compare("<", graph.function("abs", risen_to), graph.constant(_SLOW))
    one, zero = graph.constant(1.0), graph.constant(0.0)
    if graph.value(value) is not None:
        return zero
    return graph.select(graph.compare("==", value, risen_to), graph.select(small, one, zero), one)


class _Mode(NamedTuple):
    """One mode of a part: eigenvalue, right and left vector with a product of 1, and what is wrong with it.

    `matrix` has the cells of the part, and `others` its other eigenvalue. `flat` is 1 where this is the same, else 0.
    """

    value: Node
    right: Sequence[Node]
    left: Sequence[Node]
    doubt: Node
    matrix: Sequence[Node]
    others: Sequence[Node]
    flat: Node


def _own(graph: Dag, part: tuple[int, ...], cells: Cells) -> list[_Mode]:
    zero, one = graph.constant(0.0), graph.constant(1.0)
    matrix = [cells.get((i, j), zero) for i in part for j in part]
    return _pair(graph, matrix) if len(part) == 2 else [_Mode(matrix[0], [one], [one], zero, matrix, [], zero)]


def _pair(graph: Dag, matrix: Sequence[Node]) -> list[_Mode]:
    """The modes of ((a, b), (c, d)).

    With p = (a - d)/2 and z = p + sign(p) sqrt(p^2 + b c), the sum that does not cancel, the eigenvalues are a + b c/z
    and d - b c/z, V is ((z, -b), (c, z)), and its inverse ((z, b), (-c, z))/(z^2 + b c). All but the eigenvalues is
    taken relative to the largest of p, b and c, so that nothing leaves the range of numbers. Where z is zero, so are b
    and c, or there are no two eigenvectors.
    """
    a, b, c, d = matrix
    zero, one, small = graph.constant(0.0), graph.constant(1.0), graph.constant(_SMALL)
    half = graph.mul(graph.constant(0.5), graph.sub(a, d))
    size = graph.constant(_FLAT)
    for part in (half, b, c):
        size = graph.extreme("max", graph.function("abs", part), size)
    p, across, along = (graph.div(part, size) for part in (half, b, c))
    product = graph.mul(across, along)
    square = graph.add(graph.mul(p, p), product)
    root = graph.function("sqrt", graph.extreme("max", square, zero))
    z = graph.add(p, graph.select(graph.compare("<", p, zero), graph.neg(root), root))
    flat = graph.compare("<", graph.function("abs", z), small)
    z = graph.select(flat, one, z)
    shift = graph.mul(size, graph.div(product, z))
    first, second = graph.add(a, shift), graph.sub(d, shift)
    norm = graph.inverse(graph.add(graph.mul(z, z), product))
    coupled = graph.extreme("max", graph.function("abs", across), graph.function("abs", along))
    never = graph.constant(_NEVER)
    doubt = graph.select(flat, graph.select(graph.compare("<", coupled, small), zero, never), zero)
    doubt = graph.select(graph.compare("<", square, zero), never, doubt)
    ours, theirs, alike = [z, across], [graph.neg(along), z], graph.select(flat, one, zero)
    return [
        _Mode(first, [z, along], [graph.mul(norm, x) for x in ours], doubt, matrix, [second], alike),
        _Mode(second, [graph.neg(across), z], [graph.mul(norm, x) for x in theirs], doubt, matrix, [first], alike),
    ]


def _equal(graph: Dag, mode: _Mode, part: Sequence[_Mode]) -> Node:
    """The doubt about a mode that has an eigenvalue of a part that it feeds, where products of vectors may not vanish.

    As a rule a division by zero tells that, but not where what is divided has no formula but zero.
    """
    doubt, zero, never = (graph.constant(value) for value in (0.0, 0.0, _NEVER))
    for other in part:
        doubt = graph.add(doubt, graph.select(graph.compare("==", mode.value, other.value), never, zero))
    return doubt


def _solved(
    graph: Dag, part: Sequence[_Mode], value: Node, fed: Sequence[Node], *, turned: bool = False
) -> Sequence[Node]:
    """The x with (value - A) x = fed, for a part with matrix A, or for its transpose."""
    if all(node == graph.constant(0.0) for node in fed):
        return fed
    known = part[0]
    scale = graph.inverse(graph.sub(value, known.value))
    if not known.others:
        return [graph.mul(fed[0], scale)]
    scale = graph.mul(scale, graph.inverse(graph.sub(value, known.others[0])))
    a, b, c, d = known.matrix
    b, c = (c, b) if turned else (b, c)
    first = _sum(graph, [(graph.sub(value, d), fed[0]), (b, fed[1])])
    second = _sum(graph, [(c, fed[0]), (graph.sub(value, a), fed[1])])
    return [graph.mul(first, scale), graph.mul(second, scale)]


def _sum(graph: Dag, products: Sequence[tuple[Node, Node]]) -> Node:
    total = graph.constant(0.0)
    for a, b in products:
        total = graph.add(total, graph.mul(a, b))
    return total


def _feels(size: int, cells: Cells) -> set[tuple[int, int]]:
    """Pairs of a state and one whose value reaches it, itself included."""
    feels = {(i, j) for i, j in cells if i != j} | {(i, i) for i in range(size)}
    for k in range(size):
        feels |= {(i, j) for i in range(size) for j in range(size) if (i, k) in feels and (k, j) in feels}
    return feels


def _parts(size: int, feels: set[tuple[int, int]]) -> list[tuple[int, ...]]:
    """States that feel each other, those first that feed others."""
    mutual = {i: tuple(j for j in range(size) if (i, j) in feels and (j, i) in feels) for i in range(size)}
    return sorted(set(mutual.values()), key=lambda part: (sum((part[0], j) in feels for j in range(size)), part))
