"""A model as one C99 header, for programs that are not Python.

The code is printed from the graph that the compiled engine makes its machine code from, with the same rules: powers of
a base at or below zero are 0, logarithms are those of at least 1e-300, exponentials those of at most 700.
"""

from __future__ import annotations

import os
import re
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

from pkpd_mdr import arguments
from pkpd_mdr.engine.lowering import compile_model
from pkpd_mdr.engine.machine.c_code import HELPERS, Equations, Statements
from pkpd_mdr.engine.machine.dag import Node
from pkpd_mdr.errors import ModelError, shown
from pkpd_mdr.model import Model, Port
from pkpd_mdr.units import Unit

__all__ = ["export_c"]

_MODEL = arguments.Kind.of(Model, words="a model; write for example Model(clone(...), kill(...))")
_PATH = arguments.Kind.of(str, os.PathLike, words="the path of a file; write for example 'tumour.h'")
_Place = tuple[str, str, Sequence[str], int]  # array, kind of its index, the names, which of them
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,30}")

_HEAD = """\
/*
 * {file}: written by pkpd_mdr from a model with the hash {hash}.
 *
 * All numbers are in internal units: h, L, mg, umol, umol/L, counts of cells and vesicles. "(1/day is 0.0416667
 * here)" says which number one of the unit shown is; a Gy, as length**2/time**2, is 1.296e+09.
 *
 *   {n}_defaults(p)                        the parameters p[{u}_PARAMETERS] as they were declared
 *   {n}_start(p, y)                        the states y[{u}_STATES] at time zero
 *   {n}_rhs(t, y, p, u, dy)                time derivatives; u[{u}_INPUTS] are inputs that flow now
 *   {n}_jacobian(t, y, p, values)          derivatives by the states, values[{u}_NONZEROS] in compressed columns
 *   {n}_observe(t, y, p, out)              observables out[{u}_OBSERVABLES]
 *   {n}_give(port, amount, t, p, y)        what a dose, an exposure or an act at a port does to the states at once
 *   {n}_port_values(port, p, values)       bioavailability, lag, modelled rate and duration of a port
 *
 * An infusion is an input: add its rate times the bioavailability to the input of the port's state while it runs. A lag
 * is the caller's to wait for. Hand in zero for a stock (cells, amounts, concentrations, vesicles) that a solver left
 * just below zero. Example (explicit Euler, to be brief; models with fast kinetics need a solver for stiff systems):
 *
 *   #include <stdio.h>
 *   #include "{file}"
 *
 *   int main(void)
 *   {{
 *       double y[{u}_STATES + 1], dy[{u}_STATES + 1], p[{u}_PARAMETERS + 1], u[{u}_INPUTS + 1] = {{0}};
 *       const double h = 0.001;
 *       {n}_defaults(p);
 *       {n}_start(p, y);
 *       for (int step = 0; step < 1000; ++step) {{
 *           {n}_rhs(step * h, y, p, u, dy);
 *           for (int i = 0; i < {u}_STATES; ++i)
 *               y[i] += h * dy[i];
 *       }}
 *       for (int i = 0; i < {u}_STATES; ++i)
 *           printf("%s %.17g\\n", {n}_state_name[i], y[i]);
 *       return 0;
 *   }}
 */"""


