"""The graph of expressions against SymPy: values, first derivatives, directional second derivatives."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from pkpd_mdr.engine.machine.dag import Dag
from pkpd_mdr.engine.machine.reading import Reader
from pkpd_mdr.errors import ModelError
from pkpd_mdr.expression import Log, Power, parse, symbol

NAMES = ["a", "b", "c", "d"]
SYMBOLS = [symbol(name) for name in NAMES]
MATH = [
    {
        "Power": lambda b, e: b**e if b > 0 else float(e == 0),
        "Log": lambda x: np.log(max(x, 1e-300)),
        "Heaviside": lambda x, h=0.5: np.heaviside(x, h),
        "DiracDelta": lambda x: 0.0,
    },
    "numpy",
]


def fresh() -> tuple[Dag, Reader, list[int]]:
    graph = Dag()
    leaves = [graph.leaf("y", i) for i in range(4)]
    return graph, Reader(graph, dict(zip(SYMBOLS, leaves, strict=True))), leaves


def at(values: list[float]) -> dict[tuple[str, int], float]:
    return {("y", i): value for i, value in enumerate(values)}


texts = st.recursive(
    st.sampled_from([*NAMES, "2", "0.7", "3.5"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda p: f"({p[0]} {p[1]} ({p[2]} + 4))"),
        inner.map(lambda p: f"({p})**3"),
        inner.map(lambda p: f"exp(-({p})*0.1)"),
        inner.map(lambda p: f"log(1 + ({p})**2)"),
        inner.map(lambda p: f"sqrt(2 + ({p})**2)"),
        inner.map(lambda p: f"tanh({p})"),
        inner.map(lambda p: f"sin({p})*cos({p})"),
        inner.map(lambda p: f"expm1(-0.1*({p})) + log1p(({p})**2)"),
        st.tuples(inner, inner).map(lambda p: f"max({p[0]}, {p[1]} - 0.3) - min({p[1]}, 1.1)"),
        st.tuples(inner, inner).map(lambda p: f"hill(1 + ({p[0]})**2, 1.3, 1.7 + 0.1*({p[1]}))"),
        st.tuples(inner, inner).map(lambda p: f"({p[0]} if {p[1]} < 0.9 else 2*{p[0]} + abs({p[1]} - 5))"),
    ),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(texts, st.lists(st.floats(0.11, 1.9), min_size=4, max_size=4))
def test_values_and_derivatives_agree_with_sympy(text: str, values: list[float]) -> None:
    try:
        expression = parse(text, NAMES)
    except ValueError:
        return  # too large, or a constant that divides by zero
    graph, reader, leaves = fresh()
    node = reader.read(expression)
    one = graph.constant(1.0)
    [row] = graph.gradient([node], {leaf: {i: one} for i, leaf in enumerate(leaves)})
    inexact = sp.lambdify(SYMBOLS, [expression, *(expression.diff(s) for s in SYMBOLS)], modules=MATH)
    with np.errstate(all="ignore"):
        wanted = np.array([float(v) for v in inexact(*values)])
    found = np.array(
        [float(v) for v in graph.evaluate([node, *(row.get(i, graph.constant(0.0)) for i in range(4))], at(values))]
    )
    if np.isfinite(wanted).all() and np.abs(wanted).max() < 1e8:
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9 * max(1.0, np.abs(wanted).max()))


def test_directional_second_derivative() -> None:
    expression = parse("a*hill(c, b, d)/(1 + a*b) + exp(-a*d)*log(c)", NAMES)
    graph, reader, leaves = fresh()
    directions = [graph.leaf("k", i) for i in range(4)]
    one = graph.constant(1.0)
    [row] = graph.gradient([reader.read(expression)], {leaf: {i: one} for i, leaf in enumerate(leaves)})
    rows = graph.gradient(
        [row[i] for i in range(4)], {leaf: {0: k} for leaf, k in zip(leaves, directions, strict=True)}
    )
    values, step = [0.7, 1.3, 0.9, 1.6], [0.2, -1.0, 0.5, 2.0]
    found = [
        float(v) for v in graph.evaluate([r[0] for r in rows], at(values) | {("k", i): k for i, k in enumerate(step)})
    ]
    hessian = sp.hessian(expression, SYMBOLS).subs(dict(zip(SYMBOLS, values, strict=True)))
    wanted = np.array(hessian.evalf(), dtype=float) @ step
    np.testing.assert_allclose(found, wanted, rtol=1e-10)


@pytest.mark.parametrize("base", [-0.5, 0.0, 1e-310])
@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0, 1.4])
def test_powers_near_zero_follow_the_rules_of_formulas(base: float, exponent: float) -> None:
    graph, reader, leaves = fresh()
    expression = Power(SYMBOLS[0], SYMBOLS[1])
    node = reader.read(expression)
    one = graph.constant(1.0)
    [row] = graph.gradient([node], {leaves[0]: {0: one}, leaves[1]: {1: one}})
    value, by_base, by_exponent = (float(v) for v in graph.evaluate([node, row[0], row[1]], at([base, exponent, 1, 1])))
    assert value == (float(exponent == 0) if base <= 0 else pytest.approx(base**exponent))
    if base <= 0:
        assert by_base == float(exponent == 1.0)
    assert np.isfinite([value, by_exponent]).all()


def test_logarithm_below_zero_is_finite() -> None:
    graph, reader, leaves = fresh()
    node = reader.read(Log(SYMBOLS[0]))
    [row] = graph.gradient([node], {leaves[0]: {0: graph.constant(1.0)}})
    value, slope = graph.evaluate([node, row[0]], at([-1.0, 1, 1, 1]))
    assert float(value) == pytest.approx(np.log(1e-300))
    assert np.isfinite(slope)


def test_equal_subexpressions_are_one_node_and_zeros_are_structural() -> None:
    graph, reader, leaves = fresh()
    first = reader.read(parse("a*b*c + d", NAMES))
    before = len(graph)
    assert reader.read(parse("d + c*b*a", NAMES)) == first
    assert len(graph) == before
    rows = graph.gradient(
        [reader.read(parse("a*b", NAMES))], {leaf: {i: graph.constant(1.0)} for i, leaf in enumerate(leaves)}
    )
    assert sorted(rows[0]) == [0, 1]


def test_factors_that_feel_the_same_are_one_node() -> None:
    """What a concentration imposes on a clone, however the formula is written."""
    graph = Dag()
    names = {"N": ("y", 0), "C": ("y", 1), "emax": ("p", 0), "ec50": ("p", 1)}
    reader = Reader(graph, {symbol(name): graph.leaf(*leaf) for name, leaf in names.items()})
    for text in ("emax*hill(C, ec50, 2)*N", "N*C*emax/(ec50 + C)", "C*N/(2*(1 + N)*(ec50 + C))"):
        rate = reader.read(parse(text, list(names)))
        assert [node for node in graph.needed([rate]) if graph.feels[node].bit_count() == 2] == [rate], text


def test_a_gradient_by_a_node_inside() -> None:
    """Nothing below it counts: d(N*k + C)/dk with k = C**2 is N, although C moves k."""
    graph = Dag()
    n, c = graph.leaf("y", 0), graph.leaf("y", 1)
    inside = graph.mul(c, c)
    total = graph.add(graph.mul(n, inside), c)
    one = graph.constant(1.0)
    assert graph.gradient([total], {inside: {0: one}, c: {1: one}}) == [{0: n, 1: one}]


def test_what_depends_on_parameters_alone_is_collected() -> None:
    graph = Dag()
    reader = Reader(
        graph, {SYMBOLS[0]: graph.leaf("y", 0), SYMBOLS[1]: graph.leaf("p", 0), SYMBOLS[2]: graph.leaf("p", 1)}
    )
    node = reader.read(parse("a*b/c", NAMES))
    assert [graph.feels[i] for i in graph.inputs(node)].count(0) == 1
    assert len([n for n in graph.needed([node]) if graph.feels[n]]) == 2


def test_unknown_function_is_refused() -> None:
    _, reader, _ = fresh()
    with pytest.raises(ModelError, match="gamma"):
        reader.read(sp.gamma(SYMBOLS[0]))
    with pytest.raises(ModelError, match="neither a state"):
        reader.read(sp.Symbol("other"))
