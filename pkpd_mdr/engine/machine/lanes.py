"""Graphs as LLVM IR over lanes: every value is a vector of `width` doubles, one lane for each member.

No floating-point flag is set and products are fused explicitly (`llvm.fmuladd`), so a lane's result does not depend on
its neighbours, on the number of lanes, or on what LLVM makes of the loop around it. Vector constants are written in
full, which every LLVM with opaque pointers reads; `module` moves what all lanes share into one table.
"""

from __future__ import annotations

import re
import struct
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence

from pkpd_mdr.engine.machine.dag import Dag, Leaf, Node

__all__ = ["BLOCKS", "MERGED", "WRITTEN_OUT", "Code", "function", "loop", "merged", "module", "numbers", "over"]

Place = tuple[str, int]

WRITTEN_OUT, _SIDE_BY_SIDE = 16, 12
BLOCKS = (8, 4, 2)
"""Sizes of the blocks in which one lane treats many rows side by side."""

_CONSTANT = re.compile(r"<(double 0x(?!0{16})[0-9A-F]{16})(?:, \1)*>")
"""One number in all lanes, but zero, which needs no memory."""
_INTERNAL = re.compile(r"^define internal [^\n]*?@(\w+)\(([^\n]*)\{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_CALLED = re.compile(r"call [^@\n]*@(\w+)\(")
MERGED = "; merged"
"""The first line of a module that tells which of its functions are merged."""
_MOST = 2000
"""Lines to which a function may come, over all that call it, to be merged into them: machine code of longer functions
takes longer to choose than by their length."""
_SIMPLE = {"+": "fadd", "-": "fsub", "*": "fmul"}
_COMPARE = {"<": "fcmp olt", "<=": "fcmp ole", "==": "fcmp oeq"}
_INTRINSIC = {"sqrt": "sqrt", "abs": "fabs", "sin": "sin", "cos": "cos"}
_OWN = ("exp", "exp2", "log", "expm1", "log1p", "tanh")


class Code:
    """Instructions of one function body in static single assignment.

    Parameters
    ----------
    width : int
        Lanes per vector.
    stocks : collection of (pointer, number), optional
        Vectors that a graph reads as zero where they are below zero.
    common : collection of pointers, optional
        Behind these a graph reads one number for all lanes.

    Examples
    --------
    >>> code = Code(2)
    >>> code.store(code.multiply_add(code.load("%a", 0), code.load("%b", 0), code.constant(1.0)), "%c", 0)
    >>> "fmuladd" in "".join(code.lines)
    True
    """

    def __init__(self, width: int, stocks: Collection[Place] = (), common: Collection[str] = ()) -> None:
        self.width, self.stocks, self.common = width, stocks, common
        self.vector = f"<{width} x double>"
        self.lines: list[str] = []
        self.count = 0

    def new(self, text: str) -> str:
        """Append an instruction that has a result; return the result's name."""
        self.count += 1
        name = f"%v{self.count}"
        self.lines.append(f"{name} = {text}")
        return name

    def constant(self, value: float) -> str:
        """A number in every lane."""
        bits = f"double 0x{struct.unpack('>Q', struct.pack('>d', value))[0]:016X}"
        return f"<{', '.join([bits] * self.width)}>"

    def several(self, values: Sequence[float]) -> str:
        """A number of its own in every lane."""
        return f"<{', '.join(self.constant(float(value)).split(',')[0].strip('<>') for value in values)}>"

    def integer(self, value: int) -> str:
        """A 64-bit integer in every lane."""
        return f"<{', '.join([f'i64 {value}'] * self.width)}>"

    def binary(self, operation: str, a: str, b: str) -> str:
        """``fadd``, ``fsub``, ``fmul`` or ``fdiv``."""
        return self.new(f"{operation} {self.vector} {a}, {b}")

    def negative(self, a: str) -> str:
        """``-a``."""
        return self.new(f"fneg {self.vector} {a}")

    def call(self, name: str, *values: str) -> str:
        """Call a function of vectors."""
        return self.new(f"call {self.vector} @{name}({', '.join(f'{self.vector} {v}' for v in values)})")

    def own(self, name: str, value: str) -> str:
        """Call one of the functions of `lanemath.py`."""
        return self.call(f"lane_{name}_{self.width}", value)

    def intrinsic(self, name: str, *values: str) -> str:
        """Call an LLVM intrinsic on vectors of doubles."""
        return self.call(f"llvm.{name}.v{self.width}f64", *values)

    def multiply_add(self, a: str, b: str, c: str) -> str:
        """``a*b + c``, fused where the processor can."""
        return self.intrinsic("fmuladd", a, b, c)

    def compare(self, operation: str, a: str, b: str) -> str:
        """``fcmp olt`` and so on; a vector of truth values."""
        return self.new(f"{operation} {self.vector} {a}, {b}")

    def select(self, condition: str, a: str, b: str) -> str:
        """`a` where the condition holds, else `b`."""
        return self.new(f"select <{self.width} x i1> {condition}, {self.vector} {a}, {self.vector} {b}")

    def larger(self, a: str, b: str) -> str:
        """The larger of two; `b` where `a` is not a number."""
        return self.select(self.compare("fcmp ogt", a, b), a, b)

    def smaller(self, a: str, b: str) -> str:
        """The smaller of two; `b` where `a` is not a number."""
        return self.select(self.compare("fcmp olt", a, b), a, b)

    def row(self, row: int | str, shift: int) -> int | str:
        """A row number moved by a constant."""
        if isinstance(row, int):
            return row + shift
        return self.new(f"add i64 {row}, {shift}") if shift else row

    def place(self, base: str, index: int | str) -> str:
        """Address of vector number `index` behind a pointer."""
        return base if index == 0 else self.new(f"getelementptr inbounds {self.vector}, ptr {base}, i64 {index}")

    def load(self, base: str, index: int | str) -> str:
        """Vector number `index` behind a pointer."""
        address = self.place(base, index)
        return self.new(f"load {self.vector}, ptr {address}, align 8")

    def lane(self, base: str) -> str:
        """What each lane has one of, such as the length of its step."""
        return self.load(base, 0)

    def each(self, base: str, index: int | str) -> str:
        """A number that belongs to a row and serves all lanes, such as its tolerance."""
        return self.spread(base, index)

    def store(self, value: str, base: str, index: int | str) -> None:
        """Write vector number `index` behind a pointer."""
        address = self.place(base, index)
        self.lines.append(f"store {self.vector} {value}, ptr {address}, align 8")

    def store_rows(self, values: Mapping[int, str], base: str) -> None:
        """Write vectors by their numbers.

        Where one lane reads many rows side by side soon after, they are joined first: a processor waits for memory
        when it is to read at once what was written in parts.
        """
        rows = sorted(values)
        for first, size in blocks(rows) if self.width == 1 and len(rows) >= _SIDE_BY_SIDE else ((r, 1) for r in rows):
            if size == 1:
                self.store(values[first], base, first)
                continue
            joined, kind = "poison", f"<{size} x double>"
            for i in range(size):
                part = self.new(f"extractelement {self.vector} {values[first + i]}, i32 0")
                joined = self.new(f"insertelement {kind} {joined}, double {part}, i32 {i}")
            self.lines.append(f"store {kind} {joined}, ptr {self.place(base, first)}, align 8")

    def spread(self, base: str, index: int | str) -> str:
        """Double number `index` behind a pointer, in every lane."""
        address = self.new(f"getelementptr inbounds double, ptr {base}, i64 {index}")
        value = self.new(f"load double, ptr {address}, align 8")
        first = self.new(f"insertelement {self.vector} poison, double {value}, i32 0")
        zeros = f"<{self.width} x i32> zeroinitializer"
        return self.new(f"shufflevector {self.vector} {first}, {self.vector} poison, {zeros}")

    def with_lane(self, value: str, lane: int, base: str, index: int | str) -> str:
        """A vector in which one lane is double number `index` behind a pointer."""
        address = self.new(f"getelementptr inbounds double, ptr {base}, i64 {index}")
        number = self.new(f"load double, ptr {address}, align 8")
        return self.new(f"insertelement {self.vector} {value}, double {number}, i32 {lane}")

    def graph(
        self, graph: Dag, outputs: Sequence[Node], leaves: Callable[[Leaf], Place], kept: Mapping[Node, Place]
    ) -> list[str]:
        """Compute nodes; return the names of their values.

        Parameters
        ----------
        graph : Dag
        outputs : sequence of int
        leaves : callable
            Where a leaf stands: pointer and number of the vector.
        kept : mapping of node to place
            Nodes that stand in memory already.
        """
        return _Writer(self, graph, leaves, kept).write(outputs)


class _Block(Code):
    """Instructions for neighbouring rows of one lane, side by side in one vector."""

    def place(self, base: str, index: int | str) -> str:
        """Address of a row behind a pointer."""
        return base if index == 0 else self.new(f"getelementptr inbounds double, ptr {base}, i64 {index}")

    def lane(self, base: str) -> str:
        """The number behind a pointer, for all rows."""
        return self.spread(base, 0)

    def each(self, base: str, index: int | str) -> str:
        """The numbers of all rows, from one on."""
        return self.load(base, index)


class _Writer:
    """Writes nodes in the order of their dependence; a product that is used once, in a sum, is fused into it."""

    def __init__(self, code: Code, graph: Dag, leaves: Callable[[Leaf], Place], kept: Mapping[Node, Place]) -> None:
        self.code, self.dag, self.leaves, self.kept = code, graph, leaves, kept
        self.names: dict[Node, str] = {}
        self.fused: set[Node] = set()

    def write(self, outputs: Sequence[Node]) -> list[str]:
        """Write what the outputs need; return the names of their values."""
        order = self._order(outputs)
        uses = Counter(i for node in order if node not in self.kept for i in self.dag.inputs(node))
        uses.update(outputs)
        for node in order:
            if node not in self.kept:
                self._choose(node, uses)
        for node in order:
            if node not in self.fused:
                self.names[node] = self._value(node)
        return [self.names[node] for node in outputs]

    def _order(self, outputs: Sequence[Node]) -> list[Node]:
        seen: set[Node] = set()
        stack = list(outputs)
        while stack:
            node = stack.pop()
            if node not in seen:
                seen.add(node)
                stack.extend(() if node in self.kept else self.dag.inputs(node))
        return sorted(seen)

    def _choose(self, node: Node, uses: Counter[Node]) -> None:
        code = self.dag.codes[node]
        if code[0] in ("+", "-"):
            for part in reversed(code[1:]):
                if self.dag.codes[part][0] == "*" and uses[part] == 1 and part not in self.kept:
                    self.fused.add(part)
                    return

    def _value(self, node: Node) -> str:
        code, emit = self.dag.codes[node], self.code
        if node in self.kept:
            return self._read(self.kept[node])
        if code[0] == "c":
            return emit.constant(code[1])
        if code[0] == "x":
            place = self.leaves((code[1], code[2]))
            value, zero = self._read(place), emit.constant(0.0)
            return emit.select(emit.compare("fcmp olt", value, zero), zero, value) if place in emit.stocks else value
        if code[0] in ("+", "-") and self.fused & {*code[1:]}:
            return self._fused(code)
        values = [self.names[i] for i in code[1:]]
        if code[0] in _SIMPLE:
            return emit.binary(_SIMPLE[code[0]], *values)
        if code[0] in _COMPARE:
            return emit.compare(_COMPARE[code[0]], *values)
        if code[0] in _INTRINSIC:
            return emit.intrinsic(_INTRINSIC[code[0]], *values)
        if code[0] in _OWN:
            return emit.own(code[0], values[0])
        return self._other(code, values)

    def _read(self, place: Place) -> str:
        fetch = self.code.spread if place[0] in self.code.common else self.code.load
        return fetch(*place)

    def _other(self, code: tuple[str, ...], values: list[str]) -> str:
        emit = self.code
        if code[0] == "neg":
            return emit.negative(values[0])
        if code[0] == "inv":
            return emit.binary("fdiv", emit.constant(1.0), values[0])
        if code[0] == "select":
            return emit.select(*values)
        if code[0] in ("and", "or"):
            return emit.new(f"{code[0]} <{emit.width} x i1> {values[0]}, {values[1]}")
        if code[0] == "pow":
            base, _, body, elsewhere = values  # the body of a base that is not a number is none either
            return emit.select(emit.compare("fcmp ole", base, emit.constant(0.0)), elsewhere, body)
        # a value that is not a number stays so: comparisons with it are false and the first operand wins
        relation = "fcmp olt" if code[0] == "max" else "fcmp ogt"
        return emit.select(emit.compare(relation, values[0], values[1]), values[1], values[0])

    def _fused(self, code: tuple[str, ...]) -> str:
        emit = self.code
        a, b = (int(i) for i in code[1:])
        if b in self.fused:
            x, y = (self.names[i] for i in self.dag.inputs(b))
            return emit.multiply_add(emit.negative(x) if code[0] == "-" else x, y, self.names[a])
        x, y = (self.names[i] for i in self.dag.inputs(a))
        return emit.multiply_add(x, y, emit.negative(self.names[b]) if code[0] == "-" else self.names[b])


def module(lines: Sequence[str]) -> str:
    """The text of a module, with its constants in one table.

    Written into instructions, each constant would be read through an address of its own, as objects may lie anywhere in
    memory: two instructions, one of them long, for each use. LLVM does not know the address of the table, which thus
    stays in a register.

    Examples
    --------
    >>> code = Code(2)
    >>> code.store(code.binary("fadd", code.load("%a", 0), code.constant(1.5)), "%a", 0)
    >>> text = module(function("more", ["%a"], code))
    >>> "@constants = internal global [1 x double] [double 0x3FF8000000000000]" in text
    True
    """
    table: dict[str, int] = {}
    written: list[str] = []
    known: dict[str, str] = {}
    for line in lines:
        if line.startswith("define"):
            known = {}
        if "<double" in line and line.startswith("%"):
            for found in _CONSTANT.finditer(line):
                constant = found[0]
                if constant not in known:
                    if not known:
                        written.append("%table = load ptr, ptr @table, !invariant.load !0")
                    place, known[constant] = table.setdefault(found[1], len(table)), f"%c{len(known)}"
                    written += _fetched(known[constant], constant.count("double"), place)
                line = line.replace(constant, known[constant])
        written.append(line)
    if table:
        written.append(f"@constants = internal global [{len(table)} x double] [{', '.join(table)}]")
        written += ["@table = global ptr @constants", "!0 = !{}"]
    return "\n".join(written)


def merged(text: str) -> str:
    r"""A module that tells which of its functions become part of those that call them.

    LLVM weighs that itself, in rounds that take longer than all else; told of it, it needs no more than a few passes
    (`native`), and its code is about as fast. So are modules of one lane written, for which a single run waits.

    Examples
    --------
    >>> print(merged("define internal void @f() {\nret void\n}\ndefine void @g() {\ncall void @f()\nret void\n}"))
    ; merged
    define internal void @f() alwaysinline {
    ret void
    }
    define void @g() {
    call void @f()
    ret void
    }
    """
    calls = Counter(_CALLED.findall(text))

    def told(found: re.Match[str]) -> str:
        """The function, with what becomes of it."""
        name, given, body = found.groups()
        if calls[name] * body.count("\n") > _MOST or "noinline" in given:
            return found[0]
        place = found.end(2) - found.start()
        return f"{found[0][:place]}alwaysinline {found[0][place:]}"

    return f"{MERGED}\n{_INTERNAL.sub(told, text)}"


def _fetched(name: str, width: int, place: int) -> list[str]:
    """The instructions that fetch a constant by its place in the table."""
    kind = f"<{width} x double>"
    address = f"{name}p = getelementptr inbounds double, ptr %table, i64 {place}"
    if width == 1:
        return [address, f"{name} = load {kind}, ptr {name}p, align 8, !invariant.load !0"]
    return [
        address,
        f"{name}d = load double, ptr {name}p, align 8, !invariant.load !0",
        f"{name}v = insertelement {kind} poison, double {name}d, i32 0",
        f"{name} = shufflevector {kind} {name}v, {kind} poison, <{width} x i32> zeroinitializer",
    ]


def numbers(name: str, values: Sequence[int]) -> str:
    """Whole numbers that a module tells of itself, for `Library.numbers`.

    Examples
    --------
    >>> numbers("sizes", [6, 12])
    '@sizes = constant [2 x i64] [i64 6, i64 12]'
    """
    return f"@{name} = constant [{len(values)} x i64] [{', '.join(f'i64 {value}' for value in values)}]"


def function(
    name: str, arguments: Sequence[str], code: Code, *, internal: bool = False, apart: bool = False
) -> list[str]:
    """A function of pointers without result.

    Parameters
    ----------
    name : str
    arguments : sequence of str
        Names of pointers, such as ``"%y"``; what they point to does not overlap.
    code : Code
    internal : bool
        Whether only this module calls it.
    apart : bool
        Whether it stays a function: code that is written out again and again outgrows a processor's cache.
    """
    kind, own = "internal " if internal else "", "noinline " if apart else ""
    given = ", ".join(f"ptr noalias {item}" for item in arguments)
    return [f"define {kind}void @{name}({given}) {own}{{", "entry:", *code.lines, "ret void", "}"]


def over(
    name: str,
    arguments: Sequence[str],
    width: int,
    rows: Sequence[int],
    body: Callable[[Code, int | str], None],
    *,
    few: int = WRITTEN_OUT,
) -> list[str]:
    """An internal function that runs its body for each row.

    It is written out for few rows, a loop over a table for many. One lane treats many rows in blocks side by side;
    as no row depends on another, that is the same to the last bit.

    Parameters
    ----------
    name : str
    arguments : sequence of str
    width : int
    rows : sequence of int
        In order.
    body : callable
        Writes the code of one row, given its number or the name of the register that holds it.
    few : int
        Up to so many rows are written out.
    """
    code = Code(width)
    if width == 1 and len(rows) >= _SIDE_BY_SIDE:
        for first, size in blocks(rows):
            block = Code(1) if size == 1 else _Block(size)
            block.count = code.count
            body(block, first)
            code.lines += block.lines
            code.count = block.count
        return function(name, arguments, code, internal=True)
    if len(rows) <= few:
        for row in rows:
            body(code, row)
        return function(name, arguments, code, internal=True)
    table = f"@rows_{name}"
    numbers = f"{table} = internal constant [{len(rows)} x i64] [{', '.join(f'i64 {row}' for row in rows)}]"
    place = code.new(f"getelementptr inbounds [{len(rows)} x i64], ptr {table}, i64 0, i64 %i")
    body(code, code.new(f"load i64, ptr {place}"))
    return [numbers, *loop(name, arguments, code, len(rows))]


def blocks(rows: Sequence[int]) -> list[tuple[int, int]]:
    """The first row and the size of blocks of neighbours.

    Examples
    --------
    >>> blocks([0, 1, 2, 4, 5, 6, 7, 8])
    [(0, 2), (2, 1), (4, 4), (8, 1)]
    """
    found, at = [], 0
    while at < len(rows):
        run = next((n for n in range(1, len(rows) - at) if rows[at + n] != rows[at] + n), len(rows) - at)
        size = next((size for size in BLOCKS if size <= run), 1)
        found.append((rows[at], size))
        at += size
    return found


def loop(name: str, arguments: Sequence[str], code: Code, count: int) -> list[str]:
    """An internal function that runs its body for %i = 0 .. count - 1."""
    given = ", ".join(f"ptr noalias {item}" for item in arguments)
    head = [f"define internal void @{name}({given}) {{", "entry:", "br label %again", "again:"]
    tail = ["%next = add i64 %i, 1", f"%more = icmp ult i64 %next, {count}", "br i1 %more, label %again, label %done"]
    return [*head, "%i = phi i64 [0, %entry], [%next, %again]", *code.lines, *tail, "done:", "ret void", "}"]
