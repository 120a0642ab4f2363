"""The C header: compiled by the system's compiler without a warning, and equal to the functions of the engine."""

from __future__ import annotations

import ctypes
import math
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies.models import models

import pkpd_mdr as mdr
from pkpd_mdr import gallery
from pkpd_mdr.engine import compile_model
from pkpd_mdr.engine.machine.c_code import HELPERS, Equations, Statements
from pkpd_mdr.engine.machine.dag import Dag
from pkpd_mdr.errors import ModelError
from pkpd_mdr.expression import parse, symbol
from pkpd_mdr.model import Model, Process
from pkpd_mdr.units import Unit

COMPILER = next((found for name in ("cc", "gcc", "clang") if (found := shutil.which(name))), None)
FLAGS = ["-std=c99", "-Wall", "-Wextra", "-pedantic", "-Wshadow", "-Wconversion", "-Werror", "-O1"]
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="no C compiler on this machine")

FUNCTIONS = {
    "defaults": "p", "start": "py", "rhs": "typud", "jacobian": "typv", "observe": "typo",
    "give": "iatpy", "port_values": "ipv",
}  # fmt: skip
KINDS = {"t": "double", "a": "double", "i": "int"}


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


class Library:
    """The functions of a header, called through ctypes."""

    def __init__(self, header: str, folder: Path, name: str = "model") -> None:
        (folder / f"{name}.h").write_text(header, encoding="utf-8")
        lines = [f'#include "{name}.h"']
        for function, letters in FUNCTIONS.items():
            items = [f"{KINDS.get(letter, 'double *')} x{i}" for i, letter in enumerate(letters)]
            values = ", ".join(f"x{i}" for i in range(len(items)))
            signature = f"void call_{function}({', '.join(items)})"
            lines += [f"{signature};", f"{signature} {{ {name}_{function}({values}); }}"]
        for table in ("jacobian_begin", "jacobian_row"):
            lines += [f"const int *get_{table}(void);", f"const int *get_{table}(void) {{ return {name}_{table}; }}"]
        source, library = folder / f"{name}.c", folder / f"{name}.so"
        source.write_text("\n".join(lines) + "\n")
        run(str(COMPILER), *FLAGS, "-ffp-contract=off", "-shared", "-fPIC", str(source), "-o", str(library), "-lm")
        self._library = ctypes.CDLL(str(library))
        counts = re.findall(rf"^ *(?:enum {{ )?{name.upper()}_([A-Z]+) = (\d+)", header, flags=re.MULTILINE)
        self.counts = {kind: int(count) for kind, count in counts}

    def call(self, function: str, *values: Any) -> None:
        """Arrays are handed over as they are, numbers by value."""
        ready = [
            value.ctypes.data_as(ctypes.c_void_p)
            if isinstance(value, np.ndarray)
            else ctypes.c_int(value) if letter == "i" else ctypes.c_double(value)
            for letter, value in zip(FUNCTIONS[function], values, strict=True)
        ]  # fmt: skip
        getattr(self._library, f"call_{function}")(*ready)

    def pattern(self, size: int) -> list[tuple[int, int]]:
        """Rows and columns of the Jacobian's values."""
        tables = []
        for name, count in (("jacobian_begin", size + 1), ("jacobian_row", self.counts["NONZEROS"])):
            get = getattr(self._library, f"get_{name}")
            get.restype = ctypes.POINTER(ctypes.c_int)
            tables.append([get()[i] for i in range(count)])
        begins, rows = tables
        return [(rows[k], j) for j in range(size) for k in range(begins[j], begins[j + 1])]


@np.errstate(over="ignore")
def size_of_terms(graph: Dag, nodes: list[int], leaves: Mapping[tuple[str, int], float]) -> np.ndarray:
    """What rounding errors of a node are relative to: the sizes of the terms that are added on the way."""
    order = graph.needed(nodes)
    values = dict(zip(order, np.abs(np.array(graph.evaluate(order, leaves), dtype=float)), strict=True))
    sizes: dict[int, Any] = {}
    for node in order:
        code, inner = graph.codes[node], [sizes[i] for i in graph.inputs(node)]
        if code[0] in ("+", "-"):
            sizes[node] = sum(inner)
        elif code[0] == "*":
            sizes[node] = 0.0 if 0.0 in inner else inner[0] * inner[1]
        elif code[0] == "inv":
            sizes[node] = inner[0] * values[node] ** 2
        elif code[0] in ("exp", "exp2", "expm1"):
            sizes[node] = values[node] * (1 + inner[0])
        elif code[0] == "log":
            sizes[node] = values[node] + inner[0] / max(values[code[1]], 1e-300)
        elif code[0] == "select":
            sizes[node] = inner[1] if values[code[1]] else inner[2]
        elif code[0] == "pow":
            sizes[node] = max(inner[2], values[node])
        else:
            sizes[node] = max([values[node], *inner])
    return np.array([max(sizes[node], values[node]) for node in nodes])