@arguments.takes(ModelError, model=_MODEL, path=_PATH, name=arguments.TEXT)
def export_c(model: Model, path: str | os.PathLike[str] | None = None, *, name: str | None = None) -> str:
    """The model as one self-contained C99 header that needs ``math.h`` only.

    The header holds the right-hand side, its sparse Jacobian (values and compressed-column pattern), the start, the
    observables, the ports (what a dose, an exposure or an act does to the states; bioavailability, lag, modelled rate
    and duration) and the default parameters. Its top comment lists what it declares and shows a program that uses it.
    All numbers are in internal units (h, L, mg, umol, counts); every state and parameter has a comment with its unit
    and the factor.

    Parameters
    ----------
    model : Model
    path : str or path, optional
        A file that ends in ``.h``; written, an older one replaced. None only returns the text.
    name : str, optional
        Stands before all names of the header, so that they meet no keyword, function or other header; by default the
        name of the file, or ``model``.

    Returns
    -------
    str
        The header.

    Raises
    ------
    ModelError
        A formula has a function that cannot be written in C, the name is no C name, or the file cannot be written.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(mdr.clone("S", growth=mdr.growth.exponential(rate="0.5 1/day"), start=1e6))
    >>> text = mdr.export_c(model, name="tumour")
    >>> print(next(line for line in text.splitlines() if line.startswith("    dy")))
        dy[TUMOUR_STATE_S] = y[TUMOUR_STATE_S]*p[TUMOUR_PARAMETER_growth_S];
    """
    target = None if path is None else Path(path)
    if target is not None and target.suffix != ".h":
        raise ModelError(f"export_c(): the path {shown(str(path))} does not end in '.h'; write for example 'tumour.h'")
    prefix = name if name is not None else "model" if target is None else target.stem
    if not _NAME.fullmatch(prefix):
        raise ModelError(
            f"export_c(): {shown(prefix)} cannot stand before names in C; give name= a letter, then up to 30 letters, "
            "digits or '_'"
        )
    text = _Header(model, prefix).text()
    if target is not None:
        arguments.saved(
            path, lambda file: file.write_text(text, encoding="utf-8", newline="\n"), ModelError, "the header"
        )
    return text


def _comment(text: str) -> str:
    """Text that can stand in a comment: one line of ASCII that neither opens nor closes one."""
    plain = " ".join(text.replace("µ", "u").replace("μ", "u").split())
    plain = plain.encode("ascii", "backslashreplace").decode()
    return plain.replace("*/", "* /").replace("/*", "/ *").replace("??", "? ?").replace("\\", "/")


