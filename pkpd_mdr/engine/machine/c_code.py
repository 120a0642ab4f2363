"""Graphs as C99 statements: readable, without a library of their own but ``math.h``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from pkpd_mdr.engine.lowering import Compiled
from pkpd_mdr.engine.machine.dag import Dag, Node
from pkpd_mdr.engine.machine.reading import Reader
from pkpd_mdr.expression import AMOUNT, TIME, symbol
from pkpd_mdr.model import Port

__all__ = ["HELPERS", "Equations", "Statements"]

_WIDEST = 100  # characters of one C expression, beyond which a value gets a name of its own

_SUM, _PRODUCT, _ATOM = 1, 2, 3
_CALLS = {"sqrt": "sqrt", "abs": "fabs", "log1p": "log1p", "tanh": "tanh", "sin": "sin", "cos": "cos"}
_TRUTH = {"<": "<", "<=": "<=", "==": "==", "and": "&&", "or": "||"}

HELPERS = """\
/* Powers of a base at or below zero are 0 (1 for exponent 0); what is not a number stays so. */
static inline double {name}_exp(double x) {{ return exp(x > 700.0 ? 700.0 : x); }}
static inline double {name}_exp2(double x) {{ return exp2(x > 1009.8865286222744 ? 1009.8865286222744 : x); }}
static inline double {name}_expm1(double x) {{ return expm1(x > 700.0 ? 700.0 : x); }}
static inline double {name}_log(double x) {{ return log(x < 1e-300 ? 1e-300 : x); }}
static inline double {name}_max(double a, double b) {{ return a < b ? b : a; }}
static inline double {name}_min(double a, double b) {{ return a > b ? b : a; }}
static inline double {name}_power(double base, double body, double elsewhere)
{{
    return base <= 0.0 ? elsewhere : body;
}}"""


class Equations:
    """The graph of a model with plain comparisons: a caller's solver knows no modes.

    Parameters
    ----------
    compiled : Compiled

    Attributes
    ----------
    graph : Dag
        Leaves: ``("y", i)`` states, ``("p", j)`` parameters, ``("u", k)`` inputs, ``("t", 0)`` time, ``("amount", 0)``.
    reader : Reader
    targets : tuple of int
        The state that each input feeds.
    right, starts : list of int
        Nodes of the right-hand side, inputs included, and of the start.
    jacobian : dict of (row, column) to node
    """

    def __init__(self, compiled: Compiled) -> None:
        self.compiled = compiled
        self.graph = graph = Dag()
        self.states = [graph.leaf("y", i) for i in range(len(compiled.states))]
        parameters = [graph.leaf("p", j) for j in range(len(compiled.parameters))]
        self.amount = graph.leaf("amount", 0)
        leaves = {TIME: graph.leaf("t", 0), AMOUNT: self.amount}
        leaves |= {symbol(name): node for name, node in zip(compiled.states, self.states, strict=True)}
        leaves |= {symbol(name): node for name, node in zip(compiled.parameters, parameters, strict=True)}
        self.reader = Reader(graph, leaves)
        fed = {compiled.states.index(port.target) for port in compiled.ports if port.action == "dose" and port.target}
        self.targets = tuple(sorted(fed))
        self.right = [self.reader.read(expression) for expression in compiled.derivatives]
        for k, target in enumerate(self.targets):
            self.right[target] = graph.add(self.right[target], graph.leaf("u", k))
        self.starts = [self.reader.read(expression) for expression in compiled.starts]
        one = graph.constant(1.0)
        rows = graph.gradient(self.right, {node: {j: one} for j, node in enumerate(self.states)})
        self.jacobian = {(i, j): node for i, row in enumerate(rows) for j, node in row.items()}

    def given(self, port: Port) -> dict[int, Node]:
        """State to its value just after an amount has come in at a port."""
        if port.action == "act":
            effects = {self.compiled.states.index(name): item for name, item in port.effects.items()}
            return {state: self.reader.read(item) for state, item in effects.items()}
        target, amount = self.compiled.states.index(port.target), self.amount
        if port.action == "dose":
            share = self.reader.read(port.bioavailability)
            amount = self.graph.add(self.states[target], self.graph.mul(share, amount))
        return {target: amount}


class Statements:
    """Nodes as C expressions; a value that is used twice, or would make a long line, gets a name of its own."""

    def __init__(self, graph: Dag, outputs: Sequence[Node], leaf: Callable[[str, int], str], prefix: str) -> None:
        self.graph, self.leaf, self.prefix = graph, leaf, prefix
        self.lines: list[str] = []
        self._known: dict[Node, tuple[str, int]] = {}
        uses = Counter(outputs)
        order = self.graph.needed(outputs)
        uses.update(i for node in order for i in self.graph.inputs(node))
        for node in order:
            self._known[node] = found = self._expression(node)
            if self.graph.inputs(node) and (uses[node] > 1 or len(found[0]) > _WIDEST):
                self.named(node)

    def text(self, node: Node) -> str:
        """The expression of a node."""
        return self._known[node][0]

    def named(self, node: Node) -> str:
        """The name of a node's value, declared before it is used."""
        kind, name = "int" if self.graph.codes[node][0] in _TRUTH else "double", f"v{len(self.lines)}"
        self.lines.append(f"const {kind} {name} = {self.text(node)};")
        self._known[node] = name, _ATOM
        return name

    def _in(self, node: Node, least: int) -> str:
        text, level = self._known[node]
        return text if level >= least else f"({text})"

    def _expression(self, node: Node) -> tuple[str, int]:
        code = self.graph.codes[node]
        if code[0] == "c":
            return _number(code[1]), _ATOM
        if code[0] == "x":
            return self.leaf(code[1], code[2]), _ATOM
        if code[0] in ("+", "-"):
            return f"{self._in(code[1], _SUM)} {code[0]} {self._in(code[2], _PRODUCT)}", _SUM
        if code[0] == "*":
            return f"{self._in(code[1], _PRODUCT)}*{self._in(code[2], _ATOM)}", _PRODUCT
        if code[0] in ("inv", "neg"):
            return f"{'1.0/' if code[0] == 'inv' else '-'}{self._in(code[1], _ATOM)}", _PRODUCT
        if code[0] in _TRUTH:
            return f"({self._in(code[1], _SUM)} {_TRUTH[code[0]]} {self._in(code[2], _SUM)})", _ATOM
        inner = [self.text(i) for i in code[1:]]
        if code[0] == "select":
            return f"({inner[0]} ? {inner[1]} : {inner[2]})", _ATOM
        if code[0] == "pow":
            return f"{self.prefix}_power({inner[0]}, {inner[2]}, {inner[3]})", _ATOM
        name = _CALLS.get(code[0]) or f"{self.prefix}_{code[0]}"
        return f"{name}({', '.join(inner)})", _ATOM


def _number(value: float) -> str:
    if value != value or value in (float("inf"), float("-inf")):
        return "NAN" if value != value else "INFINITY" if value > 0 else "(-INFINITY)"
    return repr(value) if value >= 0 else f"({value!r})"
