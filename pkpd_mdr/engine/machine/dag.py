"""Expressions as a hash-consed graph: read once from SymPy, differentiated in milliseconds, lowered to machine code.

A node is an integer. Equal subexpressions are one node, so common subexpressions need no search; derivatives come from
sparse forward differentiation over the nodes (Griewank & Walther 2008, chapter 3). The functions follow the rules of
`expression.py`: a power of a base at or below zero is 0, a logarithm is that of at least 1e-300, an exponential that
of at most 700.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["CONDITIONS", "LARGEST", "LARGEST_2", "SMALLEST", "Dag", "Leaf", "Node", "Row"]

Node = int
Leaf = tuple[str, int]
Row = dict[int, Node]

SMALLEST, LARGEST = 1e-300, 700.0
LARGEST_2 = LARGEST / math.log(2.0)
_LOG2E = 1.0 / math.log(2.0)
_FLAT = 1e-20
"""Below this base a power rises no more steeply: no step survives the infinite slope of an exponent below 1."""


class Dag:
    """A growing graph of expressions.

    A leaf is a kind and a number: ``("y", 3)`` is state 3. Kinds whose leaves never change during a run (parameters)
    are named when the graph is made; `feels` has for each node a bit for every other leaf that it depends on, and is 0
    where it depends on none.

    Parameters
    ----------
    settled : sequence of str
        The kinds of leaf that stay fixed while states move.

    Examples
    --------
    >>> graph = Dag()
    >>> x, y = graph.leaf("y", 0), graph.leaf("y", 1)
    >>> product = graph.mul(x, y)
    >>> graph.mul(y, x) == product
    True
    >>> [row] = graph.gradient([product], {x: {0: graph.constant(1.0)}})
    >>> row[0] == y
    True
    """

    def __init__(self, settled: Sequence[str] = ("p",)) -> None:
        self.codes: list[tuple[Any, ...]] = []
        self.feels: list[int] = []
        self._index: dict[tuple[Any, ...], Node] = {}
        self._kinds, self._next = frozenset(settled), 1

    def __len__(self) -> int:
        return len(self.codes)

    # -- nodes -----------------------------------------------------------------------------------------

    def _make(self, *code: Any) -> Node:
        found = self._index.get(code)
        if found is None:
            found = self._index[code] = len(self.codes)
            self.codes.append(code)
            felt = 0
            if code[0] == "x" and code[1] not in self._kinds:
                felt, self._next = self._next, 2 * self._next
            for part in self.inputs(found):
                felt |= self.feels[part]
            self.feels.append(felt)
        return found

    def inputs(self, node: Node) -> tuple[Node, ...]:
        """The nodes that a node is computed from."""
        code = self.codes[node]
        return () if code[0] in ("c", "x") else code[1:]

    def constant(self, value: float) -> Node:
        """The node of a number."""
        return self._make("c", float(value) + 0.0)

    def leaf(self, kind: str, number: int) -> Node:
        """The node of an input such as state 3, ``("y", 3)``."""
        return self._make("x", kind, number)

    def value(self, node: Node) -> float | None:
        """The number behind a node, or None when it is not a constant."""
        code = self.codes[node]
        return code[1] if code[0] == "c" else None

    def add(self, a: Node, b: Node) -> Node:
        """``a + b``."""
        x, y = self.value(a), self.value(b)
        if x is not None and y is not None:
            return self.constant(x + y)
        if x == 0.0:
            return b
        if y == 0.0:
            return a
        if self.codes[b][0] == "neg":
            return self.sub(a, self.codes[b][1])
        if self.codes[a][0] == "neg":
            return self.sub(b, self.codes[a][1])
        return self._make("+", *sorted((a, b)))

    def sub(self, a: Node, b: Node) -> Node:
        """``a - b``."""
        x, y = self.value(a), self.value(b)
        if x is not None and y is not None:
            return self.constant(x - y)
        if y == 0.0:
            return a
        if x == 0.0:
            return self.neg(b)
        if self.codes[b][0] == "neg":
            return self.add(a, self.codes[b][1])
        return self._make("-", a, b)

    def neg(self, a: Node) -> Node:
        """``-a``."""
        code = self.codes[a]
        if code[0] == "c":
            return self.constant(-code[1])
        if code[0] == "-":
            return self._make("-", code[2], code[1])
        return int(code[1]) if code[0] == "neg" else self._make("neg", a)

    def mul(self, a: Node, b: Node) -> Node:
        """``a * b``; zero times anything is zero."""
        x, y = self.value(a), self.value(b)
        if x is not None and y is not None:
            return self.constant(x * y)
        if y is not None:
            a, b, x = b, a, y
        if x is not None and x in (0.0, 1.0, -1.0):
            return a if x == 0.0 else b if x == 1.0 else self.neg(b)
        if self.codes[a][0] == "neg":
            return self.neg(self.mul(self.codes[a][1], b))
        if self.codes[b][0] == "neg":
            return self.neg(self.mul(a, self.codes[b][1]))
        return self._make("*", *sorted((a, b)))

    def div(self, a: Node, b: Node) -> Node:
        """``a * (1/b)``: the reciprocal is a node of its own because derivatives need it again."""
        return a if self.value(a) == 0.0 else self.mul(a, self.inverse(b))

    def inverse(self, a: Node) -> Node:
        """``1/a``."""
        x = self.value(a)
        if x is not None and x != 0.0:
            return self.constant(1.0 / x)
        return self.neg(self.inverse(self.codes[a][1])) if self.codes[a][0] == "neg" else self._make("inv", a)

    def function(self, name: str, a: Node) -> Node:
        """A function of one argument: exp, exp2, log, sqrt, expm1, log1p, tanh, sin, cos, abs."""
        x = self.value(a)
        return self._make(name, a) if x is None else self.constant(float(_NUMERIC[name](np.float64(x))))

    def extreme(self, name: str, a: Node, b: Node) -> Node:
        """``"max"`` or ``"min"`` of two nodes; a constant stands second."""
        x, y = self.value(a), self.value(b)
        if x is not None and y is not None:
            return self.constant(max(x, y) if name == "max" else min(x, y))
        if a == b:
            return a
        first, second = (b, a) if x is not None else (a, b) if y is not None else sorted((a, b))
        return self._make(name, first, second)

    def compare(self, name: str, a: Node, b: Node) -> Node:
        """A condition: ``"<"``, ``"<="`` or ``"=="`` (and ``"and"``, ``"or"`` of two conditions)."""
        return self._make(name, a, b)

    def select(self, condition: Node, a: Node, b: Node) -> Node:
        """``a`` where the condition holds, ``b`` elsewhere."""
        return a if a == b else self._make("select", condition, a, b)

    def whole_power(self, base: Node, exponent: int) -> Node:
        """``base**exponent`` for an integer exponent, by squaring."""
        if exponent < 0:
            return self.inverse(self.whole_power(base, -exponent))
        result, square = self.constant(1.0), base
        while exponent:
            if exponent & 1:
                result = self.mul(result, square)
            exponent >>= 1
            if exponent:
                square = self.mul(square, square)
        return result

    def power(self, base: Node, exponent: Node) -> Node:
        """``max(base, 0)**exponent`` as `expression.Power` defines it; its body is ``2**(exponent*log2(base))``."""
        zero, fixed = self.constant(0.0), self.value(exponent)
        if fixed == 0.5:
            return self.function("sqrt", self.extreme("max", base, zero))
        scaled = self.mul(exponent, self.constant(_LOG2E))
        parts = [self.mul(scaled, part) for part in self._logarithms(base)]
        body = base if fixed == 1.0 else self.function("exp2", self.add(*parts) if len(parts) > 1 else parts[0])
        one = self.constant(1.0)
        if fixed is None:
            elsewhere = self.select(self.compare("==", exponent, zero), one, zero)
        else:
            elsewhere = one if fixed == 0.0 else zero
        return self._make("pow", base, exponent, body, elsewhere)

    def _logarithms(self, base: Node) -> list[Node]:
        """Terms of the logarithm of a base that is above zero.

        A settled factor has a term of its own, so that clones with potencies of their own share the logarithm of the
        concentration. Its sign does not matter, as that of the whole base is known.
        """
        code = self.codes[base]
        if code[0] != "*" or bool(self.feels[code[1]]) == bool(self.feels[code[2]]):
            return [self.function("log", base)]
        return [self.function("log", self.function("abs", part)) for part in code[1:]]

    # -- use -------------------------------------------------------------------------------------------

    def needed(self, outputs: Sequence[Node], given: Collection[Node] = ()) -> list[Node]:
        """All nodes that the outputs depend on, in an order in which they can be computed; none below those given."""
        seen: set[Node] = set()
        stack = list(outputs)
        while stack:
            node = stack.pop()
            if node not in seen:
                seen.add(node)
                stack.extend(() if node in given else self.inputs(node))
        return sorted(seen)

    def fixed(self, outputs: Sequence[Node], leaves: int) -> list[Node]:
        """The nodes that outputs take from all but some leaves, as large as they can be; in order.

        Neither numbers nor conditions are among them, as these are no values to be kept.

        Parameters
        ----------
        outputs : sequence of int
        leaves : int
            The bits of these leaves, as in `feels`; -1 for all that may change during a run.
        """
        found: set[Node] = set()
        seen: set[Node] = set()
        stack = list(outputs)
        while stack:
            node = stack.pop()
            if node in seen:
                continue
            seen.add(node)
            if self.feels[node] & leaves or self.codes[node][0] in CONDITIONS:
                stack.extend(self.inputs(node))
            elif self.value(node) is None:
                found.add(node)
        return sorted(found)

    def gradient(self, outputs: Sequence[Node], seeds: Mapping[Node, Row]) -> list[Row]:
        """Sparse forward derivatives.

        Parameters
        ----------
        outputs : sequence of int
        seeds : mapping of node to (mapping of direction to node)
            Derivatives of leaves, or of nodes that count as such, in each direction; leaves not named are constant.

        Returns
        -------
        list of dict
            Per output a mapping of direction to the derivative's node; structural zeros are left out.
        """
        rows: dict[Node, Row] = {}
        for node in self.needed(outputs, seeds):
            code = self.codes[node]
            if code[0] in ("c", "x") or node in seeds:
                rows[node] = dict(seeds.get(node, {}))
            elif code[0] in CONDITIONS:
                rows[node] = {}
            else:
                inner = [rows[i] for i in code[1:]]
                directions = sorted({d for row in inner for d in row})
                rule = self._rule(node, code) if directions else None
                rows[node] = {}
                for d in directions:
                    assert rule is not None
                    derivative = rule([row.get(d) for row in inner])
                    if self.value(derivative) != 0.0:
                        rows[node][d] = derivative
        return [rows[node] for node in outputs]

    def _rule(self, node: Node, code: tuple[Any, ...]) -> Callable[[list[Node | None]], Node]:
        """How the derivative of a node follows from those of its inputs (None is zero)."""
        zero = self.constant(0.0)
        if code[0] == "pow":
            return self._power_rule(code)
        if code[0] == "select":
            return lambda d: self.select(code[1], zero if d[1] is None else d[1], zero if d[2] is None else d[2])
        if code[0] in ("max", "min"):
            first, second = code[1:] if code[0] == "max" else (code[2], code[1])
            return self._extreme_rule(self.compare("<", second, first), self.compare("<", first, second))
        if code[0] == "+":
            return lambda d: self.add(*(zero if part is None else part for part in d))
        if code[0] == "-":
            return lambda d: self.sub(*(zero if part is None else part for part in d))
        if code[0] == "neg":
            return lambda d: self.neg(zero if d[0] is None else d[0])
        partials = self._partials(node, code)

        def chain(d: list[Node | None]) -> Node:
            """The derivative by the chain rule; None stands for a part without one."""
            total = zero
            for part, inner in zip(partials, d, strict=True):
                total = total if inner is None else self.add(total, self.mul(part, inner))
            return total

        return chain

    def _extreme_rule(self, first: Node, second: Node) -> Callable[[list[Node | None]], Node]:
        """That of the operand that counts; the mean of both where they are equal, as in SymPy."""
        zero, half = self.constant(0.0), self.constant(0.5)

        def rule(d: list[Node | None]) -> Node:
            """The derivative of the argument that counts; the mean of both where they are equal."""
            a, b = (zero if part is None else part for part in d)
            return self.select(first, a, self.select(second, b, self.mul(half, self.add(a, b))))

        return rule

    def _partials(self, node: Node, code: tuple[Any, ...]) -> list[Node]:
        one, name, a = self.constant(1.0), code[0], code[1]
        if name == "*":
            return [code[2], a]
        if name == "inv":
            return [self.neg(self.mul(node, node))]
        if name == "exp":
            return [node]
        if name == "exp2":
            return [self.mul(self.constant(math.log(2.0)), node)]
        if name == "expm1":
            return [self.add(node, one)]
        if name == "log":
            return [self.inverse(self.extreme("max", a, self.constant(SMALLEST)))]
        if name == "log1p":
            return [self.inverse(self.add(one, a))]
        if name == "sqrt":
            positive = self.compare("<", self.constant(0.0), node)
            return [self.select(positive, self.div(self.constant(0.5), node), self.constant(0.0))]
        if name == "tanh":
            return [self.sub(one, self.mul(node, node))]
        if name == "abs":
            return [self.sign(a)]
        turned = self.function("cos" if name == "sin" else "sin", a)
        return [turned if name == "sin" else self.neg(turned)]

    def _power_rule(self, code: tuple[Any, ...]) -> Callable[[list[Node | None]], Node]:
        """Of a power: as of ``exp(exponent*log(base))`` above zero; below, only an exponent of one has a slope."""
        zero, one, fixed = self.constant(0.0), self.constant(1.0), self.value(code[2])
        _, base, exponent, body, _ = code
        positive = self.compare("<", zero, base)
        if fixed is None:
            level = self.select(self.compare("==", code[2], one), one, zero)
        else:
            level = one if fixed == 1.0 else zero

        def rule(d: list[Node | None]) -> Node:
            """The derivative of a power by base and exponent, finite at a base of zero."""
            by_base, by_exponent = (zero if part is None else part for part in d[:2])
            inside = by_base
            if fixed != 1.0:
                relative = self.div(self.mul(exponent, by_base), self.extreme("max", base, self.constant(_FLAT)))
                for part in self._logarithms(base) if by_exponent != zero else ():
                    relative = self.add(relative, self.mul(by_exponent, part))
                inside = self.mul(body, relative)
            return self.select(positive, inside, self.mul(level, by_base))

        return rule

    def sign(self, a: Node) -> Node:
        """-1, 0 or 1."""
        zero = self.constant(0.0)
        below = self.select(self.compare("<", a, zero), self.constant(-1.0), zero)
        return self.select(self.compare("<", zero, a), self.constant(1.0), below)

    def evaluate(self, outputs: Sequence[Node], leaves: Mapping[Leaf, Any]) -> list[Any]:
        """Values of nodes for numbers or arrays in the leaves, by NumPy; slow and independent of machine code.

        Parameters
        ----------
        outputs : sequence of int
        leaves : mapping of (kind, number) to float or ndarray

        Returns
        -------
        list of float or ndarray

        Examples
        --------
        >>> graph = Dag()
        >>> x = graph.leaf("y", 0)
        >>> [float(v) for v in graph.evaluate([graph.whole_power(x, 3)], {("y", 0): 2.0})]
        [8.0]
        """
        values: dict[Node, Any] = {}
        with np.errstate(all="ignore"):
            for node in self.needed(outputs):
                code = self.codes[node]
                if code[0] == "c":
                    values[node] = np.float64(code[1])
                elif code[0] == "x":
                    values[node] = np.asarray(leaves[code[1], code[2]], dtype=float)
                else:
                    values[node] = _NUMERIC[code[0]](*(values[i] for i in code[1:]))
        return [values[node] for node in outputs]


CONDITIONS = frozenset({"<", "<=", "==", "and", "or"})
_NUMERIC: dict[str, Callable[..., Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "inv": lambda x: np.divide(1.0, x),
    "neg": np.negative,
    "max": np.maximum,
    "min": np.minimum,
    "<": np.less,
    "<=": np.less_equal,
    "==": np.equal,
    "and": np.logical_and,
    "or": np.logical_or,
    "select": np.where,
    "pow": lambda base, exponent, body, elsewhere: np.where(base <= 0.0, elsewhere, body),
    "exp": lambda x: np.exp(np.minimum(x, LARGEST)),
    "exp2": lambda x: np.exp2(np.minimum(x, LARGEST_2)),
    "log": lambda x: np.log(np.maximum(x, SMALLEST)),
    "sqrt": np.sqrt,
    "abs": np.abs,
    "expm1": lambda x: np.expm1(np.minimum(x, LARGEST)),
    "log1p": np.log1p,
    "tanh": np.tanh,
    "sin": np.sin,
    "cos": np.cos,
}
