"""The only reader of formula text: an allow-list walk from text to SymPy, never evaluation.

SymPy runs text as code in many of its calls, so it never gets any here: `ast.parse` reads the text, each node of the
tree is looked up in a table, and the result is built with operators on symbols. What is not in the table is refused
by name, with a caret under the place.

The grammar: decimal numbers, declared names, ``+ - * / **``, brackets, the functions of `FUNCTIONS`, and (where a
piecewise formula is allowed) ``value if a < b else other``. The name ``t`` is the time in hours.
"""

from __future__ import annotations

import ast
import keyword
import math
import operator
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, NoReturn

import sympy
from sympy.codegen.cfunctions import expm1, log1p
from sympy.printing.precedence import PRECEDENCE

from pkpd_mdr.errors import ExpressionError, did_you_mean, shown

__all__ = ["AMOUNT", "FUNCTIONS", "TIME", "Log", "Power", "check_name", "hill", "parse", "symbol"]

_MOST_CHARACTERS, _MOST_NODES, _MOST_DEPTH, _MOST_SIGNS, _MOST_EXPONENT, _MOST_RESULT = 2000, 500, 50, 20, 100, 2000
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_NUMBER = re.compile(r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_LEAST = 1e-300

TIME: Any = sympy.Symbol("t", real=True)
"""The time in hours, written ``t`` in formulas; no other symbol can have this name."""
AMOUNT: Any = sympy.Symbol("amount", real=True)
"""What an act brings (a radiation dose, a removed fraction), in `Port.effects`; no other symbol can have this name."""

_RESERVED = {"t": "the time in hours", "amount": "the size of an act, such as a dose of radiotherapy"}


def check_name(name: str, where: str = "a name") -> str:
    """Return `name` if a state, parameter or observable can be called so.

    Parameters
    ----------
    name : str
        A letter, then up to 63 letters, digits or single underscores.
    where : str
        What is being named; opens the error message.

    Returns
    -------
    str
        The same name.

    Raises
    ------
    ExpressionError
        The name has other characters, a double underscore, or is reserved (``t``, ``amount`` and Python's keywords).

    Examples
    --------
    >>> check_name("ec50_dox_S")
    'ec50_dox_S'
    """
    if not isinstance(name, str):
        raise ExpressionError(f"{where}: {shown(name)} is not text; a name is text such as 'ec50_dox_S'")
    if not _NAME.fullmatch(name) or "__" in name:
        raise ExpressionError(f"{where}: {shown(name)} is no name; use a letter, then up to 63 letters, digits, or '_'")
    if name in _RESERVED:
        raise ExpressionError(
            f"{where}: '{name}' is reserved for {_RESERVED[name]}; choose another name, such as '{name}0'"
        )
    if keyword.iskeyword(name):
        raise ExpressionError(f"{where}: {shown(name)} is a reserved word; choose another name, such as '{name}_1'")
    return name


def symbol(name: str) -> Any:
    """Make the real SymPy symbol of a name; equal names give equal symbols, and the time is `TIME`.

    Raises
    ------
    ExpressionError
        `check_name` refuses the name.

    Examples
    --------
    >>> symbol("CL") == symbol("CL")
    True
    """
    return _symbol(name) if isinstance(name, str) else check_name(name, "a symbol")


@cache
def _symbol(name: str) -> Any:
    return sympy.Symbol(check_name(name, "a symbol"), real=True)


def _number(value: float) -> Any:
    return sympy.Integer(int(value)) if value.is_integer() and abs(value) <= 2**53 else sympy.Float(value)


def _power_value(base: float, exponent: float) -> float:
    if base <= 0:
        return 0.0 if exponent > 0 else 1.0 if exponent == 0 else math.inf
    try:
        return math.pow(base, exponent)
    except OverflowError:
        return math.inf


class Power(sympy.Function):
    """``max(base, 0)**exponent``: a real power that stays a number when a solver steps just below zero.

    Its value at ``base <= 0`` is 0 for a positive exponent, 1 for exponent zero and infinite for a negative one.
    With ``h = exponent``, d/d base = ``h*Power(base, h - 1)`` and d/d h = ``Power(base, h)*Log(base)``.

    Examples
    --------
    >>> c, h = symbol("c"), symbol("h")
    >>> print(Power(c, h).diff(c))
    h*c**(h - 1)
    >>> Power(c, h).subs({c: -0.001, h: 1.4})
    0
    """

    nargs = 2
    is_extended_real = True
    is_extended_nonnegative = True
    precedence = PRECEDENCE["Pow"]

    @classmethod
    def eval(cls, base: Any, exponent: Any) -> Any:
        """Return a number where both arguments are numbers (called by SymPy)."""
        if exponent.is_Number and exponent.is_zero:
            return sympy.Integer(1)
        if base.is_Number and exponent.is_Number:
            return _number(_power_value(float(base), float(exponent)))
        return None

    def fdiff(self, argindex: int = 1) -> Any:
        """Return the derivative in the base (1) or the exponent (2) (called by SymPy)."""
        base, exponent = self.args
        return exponent * Power(base, exponent - 1) if argindex == 1 else self * Log(base)

    def _sympystr(self, printer: Any) -> str:
        base, exponent = (printer.parenthesize(part, PRECEDENCE["Pow"], strict=False) for part in self.args)
        return f"{base}**{exponent}"

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        text = f"{printer.parenthesize(self.args[0], PRECEDENCE['Pow'])}^{{{printer.doprint(self.args[1])}}}"
        return text if exp is None else rf"\left({text}\right)^{{{exp}}}"


class Log(sympy.Function):
    """``log(max(x, 1e-300))``: the natural logarithm, finite everywhere; its derivative is ``1/max(x, 1e-300)``.

    Examples
    --------
    >>> print(Log(symbol("N") / symbol("K")))
    log(N/K)
    >>> Log(sympy.Integer(1))
    0
    """

    nargs = 1
    is_real = True

    @classmethod
    def eval(cls, x: Any) -> Any:
        """Return a number where the argument is one (called by SymPy)."""
        return _number(math.log(max(float(x), _LEAST))) if x.is_Number else None

    def fdiff(self, argindex: int = 1) -> Any:
        """Return the derivative (called by SymPy)."""
        return 1 / sympy.Max(self.args[0], sympy.Float(_LEAST))

    def _sympystr(self, printer: Any) -> str:
        return f"log({printer.doprint(self.args[0])})"

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        raised = "" if exp is None else f"^{{{exp}}}"
        return rf"\log{raised}{{\left({printer.doprint(self.args[0])}\right)}}"


def hill(concentration: Any, ec50: Any, exponent: Any) -> Any:
    """Build the Hill function ``r/(1 + r)`` with ``r = (concentration/ec50)**exponent`` (Hill 1910), in [0, 1).

    Concentration and `ec50` have the same unit; `ec50` and `exponent` are positive. It is 0 at and below zero.

    Examples
    --------
    >>> hill(sympy.Integer(3), sympy.Integer(1), sympy.Integer(1))
    3/4
    """
    ratio = Power(concentration / ec50, exponent)
    return ratio / (1 + ratio)


# name -> arity, value for constants, builder for expressions. Min, Max and Abs are left as written: SymPy's
# simplification compares their arguments, which costs seconds on long formulas.
_FUNCTIONS: dict[str, tuple[int, Callable[..., float], Callable[..., Any]]] = {
    "exp": (1, math.exp, sympy.exp),
    "expm1": (1, math.expm1, expm1),
    "log": (1, math.log, Log),
    "log1p": (1, math.log1p, log1p),
    "log2": (1, math.log2, lambda x: Log(x) / sympy.Float(math.log(2))),
    "log10": (1, math.log10, lambda x: Log(x) / sympy.Float(math.log(10))),
    "sqrt": (1, math.sqrt, lambda x: Power(x, sympy.Float(0.5))),
    "abs": (1, abs, lambda x: sympy.Abs(x, evaluate=False)),
    "min": (2, min, lambda x, y: x if x == y else sympy.Min(x, y, evaluate=False)),
    "max": (2, max, lambda x, y: x if x == y else sympy.Max(x, y, evaluate=False)),
    "sin": (1, math.sin, sympy.sin),
    "cos": (1, math.cos, sympy.cos),
    "tanh": (1, math.tanh, sympy.tanh),
    "hill": (3, lambda *values: float(hill(*map(_number, values))), hill),
}

FUNCTIONS: Mapping[str, int] = MappingProxyType({name: entry[0] for name, entry in _FUNCTIONS.items()})
"""The functions of the grammar with their number of arguments."""

_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_COMPARISONS: dict[type[ast.cmpop], tuple[Callable[[Any, Any], Any], Any]] = {
    ast.Lt: (operator.lt, sympy.StrictLessThan),
    ast.LtE: (operator.le, sympy.LessThan),
    ast.Gt: (operator.gt, sympy.StrictGreaterThan),
    ast.GtE: (operator.ge, sympy.GreaterThan),
}
_REFUSED: dict[type[ast.AST], str] = {
    ast.Attribute: "an attribute (a dot after a name) is not allowed; write plain names",
    ast.Subscript: (
        "a subscript [...] is not allowed; write plain names, and for a unit divide by a parameter that has it, as in "
        "WT/WT_typical with parameter('WT_typical', '70 kg')"
    ),
    ast.Lambda: "a lambda is not allowed; write the formula itself",
    ast.NamedExpr: "an assignment ':=' is not allowed; write the formula itself",
    ast.Starred: "a starred argument is not allowed; write each argument",
    ast.JoinedStr: "a string is not allowed; formulas have numbers and names only",
    ast.Tuple: "a comma is only allowed between the arguments of a function; write a decimal point, as in 1.5",
    ast.BoolOp: "'and' and 'or' are not allowed; write '0 < a < 1' or one 'if ... else' inside another",
    ast.Compare: "a comparison is only allowed as the condition of 'value if a < b else other'",
    ast.BitXor: "'^' is not a power here; write '**', as in a**2",
    ast.FloorDiv: "'//' is not allowed; write '/'",
    ast.Mod: "'%' is not allowed; write a share as a number, 0.05 for 5 %",
    ast.MatMult: "'@' is not allowed; write '*'",
    ast.Not: "'not' is not allowed; turn the comparison round",
    **dict.fromkeys((ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp), "a comprehension is not allowed"),
    **dict.fromkeys((ast.List, ast.Set, ast.Dict), "these brackets are not allowed; group with round brackets"),
}


def parse(
    text: str,
    names: Mapping[str, Any] | Iterable[str],
    *,
    where: str = "formula",
    piecewise: bool = True,
    time: bool = True,
) -> Any:
    """Read a formula into a SymPy expression without evaluating any text.

    A power with an integer literal as exponent stays a SymPy power; every other power becomes `Power`, ``sqrt`` is
    ``Power(x, 0.5)`` and ``log`` becomes `Log`. Subtrees of numbers only are folded to one number.

    Parameters
    ----------
    text : str
        At most 2000 ASCII characters; see `FUNCTIONS` for the functions. Line breaks count as spaces.
    names : mapping of str to sympy.Expr, or iterable of str
        The names the formula may use and what they stand for. They win over functions of the same name.
    where : str
        What the formula is; opens the error message.
    piecewise : bool
        Whether ``value if a < b else other`` is allowed.
    time : bool
        Whether ``t``, the time in hours, is allowed.

    Returns
    -------
    sympy.Expr
        In the symbols of `names` and `TIME`.

    Raises
    ------
    ExpressionError
        The text is not in the grammar, names something undeclared or has a constant that is not finite.

    Examples
    --------
    >>> parse("emax*hill(c, ec50, 2) - k*N**0.75", ["emax", "c", "ec50", "k", "N"]).free_symbols == {
    ...     symbol(name) for name in ("emax", "c", "ec50", "k", "N")
    ... }
    True
    >>> parse("2**3*a + a", ["a"])
    9*a
    """
    if not isinstance(text, str):
        raise ExpressionError(f"{where}: {shown(text)} is not text; write a formula such as 'k*N'")
    if isinstance(names, str):
        raise ExpressionError(f"{where}: the declared names are the text {names!r}; give a list such as [{names!r}]")
    known = names if isinstance(names, Mapping) else {name: TIME if name == "t" else symbol(name) for name in names}
    return _Reader(text, known, where, piecewise, time).read()


class _Reader:
    """One formula being read; the text is kept for the caret."""

    def __init__(self, text: str, names: Mapping[str, Any], where: str, piecewise: bool, time: bool) -> None:
        self.text = re.sub(r"[\n\r\t]", " ", text).strip()
        self.names = names
        self.where = where
        self.piecewise = piecewise
        self.time = time
        self.sizes: dict[Any, int] = {}

    def read(self) -> Any:
        """The formula as SymPy, after all checks."""
        self.check_text()
        tree = self.tree()
        if sum(isinstance(node, ast.expr) for node in ast.walk(tree)) > _MOST_NODES:
            self.fail(f"the formula has more than {_MOST_NODES} parts; split it with named observables", 0)
        result = self.walk(tree, 0)
        if result.has(sympy.zoo, sympy.nan, sympy.oo, -sympy.oo):
            self.fail("the formula is not finite", 0)
        return result

    def fail(self, sentence: str, at: ast.expr | int) -> NoReturn:
        """Raise with the text and a caret under the place."""
        column = min(at if isinstance(at, int) else at.col_offset, len(self.text))
        first = max(0, column - 60)
        shown = "".join(c if c.isprintable() else "?" for c in self.text[first : column + 60])
        raise ExpressionError(f"{self.where}: {sentence}\n    {shown}\n    {' ' * (column - first)}^")

    def refuse(self, construct: ast.AST, at: ast.expr | int) -> NoReturn:
        """Raise for a construct that no formula has."""
        self.fail(_REFUSED.get(type(construct), f"'{type(construct).__name__}' is not allowed in a formula"), at)

    def check_text(self) -> None:
        """Refuse what is too long, holds odd characters or is nested too deeply, before anything parses it."""
        if len(self.text) > _MOST_CHARACTERS:
            self.fail(f"the formula has {len(self.text)} characters; at most {_MOST_CHARACTERS} are allowed", 0)
        if not self.text:
            self.fail("the formula is empty; write for example 'k*N'", 0)
        if odd := re.search(r"[^ -~]|[#;\\]", self.text):
            self.fail(f"the character {odd[0]!a} is not allowed; write plain letters, digits and signs", odd.start())
        if odd := re.search(rf"(?:[-+~] *){{{_MOST_SIGNS + 1}}}", self.text):
            self.fail(f"more than {_MOST_SIGNS} signs stand in a row", odd.start())
        depth = 0
        for column, character in enumerate(self.text):
            depth += (character in "([{") - (character in ")]}")
            if depth > _MOST_DEPTH:
                self.fail(f"brackets are nested deeper than {_MOST_DEPTH}; split the formula", column)

    def tree(self) -> ast.expr:
        """The syntax tree of the text; nothing in it is run."""
        try:
            with warnings.catch_warnings():
                # Python warns of texts such as '1if a else b'; a formula that needs a warning is refused.
                warnings.simplefilter("error")
                return ast.parse(self.text, mode="eval").body
        except SyntaxError as problem:
            advice = "; write only the right-hand side" if re.search(r"(?<![<>=!:])=(?!=)", self.text) else ""
            at = problem.offset - 1 if problem.offset else _MOST_CHARACTERS
            self.fail(f"the formula cannot be read here ({problem.msg}){advice}", at)
        except (ValueError, MemoryError, RecursionError, Warning):
            self.fail("the formula is nested too deeply or has an unreadable number", 0)

    def walk(self, node: ast.expr, depth: int) -> Any:
        """One node by the reader of its kind."""
        if depth > _MOST_DEPTH:
            self.fail(f"the formula is nested deeper than {_MOST_DEPTH}; split it with named observables", node)
        reader = _READERS.get(type(node))
        return reader(self, node, depth) if reader else self.refuse(node, node)

    def constant(self, node: ast.Constant, depth: int) -> Any:
        """A decimal number."""
        if isinstance(node.value, (str, bytes)):
            self.fail(_REFUSED[ast.JoinedStr], node)
        if node.value in (None, ...) or isinstance(node.value, bool):
            self.fail(f"the constant {node.value!r} is not allowed; write a number", node)
        if not _NUMBER.fullmatch(self.text[node.col_offset : node.end_col_offset]):
            self.fail("only decimal numbers such as 12, 0.5 or 1e-3 are allowed", node)
        return self.folded(float, (node.value,), node)

    def folded(self, function: Callable[..., Any], values: tuple[Any, ...], node: ast.expr) -> Any:
        """One number for a subtree of numbers; SymPy would keep exact integers of any length."""
        try:
            value = function(*map(float, values))
        except (ArithmeticError, ValueError, TypeError):
            value = math.nan
        if isinstance(value, complex) or not math.isfinite(value):
            self.fail("this constant is not a finite real number", node)
        return _number(float(value))

    def name(self, node: ast.Name, depth: int) -> Any:
        """The value of a declared name, or the time."""
        if node.id == "t":
            return TIME if self.time else self.fail("the time 't' is not allowed here", node)
        if not _NAME.fullmatch(node.id) or node.id not in self.names:
            hint = "; a function needs brackets" if node.id in _FUNCTIONS else did_you_mean(node.id, self.names)
            self.fail(f"{shown(node.id)} is not declared{hint}", node)
        value = self.names[node.id]
        if not isinstance(value, sympy.Expr):
            self.fail(f"{shown(node.id)} stands for {shown(value)}, which is no SymPy expression", node)
        return value

    def sign(self, node: ast.UnaryOp, depth: int) -> Any:
        """A plus or minus before a term."""
        if not isinstance(node.op, (ast.USub, ast.UAdd)):
            self.refuse(node.op, node)
        value = self.walk(node.operand, depth + 1)
        return -value if isinstance(node.op, ast.USub) else value

    def operation(self, node: ast.BinOp, depth: int) -> Any:
        """A chain such as ``a + b - c`` is a left-deep tree: it is unrolled and counts as one level."""
        chain: list[ast.BinOp] = [node]
        while isinstance(left := chain[-1].left, ast.BinOp) and type(left.op) is not ast.Pow:
            chain.append(left)
        value = self.walk(chain[-1].left, depth + 1)
        for link in reversed(chain):
            column = len(self.text) - len(self.text[link.left.end_col_offset :].lstrip(" )"))
            if type(link.op) not in _OPERATORS:
                self.refuse(link.op, column)
            value = self.combined(link, value, self.walk(link.right, depth + 1), column)
        return value

    def combined(self, node: ast.BinOp, left: Any, right: Any, column: int) -> Any:
        """Two terms by an operator; numbers are folded."""
        function = _OPERATORS[type(node.op)]
        if isinstance(node.op, ast.Div) and right == 0:
            self.fail("this divides by zero", column)
        if left.is_Number and right.is_Number:
            return self.folded(function, (left, right), node)
        value = self.power(left, right, column) if function is operator.pow else function(left, right)
        return self.bounded(value, column)

    def power(self, base: Any, exponent: Any, column: int) -> Any:
        """A power that is safe at and below zero; whole exponents stay powers of SymPy."""
        if base.is_Number and not base.is_positive:
            self.fail("the base of a variable power must be positive", column)
        if not exponent.is_Number or not float(exponent).is_integer():
            return Power(base, exponent)
        if abs(exponent) > _MOST_EXPONENT:
            self.fail(f"the exponent {float(exponent):g} is larger than {_MOST_EXPONENT}", column)
        return base ** sympy.Integer(int(exponent))

    def bounded(self, value: Any, at: ast.expr | int) -> Any:
        """Refuse what is too large although each part was within bounds; nested Hill functions grow as 2**depth."""
        if self.size(value) > _MOST_RESULT:
            self.fail("the formula grows too large; split it with named observables", at)
        for part in (value, *value.args):
            if part.is_Pow and part.exp.is_Number and abs(part.exp) > _MOST_EXPONENT:
                self.fail(f"the exponents together are larger than {_MOST_EXPONENT}", at)
            if part.is_Number and not abs(part) <= sys.float_info.max:
                self.fail("the constants together are not a finite number", at)
        return value

    def size(self, value: Any) -> int:
        """Number of parts of an expression, shared ones counted each time."""
        if value not in self.sizes:
            self.sizes[value] = 1 + sum(map(self.size, value.args))
        return self.sizes[value]

    def call(self, node: ast.Call, depth: int) -> Any:
        """One of the functions that formulas have."""
        if not isinstance(node.func, ast.Name):
            self.fail("only the name of a function can stand before a bracket; write '*' to multiply", node.func)
        name = node.func.id
        if name in self.names or name == "t":
            self.fail(f"{shown(name)} is a declared name and cannot be called; write '*' to multiply", node)
        if name not in _FUNCTIONS:
            self.fail(f"the function {shown(name)} is not known{did_you_mean(name, _FUNCTIONS, most=20)}", node)
        if node.keywords:
            self.fail("a keyword argument is not allowed; write plain arguments", node.keywords[0].value)
        arity, function, build = _FUNCTIONS[name]
        values = [self.walk(argument, depth + 1) for argument in node.args]
        if len(values) != arity:
            self.fail(f"{name} takes {arity} argument{'s' * (arity > 1)}, not {len(values)}", node)
        if all(value.is_Number for value in values):
            return self.folded(function, tuple(values), node)
        return self.bounded(build(*values), node)

    def choice(self, node: ast.IfExp, depth: int) -> Any:
        """A piecewise value, where the formula may have one."""
        if not self.piecewise:
            self.fail("'if ... else' is not allowed here; the formula must be smooth", node)
        condition = self.condition(node.test, depth + 1)
        body, other = self.walk(node.body, depth + 1), self.walk(node.orelse, depth + 1)
        if condition in (sympy.true, sympy.false):
            return body if condition else other
        return sympy.Piecewise((body, condition), (other, True), evaluate=False)

    def condition(self, node: ast.expr, depth: int) -> Any:
        """Comparisons, one or a chain such as ``0 < a < b``."""
        if not isinstance(node, ast.Compare):
            self.fail(_REFUSED.get(type(node), "the condition must be a comparison, such as a < b"), node)
        values = [self.walk(part, depth) for part in (node.left, *node.comparators)]
        if any(value.has(sympy.Piecewise) for value in values):
            self.fail("a condition cannot itself hold 'if ... else'", node)
        parts = []
        for kind, left, right in zip(map(type, node.ops), values, values[1:], strict=False):
            if kind not in _COMPARISONS:
                self.fail("only the comparisons <, <=, > and >= are allowed", node)
            compare, relation = _COMPARISONS[kind]
            numbers = left.is_Number and right.is_Number
            parts.append(compare(left, right) if numbers else relation(left, right, evaluate=False))
        return sympy.And(*parts)


_READERS: dict[type[ast.expr], Callable[[_Reader, Any, int], Any]] = {
    ast.Constant: _Reader.constant,
    ast.Name: _Reader.name,
    ast.BinOp: _Reader.operation,
    ast.UnaryOp: _Reader.sign,
    ast.Call: _Reader.call,
    ast.IfExp: _Reader.choice,
}