def point(model: Model, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """States and parameters somewhere: every fourth state is empty, unless a formula divides by it."""
    random = np.random.default_rng(seed)
    scale = {"cells": 1e9, "vesicles": 1e6}
    y = np.array([scale.get(s.kind, 1.0) for s in model.states.values()]) * random.lognormal(
        0.0, 1.0, len(model.states)
    )
    p = np.array([x.internal for x in model.parameters.values()]) * random.uniform(0.8, 1.0, len(model.parameters))
    some, compiled = np.where(random.random(len(y)) < 0.25, 0.0, y), compile_model(model)
    try:
        compiled.rhs(0.0, some.tolist(), p.tolist())
        compiled.jacobian(0.0, some.tolist(), p.tolist())
    except ZeroDivisionError:
        return y, p
    return some, p


def agree(model: Model, folder: Path, seed: int = 0, name: str = "model") -> None:
    """Every function of the header against the engine's, to 1e-12 of the terms that are summed."""
    compiled, equations = compile_model(model), Equations(compile_model(model))
    library = Library(mdr.export_c(model, name=name), folder, name)
    n, count = len(compiled.states), len(compiled.parameters)
    assert (library.counts["STATES"], library.counts["PARAMETERS"]) == (n, count)
    y, p = point(model, seed)
    t, u = 17.5, np.random.default_rng(seed).uniform(0.0, 2.0, len(equations.targets))
    leaves = {("y", i): v for i, v in enumerate(y)} | {("p", i): v for i, v in enumerate(p)}
    leaves |= {("u", i): v for i, v in enumerate(u)} | {("t", 0): t, ("amount", 0): 0.7}

    def same(found: np.ndarray, wanted: Any, nodes: list[int]) -> None:
        wanted = np.asarray(wanted, dtype=float)
        slack = 1e-12 * size_of_terms(equations.graph, nodes, leaves)
        assert (np.abs(found - wanted) <= slack).all(), (found, wanted, slack)

    defaults = np.zeros(count)
    library.call("defaults", defaults)
    assert defaults.tolist() == [parameter.internal for parameter in model.parameters.values()]
    begin = np.zeros(n)
    library.call("start", p, begin)
    same(begin, compiled.start(p), equations.starts)
    slopes = np.zeros(n)
    library.call("rhs", t, y, p, u, slopes)
    wanted = np.array(compiled.rhs(t, y.tolist(), p.tolist()))
    wanted[list(equations.targets)] += u
    same(slopes, wanted, equations.right)
    entries = np.zeros(library.counts["NONZEROS"])
    library.call("jacobian", t, y, p, entries)
    cells = library.pattern(n)
    dense = np.array(compiled.jacobian(t, y.tolist(), p.tolist())).reshape(n, n)
    same(entries, [dense[cell] for cell in cells], [equations.jacobian[cell] for cell in cells])
    outside = np.ones((n, n), dtype=bool)
    outside[tuple(np.array(cells).reshape(-1, 2).T)] = False
    assert not dense[outside].any()
    names = list(model.observables)
    seen = np.zeros(len(names))
    library.call("observe", t, y, p, seen)
    nodes = [equations.reader.read(compiled.expression(item)) for item in names]
    same(seen, compiled.outputs(names, np.array([t]), y[None], p)[0], nodes)
    for index in range(len(model.ports)):
        ports_agree(library, equations, index, (t, y, p), same)


def ports_agree(
    library: Library,
    equations: Equations,
    index: int,
    at: tuple[float, np.ndarray, np.ndarray],
    same: Callable[[np.ndarray, Any, list[int]], None],
) -> None:
    """What is given at a port arrives as the engine gives it."""
    (t, y, p), compiled = at, equations.compiled
    numbers = np.zeros(4)
    library.call("port_values", index, p, numbers)
    np.testing.assert_allclose(numbers, compiled.port_values(index, p), rtol=1e-13)
    port, after, wanted = compiled.ports[index], y.copy(), y.copy()
    library.call("give", index, 0.7, t, p, after)
    if port.action == "act":
        hit, effects = compiled.effects(index)
        wanted[hit] = effects(t, y.tolist(), p.tolist(), 0.7)
        nodes = [equations.given(port).get(state, node) for state, node in enumerate(equations.states)]
        same(after, wanted, nodes)
    else:
        target = compiled.states.index(port.target)
        wanted[target] = y[target] + numbers[0] * 0.7 if port.action == "dose" else 0.7
        np.testing.assert_allclose(after, wanted, rtol=1e-14)


# -- agreement ------------------------------------------------------------------------------------------------


@needs_compiler
@pytest.mark.slow
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(model=models(), seed=st.integers(0, 2**31))
def test_random_models_agree_with_the_engine(model: Model, seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    agree(model, tmp_path_factory.mktemp("random"), seed)


PUBLISHED = [name for name in gallery.MODELS if name != "bozic2013"]


@needs_compiler
@pytest.mark.parametrize("name", PUBLISHED)
def test_the_gallery_agrees_with_the_engine(name: str, tmp_path: Path) -> None:
    agree(getattr(gallery, name)(), tmp_path, name=name)


@needs_compiler
@pytest.mark.parametrize("seed", range(4))
def test_conditions_are_plain_comparisons(seed: int, tmp_path: Path) -> None:
    model = Model(
        mdr.medium("dox", unit="uM", loss="0.05 1/h"),
        mdr.clone("S", growth=mdr.growth.formula("k*(2 if C_dox < top else 1) + k*(1 if t > when else 0)"), start=1000),
        mdr.parameter("k", "0.03 1/h"),
        mdr.parameter("top", "1 uM"),
        mdr.parameter("when", "10 h"),
    )
    assert "y[MODEL_STATE_medium_dox] < p[MODEL_PARAMETER_top]" in mdr.export_c(model)
    agree(model, tmp_path, seed)


def test_branching_lesions_have_no_equations_to_export() -> None:
    with pytest.raises(ModelError, match="not a model"):
        mdr.export_c(gallery.bozic2013(1e8))  # type: ignore[arg-type]


@needs_compiler
def test_every_operation_agrees_with_numpy(tmp_path: Path) -> None:
    names = list("abcd")
    text = [
        "a - (b - c) - -d", "a/(b/c)/d", "-a**3*b**-2", "hill(a - 1, b, c)", "max(a, b) - min(c, d)", "abs(a - b)",
        "exp(-a)*expm1(b)*log(c)*log1p(d)", "sqrt(a)*tanh(b)*sin(c)*cos(d)", "a if b < c else c if d >= a else 7",
        "(1 if a <= b else 2)*(3 if c > d else 4)", "a*0.1 + 1e-300*b + 1e20*c", "(a + b)*(a + b) - a*(b*c)*d",
    ]  # fmt: skip
    graph = Dag()
    leaves = {symbol(name): graph.leaf("y", i) for i, name in enumerate(names)}
    reader = Equations(
        compile_model(Model(mdr.clone("S", growth=mdr.growth.exponential(rate="1 1/day"), start=1)))
    ).reader
    reader.graph, reader._known = graph, dict(leaves)
    nodes = [reader.read(parse(line, names)) for line in text]
    rows = graph.gradient(nodes, {leaf: {i: graph.constant(1.0)} for i, leaf in enumerate(leaves.values())})
    nodes += [node for row in rows for node in row.values()]
    nodes.append(graph.extreme("max", graph.constant(math.inf), graph.leaf("y", 0)))
    code = Statements(graph, nodes, lambda kind, number: f"y[{number}]", "f")
    body = "\n".join([*code.lines, *(f"out[{i}] = {code.text(node)};" for i, node in enumerate(nodes))])
    source, library = tmp_path / "all.c", tmp_path / "all.so"
    head = "void all(const double *y, double *out);\nvoid all(const double *y, double *out) {"
    source.write_text(f"#include <math.h>\n{HELPERS.format(name='f')}\n{head}\n{body}\n}}\n")
    run(str(COMPILER), *FLAGS, "-ffp-contract=off", "-shared", "-fPIC", str(source), "-o", str(library), "-lm")
    call = ctypes.CDLL(str(library)).all
    for seed in range(20):
        y = np.random.default_rng(seed).uniform(0.1, 2.0, 4)
        out = np.zeros(len(nodes))
        call(y.ctypes.data_as(ctypes.c_void_p), out.ctypes.data_as(ctypes.c_void_p))
        at = {("y", i): v for i, v in enumerate(y)}
        np.testing.assert_allclose(out, [float(v) for v in graph.evaluate(nodes, at)], rtol=1e-13, atol=1e-15)


@needs_compiler
def test_powers_and_logarithms_near_zero(tmp_path: Path) -> None:
    model = Model(
        mdr.state("A", unit="1", kind="effect", start=1.0),
        mdr.state("B", unit="1", kind="effect", start=1.0),
        mdr.parameter("h", "1.4"),
        mdr.parameter("k", "1 1/h"),
        mdr.process("up", "k*(A**h + log(B)/1000)", {"A": 1}),
    )
    library = Library(mdr.export_c(model), tmp_path)
    p, out = np.array([parameter.internal for parameter in model.parameters.values()]), np.zeros(2)
    place = list(model.parameters).index("h")
    for base, exponent, wanted in [
        (-0.5, 1.4, 0.0),
        (0.0, 1.4, 0.0),
        (0.0, 0.0, 1.0),
        (-2.0, 0.0, 1.0),
        (4.0, 0.5, 2.0),
    ]:
        p[place] = exponent
        library.call("rhs", 0.0, np.array([base, 1.0]), p, np.zeros(1), out)
        assert out[0] == pytest.approx(wanted, rel=1e-15)
        entries = np.zeros(library.counts["NONZEROS"])
        library.call("jacobian", 0.0, np.array([base, -1.0]), p, entries)
        assert np.isfinite(entries).all()
    library.call("rhs", 0.0, np.array([1.0, 0.0]), p, np.zeros(1), out)
    assert out[0] == pytest.approx(1.0 + math.log(1e-300) / 1000, rel=1e-14)
    library.call("rhs", 0.0, np.array([math.nan, 1.0]), p, np.zeros(1), out)
    assert math.isnan(out[0])


# -- names and text -------------------------------------------------------------------------------------------

KEYWORDS = {"static", "inline", "void", "const", "double", "int", "char", "enum", "return", "switch", "case", "default"}
KEYWORDS |= {"break"}
LIBRARY = {"exp", "exp2", "expm1", "log", "log1p", "sqrt", "fabs", "tanh", "sin", "cos", "NAN", "INFINITY", "math", "h"}
LOCAL = {"t", "y", "p", "u", "dy", "values", "out", "port", "amount", "x", "a", "b", "base", "body", "elsewhere"}


def tokens(header: str) -> set[str]:
    """All identifiers that stand in the code."""
    code = re.sub(r'/\*.*?\*/|"[^"]*"|#(?:ifndef|define|endif|include)', " ", header, flags=re.DOTALL)
    return set(re.findall(r"(?<![\w.])[A-Za-z_]\w*", code))


def awkward() -> Model:
    """Names that mean something in C, and comments that would end one."""
    return Model(
        mdr.state("double", unit="mg", kind="amount", balance="d", description="*/ #error /* µg\n\\ ??/"),
        mdr.state("NAN", unit="mg", kind="amount", balance="d"),
        mdr.state("dy", unit="mg", kind="amount", balance="d"),
        mdr.parameter("switch", "0.3 1/h", description="rate */ of // nothing"),
        mdr.parameter("INFINITY", "0.2 1/h"),
        mdr.parameter("y", "0.1 1/h"),
        mdr.parameter("fabs", "0.1 1/h"),
        mdr.process("int", "switch*double", {"double": -1, "NAN": 1}),
        mdr.process("void", "INFINITY*NAN + y*dy + fabs*double", {"NAN": -1, "dy": 1}),
        mdr.observable("printf", "double + NAN + dy", "mg"),
        mdr.dosing("static", into="double", unit="mg"),
    )


@needs_compiler
@pytest.mark.parametrize("name", ["double", "exp", "y", "v0", "main"])
def test_names_that_mean_something_in_c(name: str, tmp_path: Path) -> None:
    agree(awkward(), tmp_path, name=name)


@settings(max_examples=25)
@given(models())
def test_all_names_are_valid_and_carry_the_prefix(model: Model) -> None:
    header = mdr.export_c(model, name="tumour")
    others = {token for token in tokens(header) if not token.lower().startswith("tumour_")}
    assert not {token for token in others - KEYWORDS - LIBRARY - LOCAL if not re.fullmatch(r"v\d+", token)}
    assert header.isascii()
    declared = re.findall(r"^    (TUMOUR_\w+) = ", header, flags=re.MULTILINE)
    assert len(declared) == len(set(declared))
    for part in (*model.states, *model.parameters, *model.observables):
        assert sum(name.endswith(f"_{part}") for name in declared) >= 1


def test_comments_say_what_is_meant() -> None:
    header = mdr.export_c(gallery.strobl2021())
    model = gallery.strobl2021()
    for parameter in model.parameters.values():
        [line] = [line for line in header.split("\n") if f"MODEL_PARAMETER_{parameter.name} =" in line]
        assert f"{parameter.value:g} {parameter.unit.text}".rstrip() in line
        assert parameter.description in line


def test_units_called_internal_have_no_factor() -> None:
    """A Gy stood among them, so that 2 Gy handed in as 2 killed nothing."""
    top = mdr.export_c(gallery.strobl2021())
    [listed] = re.findall(r"in internal units: ([^;.]*), counts of cells", top)
    assert [Unit.of(unit).factor for unit in listed.split(", ")] == pytest.approx([1.0] * 5)
    [gray] = re.findall(r"a Gy, as length\*\*2/time\*\*2, is (\S+)\.", top)
    assert Unit.of("Gy").factor == pytest.approx(float(gray))


@needs_compiler
def test_the_example_in_the_header_runs(tmp_path: Path) -> None:
    model = Model(
        mdr.clone("S", growth=mdr.growth.logistic(rate="0.5 1/day", capacity=1e9), start=1e6),
        mdr.clone("R", growth=mdr.growth.exponential(rate="0.2 1/day"), start=10.0),
    )
    header = mdr.export_c(model, tmp_path / "tumour.h")
    assert (tmp_path / "tumour.h").read_text() == header
    example = re.search(r"^ \*   (#include <stdio.h>.*?^ \*   })$", header, flags=re.DOTALL | re.MULTILINE)
    assert example is not None
    (tmp_path / "main.c").write_text(re.sub(r"^ \*(?:   )?", "", example[1], flags=re.MULTILINE) + "\n")
    run(str(COMPILER), *FLAGS, str(tmp_path / "main.c"), "-o", str(tmp_path / "main"), "-lm")
    printed = dict(line.split() for line in run(str(tmp_path / "main")).splitlines())
    compiled, p = compile_model(model), [parameter.internal for parameter in model.parameters.values()]
    y = compiled.start(np.array(p))
    for step in range(1000):
        y = y + 0.001 * np.array(compiled.rhs(step * 0.001, y.tolist(), p))
    assert list(printed) == list(compiled.states)
    np.testing.assert_allclose([float(value) for value in printed.values()], y, rtol=1e-12)


def test_the_name_comes_from_the_file(tmp_path: Path) -> None:
    model = gallery.strobl2021()
    assert "void strobl_rhs(" in mdr.export_c(model, tmp_path / "strobl.h")
    assert "void other_rhs(" in mdr.export_c(model, str(tmp_path / "strobl.h"), name="other")
    assert "void model_rhs(" in mdr.export_c(model)


# -- refusals -------------------------------------------------------------------------------------------------


def test_what_cannot_be_exported_is_said(tmp_path: Path) -> None:
    model = gallery.strobl2021()
    with pytest.raises(ModelError, match=r"does not end in '\.h'; write for example 'tumour\.h'"):
        mdr.export_c(model, tmp_path / "tumour.c")
    with pytest.raises(ModelError, match="'my model' cannot stand before names in C"):
        mdr.export_c(model, tmp_path / "my model.h")
    with pytest.raises(ModelError, match=r"cannot be written: .* lies in no folder that exists"):
        mdr.export_c(model, tmp_path / "nowhere" / "tumour.h")
    with pytest.raises(ModelError, match="not a model"):
        mdr.export_c("tumour")  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="not the path of a file"):
        mdr.export_c(model, 3)  # type: ignore[arg-type]


def test_an_unsupported_function_is_named() -> None:
    """Declarations refuse such a function too; here it gets past them."""
    model = Model(mdr.clone("S", growth=mdr.growth.exponential(rate="1 1/day"), start=1.0))
    odd = object.__new__(Model)
    odd._fill(**vars(model) | {"processes": {"odd": Process("odd", sp.gamma(symbol("S")), {"S": 1})}})
    with pytest.raises(ModelError, match=r"the function 'gamma' in 'gamma\(S\)' has no machine code; use one of exp"):
        mdr.export_c(odd)