class _Header:
    """Writes the parts of a header, in order."""

    def __init__(self, model: Model, name: str) -> None:
        self.model, self.name, self.upper = model, name, name.upper()
        self.compiled = compiled = compile_model(model)
        self.equations = Equations(compiled)
        self.columns = sorted(self.equations.jacobian, key=lambda entry: (entry[1], entry[0]))
        self.routes = _unique([f"{port.name}_{port.route}" for port in model.ports])

    def text(self) -> str:
        """The whole header."""
        guard = f"{self.upper}_H"
        parts = [self.head(), f"#ifndef {guard}\n#define {guard}\n\n#include <math.h>"]
        parts += [*self.names(), self.pattern(), self.helpers(), *self.functions(), f"#endif /* {guard} */\n"]
        return "\n\n".join(parts)

    # -- declarations ----------------------------------------------------------------------------------

    def head(self) -> str:
        """The comment at the top."""
        n, u = self.name, self.upper
        return _HEAD.format(n=n, u=u, file=f"{n}.h", hash=self.model.content_hash)

    def names(self) -> Iterator[str]:
        """Enumerations and tables of names."""
        model, compiled = self.model, self.compiled
        states = [f"{s.description or s.name}: {s.kind} in {_unit(s.unit)}" for s in model.states.values()]
        parameters = [
            f"{p.description or p.name}: {p.value:g} {p.unit.text}{_factor(p.unit)}" for p in model.parameters.values()
        ]
        inputs = [compiled.states[target] for target in self.equations.targets]
        observables = [f"{o.description or o.name} in {_unit(o.unit)}" for o in model.observables.values()]
        yield self.enumeration("STATE", "STATES", compiled.states, states)
        yield self.enumeration("PARAMETER", "PARAMETERS", compiled.parameters, parameters)
        yield self.enumeration("INPUT", "INPUTS", inputs, [f"what flows into {s} in an hour" for s in inputs])
        yield self.enumeration("OBSERVABLE", "OBSERVABLES", list(model.observables), observables)
        yield self.enumeration("PORT", "PORTS", self.routes, [_port(port) for port in model.ports])
        yield self.table("state_name", compiled.states) + "\n" + self.table("parameter_name", compiled.parameters)

    def enumeration(self, kind: str, count: str, names: Sequence[str], comments: Sequence[str]) -> str:
        """An enumeration of names, and how many there are."""
        items = [
            f"    {self.upper}_{kind}_{item} = {i}, /* {_comment(comment)} */"
            for i, (item, comment) in enumerate(zip(names, comments, strict=True))
        ]
        return "\n".join(["enum {", *items, f"    {self.upper}_{count} = {len(names)}", "};"])

    def table(self, name: str, items: Sequence[str]) -> str:
        """An array of names."""
        quoted = [f'"{item}"' for item in items] or ['""']
        return f"static const char *const {self.name}_{name}[] = {{\n{_wrapped(quoted)}\n}};"

    def pattern(self) -> str:
        """The compressed columns of the Jacobian."""
        columns = [column for _, column in self.columns]
        begins = [sum(column < j for column in columns) for j in range(len(self.compiled.states) + 1)]
        rows = [row for row, _ in self.columns] or [0]
        return "\n".join(
            [
                "/* Jacobian: values of column j stand from jacobian_begin[j] on, each in row jacobian_row[k]. */",
                f"enum {{ {self.upper}_NONZEROS = {len(columns)} }};",
                f"static const int {self.name}_jacobian_begin[] = {{\n{_wrapped(begins)}\n}};",
                f"static const int {self.name}_jacobian_row[] = {{\n{_wrapped(rows)}\n}};",
            ]
        )

    def helpers(self) -> str:
        """The functions that formulas need beside those of math.h."""
        return HELPERS.format(name=self.name)

    # -- functions -------------------------------------------------------------------------------------

    def functions(self) -> Iterator[str]:
        """What the equations compute, a function each."""
        equations, compiled = self.equations, self.compiled
        values = [repr(float(parameter.internal)) for parameter in self.model.parameters.values()]
        lines = [self.assign("p", "PARAMETER", compiled.parameters, i, value) for i, value in enumerate(values)]
        yield self.function("defaults", "Default parameters.", "double *p", lines)
        states = [("y", "STATE", compiled.states, i) for i in range(len(compiled.states))]
        yield self.computed("start", "The states at time zero.", "const double *p, double *y", states, equations.starts)
        moving = "double t, const double *y, const double *p, "
        derivatives = [("dy", "STATE", compiled.states, i) for i in range(len(compiled.states))]
        about = f"Time derivatives; u[{self.upper}_INPUTS] are the inputs that flow now."
        yield self.computed("rhs", about, f"{moving}const double *u, double *dy", derivatives, equations.right)
        about = "Derivatives of the right-hand side by the states, in compressed columns."
        cells = [("values", "", (), k) for k in range(len(self.columns))]
        nodes = [equations.jacobian[entry] for entry in self.columns]
        yield self.computed("jacobian", about, f"{moving}double *values", cells, nodes)
        observables = list(self.model.observables)
        seen = [("out", "OBSERVABLE", observables, i) for i in range(len(observables))]
        nodes = [equations.reader.read(self.compiled.expression(name)) for name in observables]
        yield self.computed("observe", "Observables.", f"{moving}double *out", seen, nodes)
        yield from self.ports()

    def ports(self) -> Iterator[str]:
        """What the ports do, and their numbers."""
        give, numbers = [], []
        for i, port in enumerate(self.model.ports):
            label = f"case {self.upper}_PORT_{self.routes[i]}:"
            after = self.equations.given(port)
            places = [("y", "STATE", self.compiled.states, state) for state in after]
            given = self.lines(places, list(after.values()), simultaneous=len(after) > 1)
            give += [f"{label} {{", _inner(given), "    break;", "}"]
            numbers += [f"{label} {{", _inner(self.port_numbers(port)), "    break;", "}"]
        about = "What an amount at a port does: a dose adds amount*bioavailability, an exposure sets, an act maps."
        signature = "int port, double amount, double t, const double *p, double *y"
        yield self.function("give", about, signature, _switch(give))
        about = "Bioavailability, lag (h), modelled rate and modelled duration (h) of a port; NAN where it has none."
        first = "values[0] = values[1] = values[2] = values[3] = NAN;"
        yield self.function(
            "port_values", about, "int port, const double *p, double *values", [first, *_switch(numbers)]
        )

    def leaf(self, kind: str, number: int) -> str:
        """How a leaf of the graph is written."""
        if kind in ("t", "amount"):
            return "t" if kind == "t" else "amount"
        part, names = {
            "y": ("STATE", self.compiled.states),
            "p": ("PARAMETER", self.compiled.parameters),
            "u": ("INPUT", [self.compiled.states[target] for target in self.equations.targets]),
        }[kind]
        return f"{kind}[{self.upper}_{part}_{names[number]}]"

    def port_numbers(self, port: Port) -> list[str]:
        """Statements that write what a port has of bioavailability, lag, rate and duration."""
        items = [port.bioavailability, port.lag, port.rate, port.duration]
        known = [(i, self.equations.reader.read(item)) for i, item in enumerate(items) if item is not None]
        return self.lines([("values", "", (), i) for i, _ in known], [node for _, node in known])

    def assign(self, array: str, kind: str, names: Sequence[str], index: int, value: str) -> str:
        """A statement that writes to a place of an array; without a kind the place is a number."""
        place = f"{self.upper}_{kind}_{names[index]}" if kind else str(index)
        return f"{array}[{place}] = {value};"

    def lines(self, places: Sequence[_Place], nodes: Sequence[Node], *, simultaneous: bool = False) -> list[str]:
        """Statements that compute nodes and write them to places."""
        writer = Statements(self.equations.graph, nodes, self.leaf, self.name)
        values = [writer.named(node) if simultaneous else writer.text(node) for node in nodes]
        return [*writer.lines, *(self.assign(*place, value) for place, value in zip(places, values, strict=True))]

    def computed(self, name: str, about: str, signature: str, places: Sequence[_Place], nodes: Sequence[Node]) -> str:
        """A function that writes nodes to places."""
        return self.function(name, about, signature, self.lines(places, nodes))

    def function(self, name: str, about: str, signature: str, body: Sequence[str]) -> str:
        """A function without a result; arguments that its body does not use are said to be unused."""
        head = [f"/* {about} */", f"static inline void {self.name}_{name}({signature})"]
        text = _inner(body)
        given = [part.split()[-1].lstrip("*") for part in signature.split(",")]
        unused = " ".join(f"(void){item};" for item in given if not re.search(rf"\b{item}\b", text))
        return "\n".join([*head, "{", *([_inner([unused])] if unused else []), text, "}"])


