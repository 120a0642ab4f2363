"""From SymPy expressions to the graph of `dag.py`: SymPy is read here and never asked to do anything.

Factors and terms that depend on parameters alone are collected first, so that they can be computed once per member
instead of once per step; then factors that feel the same states, so that what one state imposes on another, such as the
kill by a concentration, is one node.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from pkpd_mdr.engine.machine.dag import Dag, Node
from pkpd_mdr.errors import ModelError

__all__ = ["Condition", "NoMachineCodeError", "Reader"]


class Condition(NamedTuple):
    """A condition that holds where `node` is above zero, or (inclusive) not below it."""

    node: Node
    inclusive: bool


class NoMachineCodeError(ModelError):
    """A formula holds a function that has no machine code; SciPy can still solve the model."""


class Reader:
    """Reads expressions into one graph; equal subexpressions are read once.

    Parameters
    ----------
    graph : Dag
    leaves : mapping of sympy.Symbol to node
    conditions : list of Condition, optional
        Where given, a condition on states or time is not read as a comparison: it becomes a mode, leaf ``("m", k)``,
        which is 1 where it holds and 0 where not, and condition k is appended here. A step can then hold it fixed.

    Examples
    --------
    >>> from pkpd_mdr.expression import parse, symbol
    >>> graph = Dag()
    >>> reader = Reader(graph, {symbol("N"): graph.leaf("y", 0), symbol("k"): graph.leaf("p", 0)})
    >>> node = reader.read(parse("-k*N**2", ["k", "N"]))
    >>> float(graph.evaluate([node], {("y", 0): 3.0, ("p", 0): 2.0})[0])
    -18.0
    """

    def __init__(self, graph: Dag, leaves: Mapping[Any, Node], conditions: list[Condition] | None = None) -> None:
        self.graph, self.conditions = graph, conditions
        self._known: dict[Any, Node] = dict(leaves)

    def read(self, expression: Any) -> Node:
        """The node of an expression.

        Raises
        ------
        ModelError
            The expression holds a symbol without a leaf.
        NoMachineCodeError
            It holds a function that has no machine code.
        """
        found = self._known.get(expression)
        if found is None:
            found = self._known[expression] = self._fresh(expression)
        return found

    def _fresh(self, expression: Any) -> Node:
        if expression.is_Symbol:
            raise ModelError(f"the symbol {str(expression)!r} is neither a state nor a parameter of the model")
        if expression.is_number:
            return self.graph.constant(float(expression))
        if expression.is_Add:
            return self._sum(expression)
        if expression.is_Mul:
            return self._product(expression)
        if expression.is_Pow:
            return self._power(expression)
        name = type(expression).__name__
        if name in _RELATIONS:
            return self._relation(expression, name)
        if name == "Piecewise":
            return self._piecewise(expression)
        special = _SPECIAL.get(name)
        if special is not None:
            return special(self.graph, [self.read(part) for part in expression.args])
        if name not in _PLAIN:
            raise NoMachineCodeError(
                f"the function {name!r} in '{expression}' has no machine code; use one of {', '.join(_PLAIN)}"
            )
        return self.graph.function(_PLAIN[name], self.read(expression.args[0]))

    def _sum(self, expression: Any) -> Node:
        graph = self.graph
        terms = [self._signed(part) for part in expression.args]
        total = graph.constant(0.0)
        for moving in (False, True):
            group = graph.constant(0.0)
            for sign, node in terms:
                if bool(graph.feels[node]) == moving:
                    group = graph.add(group, node) if sign > 0 else graph.sub(group, node)
            # a settled group that stands last lets `-k*y + input` stay one fused operation
            total = graph.add(group, total) if moving else group
        return total

    def _signed(self, term: Any) -> tuple[int, Node]:
        if term.is_Mul and term.args[0].is_number and term.args[0].is_negative:
            return -1, self.read(-term)
        return 1, self.read(term)

    def _product(self, expression: Any) -> Node:
        graph, one = self.graph, self.graph.constant(1.0)
        number = 1.0
        groups = {0: [one, one]}
        for part in expression.args:
            if part.is_number:
                number *= float(part)
                continue
            below = bool(part.is_Pow and part.exp.is_number and part.exp.is_negative)
            node = self.read(part.base**-part.exp if below else part)
            group = groups.setdefault(graph.feels[node], [one, one])
            group[below] = graph.mul(group[below], node)
        total = graph.constant(number)
        for numerator, denominator in groups.values():
            total = graph.mul(total, graph.div(numerator, denominator))
        return total

    def _power(self, expression: Any) -> Node:
        base, exponent = expression.base, expression.exp
        if exponent.is_number and float(exponent).is_integer():
            return self.graph.whole_power(self.read(base), int(exponent))
        if exponent.is_number and exponent.is_negative:
            return self.graph.inverse(self.read(base**-exponent))
        return self.graph.power(self.read(base), self.read(exponent))

    def _relation(self, expression: Any, name: str) -> Node:
        operation, swapped = _RELATIONS[name]
        parts = [self.read(part) for part in expression.args]
        if operation in ("and", "or"):
            result = parts[0]
            for part in parts[1:]:
                result = self.graph.compare(operation, result, part)
            return result
        left, right = reversed(parts) if swapped else parts
        moving = self.graph.feels[left] | self.graph.feels[right]
        if self.conditions is None or operation == "==" or not moving:
            return self.graph.compare(operation, left, right)
        condition = Condition(self.graph.sub(right, left), operation == "<=")
        if condition not in self.conditions:
            self.conditions.append(condition)
        mode = self.graph.leaf("m", self.conditions.index(condition))
        return self.graph.compare("<", self.graph.constant(0.5), mode)

    def _piecewise(self, expression: Any) -> Node:
        pieces = [(self.read(value), condition) for value, condition in expression.args]
        result = pieces[-1][0]
        if pieces[-1][1] != True:  # noqa: E712 - a SymPy truth value
            raise NoMachineCodeError(f"the formula '{expression}' has no last 'else'; give a value for every case")
        for value, condition in reversed(pieces[:-1]):
            result = self.graph.select(self.read(condition), value, result)
        return result


def _fold(name: str) -> Callable[[Dag, list[Node]], Node]:
    def build(graph: Dag, parts: list[Node]) -> Node:
        """The extreme of all parts, two at a time."""
        result = parts[0]
        for part in parts[1:]:
            result = graph.extreme(name, result, part)
        return result

    return build


def _step(graph: Dag, parts: list[Node]) -> Node:
    """Heaviside's function, which the derivative of a maximum holds; 1/2 at zero unless said otherwise."""
    zero = graph.constant(0.0)
    at_zero = parts[1] if len(parts) > 1 else graph.constant(0.5)
    below = graph.select(graph.compare("<", parts[0], zero), zero, at_zero)
    return graph.select(graph.compare("<", zero, parts[0]), graph.constant(1.0), below)


_RELATIONS: dict[str, tuple[str, bool]] = {
    "StrictLessThan": ("<", False),
    "LessThan": ("<=", False),
    "StrictGreaterThan": ("<", True),
    "GreaterThan": ("<=", True),
    "Equality": ("==", False),
    "And": ("and", False),
    "Or": ("or", False),
}
_SPECIAL: dict[str, Callable[[Dag, list[Node]], Node]] = {
    "Power": lambda graph, parts: graph.power(*parts),
    "Max": _fold("max"),
    "Min": _fold("min"),
    "sign": lambda graph, parts: graph.sign(parts[0]),
    "Heaviside": _step,
    "DiracDelta": lambda graph, parts: graph.constant(0.0),
}
_PLAIN: dict[str, str] = {
    "exp": "exp",
    "log": "log",
    "Log": "log",
    "sqrt": "sqrt",
    "Abs": "abs",
    "expm1": "expm1",
    "log1p": "log1p",
    "tanh": "tanh",
    "sin": "sin",
    "cos": "cos",
}