def _unit(unit: Unit) -> str:
    return (unit.text or "1") + _factor(unit)


def _factor(unit: Unit) -> str:
    return "" if unit.factor == 1.0 else f" ({unit.text} is {unit.factor:.6g} here)"


def _port(port: Port) -> str:
    does = {"dose": f"adds to {port.target}", "expose": f"sets {port.target}"}.get(port.action)
    does = does or f"changes {', '.join(port.effects)}"
    amount = f"amounts in {_unit(port.unit)}"
    spread = "; enters over the modelled duration" if port.spread else ""
    return f"{port.name} by {port.route or 'its only route'}: {does}; {amount}{spread}"


def _unique(names: Sequence[str]) -> list[str]:
    """Names as parts of C names, told apart by a number where they would be equal."""
    found: list[str] = []
    for name in names:
        plain = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_") or "port"
        number, fresh = 2, plain
        while fresh in found:
            number, fresh = number + 1, f"{plain}_{number}"
        found.append(fresh)
    return found


def _inner(lines: Sequence[str]) -> str:
    return "\n".join(f"    {line}" for part in lines for line in part.split("\n") if line)


def _wrapped(items: Sequence[object]) -> str:
    return textwrap.fill(", ".join(map(str, items)), 110, initial_indent="    ", subsequent_indent="    ")


def _switch(cases: Sequence[str]) -> list[str]:
    return ["switch (port) {", *cases, "default:", "    break;", "}"]
