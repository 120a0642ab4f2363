"""Machine code: elementary functions to the last places, graphs against NumPy, sparse LU, the disk cache."""

from __future__ import annotations

import ctypes
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("llvmlite")

from pkpd_mdr.engine.machine import disk, native
from pkpd_mdr.engine.machine.dag import Dag
from pkpd_mdr.engine.machine.kernels import kernel
from pkpd_mdr.engine.machine.lanemath import functions
from pkpd_mdr.engine.machine.lanes import Code, function, module
from pkpd_mdr.engine.machine.reading import Reader
from pkpd_mdr.engine.machine.sparse import plan
from pkpd_mdr.errors import SimulationError
from pkpd_mdr.expression import parse, symbol

NAMES = ("exp", "exp2", "log", "expm1", "log1p", "tanh")
EXTENDED = np.finfo(np.longdouble).nmant > 60


@pytest.fixture(scope="module", params=[1, 2, 4, 8])
def elementary(request: pytest.FixtureRequest) -> Callable[[str, np.ndarray], np.ndarray]:
    """Vector functions by name, through machine code of 1, 2, 4 and 8 lanes."""
    width = request.param
    lines = functions(width)
    for name in (*NAMES, "root"):
        code = Code(width)
        code.store(code.own(name, code.load("%x", 0)), "%o", 0)
        lines += function(f"do_{name}", ["%x", "%o"], code)
    library = native.load(module(lines))

    def apply(name: str, x: np.ndarray) -> np.ndarray:
        call, padded = library.call(f"do_{name}", 2), np.resize(np.asarray(x, dtype=float), -(-len(x) // width) * width)
        out = np.empty_like(padded)
        for i in range(0, len(padded), width):
            call(padded.ctypes.data + 8 * i, out.ctypes.data + 8 * i)
        return out[: len(x)]

    return apply


def points(name: str, count: int) -> np.ndarray:
    random = np.random.default_rng(7)
    small = np.exp(random.uniform(-30, 0, count // 4)) * random.choice([-1.0, 1.0], count // 4)
    if name == "log":
        return np.concatenate(
            [np.exp(random.uniform(-690, 690, count // 2)), 1 + small, random.uniform(0.5, 2, count // 4)]
        )
    if name == "log1p":
        return np.concatenate(
            [random.uniform(-0.99, 50, count // 2), small * 0.99, np.exp(random.uniform(0, 600, count // 4))]
        )
    span = {"tanh": 20, "exp2": 1009}.get(name, 700)
    return np.concatenate([random.uniform(-span, span, count // 2), random.uniform(-2, 2, count // 4), small])


@pytest.mark.skipif(not EXTENDED, reason="needs extended precision to judge the last place")
@pytest.mark.parametrize("name", NAMES)
def test_elementary_functions_to_two_units_in_the_last_place(elementary: Callable, name: str) -> None:
    x = points(name, 60_000)
    exact = getattr(np, name)(x.astype(np.longdouble))
    error = np.abs(elementary(name, x).astype(np.longdouble) - exact) / np.spacing(np.abs(exact.astype(float)))
    assert float(error.max()) <= (2.0 if name in ("exp", "exp2", "log") else 3.0)


def test_elementary_functions_at_the_edges(elementary: Callable) -> None:
    np.testing.assert_array_equal(elementary("exp", np.array([0.0, -800.0, -np.inf])), [1.0, 0.0, 0.0])
    np.testing.assert_allclose(elementary("exp", np.array([800.0, np.inf])), np.exp(700.0), rtol=1e-15)
    np.testing.assert_array_equal(elementary("exp2", np.array([0.0, 3.0, -2.0, -1100.0, -np.inf])), [1, 8, 0.25, 0, 0])
    np.testing.assert_allclose(elementary("exp2", np.array([1100.0, np.inf])), np.exp(700.0), rtol=1e-12)
    np.testing.assert_allclose(elementary("log", np.array([1.0, 0.0, -5.0])), np.log([1.0, 1e-300, 1e-300]), rtol=1e-15)
    np.testing.assert_array_equal(elementary("expm1", np.array([0.0, -900.0])), [0.0, -1.0])
    np.testing.assert_array_equal(elementary("tanh", np.array([0.0, 900.0, -900.0])), [0.0, 1.0, -1.0])
    for name in NAMES:
        assert np.isnan(elementary(name, np.array([np.nan, 0.5])))[0]


def test_rough_root_to_three_digits_over_the_whole_range(elementary: Callable) -> None:
    x = np.exp(np.random.default_rng(1).uniform(-690, 690, 4000))
    np.testing.assert_allclose(elementary("root", x), x**-0.1, rtol=1e-3)
    np.testing.assert_allclose(elementary("root", np.array([0.0, np.inf])), [1e30, 1e-30], rtol=1e-3)


@pytest.mark.parametrize("width", [1, 4])
def test_powers_of_no_number_are_none_and_of_nothing_are_nothing(width: int) -> None:
    graph = Dag()
    base, exponent = graph.leaf("y", 0), graph.leaf("p", 0)
    code = kernel(graph, "f", width, ["%y", "%p", "%o"], [("%o", 0, graph.power(base, exponent))], {})
    call = native.load(module(functions(width) + code)).call("f", 3)

    def power(base: float, exponent: float) -> float:
        """By machine code, in all lanes."""
        y, p, out = np.full(width, base), np.full(width, exponent), np.empty(width)
        call(y.ctypes.data, p.ctypes.data, out.ctypes.data)
        assert len({value.tobytes() for value in out}) == 1
        return float(out[0])

    for known, wanted in {
        (2.0, 3.0): 8.0,
        (0.0, 2.0): 0.0,
        (-1.0, 2.0): 0.0,
        (-1.0, 0.0): 1.0,
        (0.0, 0.0): 1.0,
    }.items():
        assert power(*known) == pytest.approx(wanted, rel=1e-14)
    for unknown in ((np.nan, 2.0), (np.nan, 0.0), (2.0, np.nan)):
        assert np.isnan(power(*unknown))


def test_only_what_all_lanes_share_moves_into_the_table() -> None:
    mixed = "%v2 = fadd <2 x double> %v1, <double 0x3FF0000000000000, double 0x4000000000000000>"
    zero = Code(2).constant(0.0)
    lines = ["define void @f() {", mixed, f"%v3 = fadd <2 x double> %v2, {zero}", "ret void", "}"]
    assert module(lines) == "\n".join(lines)
    shared = f"%v3 = call <2 x double> @g(<2 x double> {Code(2).constant(1.5)}, <2 x double> {Code(2).constant(1.5)})"
    text = module([*lines[:2], shared, *lines[3:], *lines])
    assert mixed in text
    assert text.count("load double") == 1
    assert "%v3 = call <2 x double> @g(<2 x double> %c0, <2 x double> %c0)" in text


def test_clones_with_potencies_of_their_own_share_the_logarithm_of_the_concentration() -> None:
    graph = Dag()
    leaves = {symbol("c"): graph.leaf("y", 0)} | {symbol(n): graph.leaf("p", i) for i, n in enumerate("abh")}
    node = Reader(graph, leaves).read(parse("hill(c, a, h) + hill(c, b, h)", list("cabh")))
    logarithms = [i for i in graph.needed([node]) if graph.codes[i][0] == "log" and graph.feels[i]]
    assert len(logarithms) == 1
    random = np.random.default_rng(2)
    c, a, b, h = np.exp(random.uniform(-20, 20, (4, 200))) ** np.array([[1.0], [1.0], [1.0], [0.1]])
    found = graph.evaluate([node], {("y", 0): c, ("p", 0): a, ("p", 1): b, ("p", 2): h})[0]
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(found, 1 / (1 + (a / c) ** h) + 1 / (1 + (b / c) ** h), rtol=1e-12)
    # a concentration at or below zero has no effect, and a sign shared by both factors is no sign
    signed = graph.power(graph.mul(graph.leaf("p", 0), graph.leaf("y", 0)), graph.leaf("p", 2))
    leaves_now = {("y", 0): np.array([0.0, -1.0, -2.0, 2.0]), ("p", 0): np.array([2.0, 2.0, -2.0, -2.0])}
    np.testing.assert_allclose(graph.evaluate([signed], leaves_now | {("p", 2): 1.5})[0], [0.0, 0.0, 8.0, 0.0])


def test_lanes_do_not_depend_on_their_number() -> None:
    graph = Dag()
    leaves = {symbol(n): graph.leaf("y", i) for i, n in enumerate("abcd")}
    text = "a*hill(b, c, d) - a*b*c + exp(-a/b)*log(c + d)/(1 + a*b) - b*c*d + (a if b < c else tanh(d)) + max(a, b)"
    node = Reader(graph, leaves).read(parse(text, list("abcd")))
    values = np.random.default_rng(3).uniform(0.1, 3.0, (4, 64))
    results = []
    for width in (1, 2, 4, 8):
        library = native.load(
            "\n".join(functions(width) + kernel(graph, "f", width, ["%y", "%o"], [("%o", 0, node)], {}))
        )
        call, out = library.call("f", 2), np.empty(64)
        for i in range(0, 64, width):
            block = np.ascontiguousarray(values[:, i : i + width])
            call(block.ctypes.data, out.ctypes.data + 8 * i)
        results.append(out)
    for other in results[1:]:
        assert other.tobytes() == results[0].tobytes()
    wanted = graph.evaluate([node], {("y", i): values[i] for i in range(4)})[0]
    np.testing.assert_allclose(results[0], wanted, rtol=1e-13)


@given(st.integers(2, 9), st.integers(0, 2**32 - 1))
def test_sparse_decomposition_solves(size: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    cells = [(i, j) for i in range(size) for j in range(size) if random.random() < 0.35]
    made = plan(range(size), cells)
    entries, b = random.normal(size=len(cells)), random.normal(size=size)
    diagonal = 10.0 + 2 * size
    factor, solve = Code(1), Code(1)
    made.factor(factor)
    made.solve(solve)
    lines = (
        functions(1)
        + function("factor", ["%jac", "%diagonal", "%lu"], factor)
        + function("solve", ["%lu", "%b"], solve)
    )
    library = native.load("\n".join(lines))
    matrix = diagonal * np.eye(size)
    for (i, j), value in zip(cells, entries, strict=True):
        matrix[i, j] -= value
    wanted, lu, level = np.linalg.solve(matrix, b), np.empty(len(made.cells)), np.array([diagonal])
    jac = np.append(entries, 0.0)
    library.call("factor", 3)(jac.ctypes.data, level.ctypes.data, lu.ctypes.data)
    library.call("solve", 2)(lu.ctypes.data, b.ctypes.data)
    np.testing.assert_allclose(b, wanted, rtol=1e-11, atol=1e-13)


# -- objects on disk ------------------------------------------------------------------------------------------


def giving(value: float) -> str:
    code = Code(1)
    code.store(code.constant(value), "%o", 0)
    return "\n".join(function("give", ["%o"], code))


def result(library: native.Library) -> float:
    out = ctypes.c_double()
    library.call("give", 1)(ctypes.addressof(out))
    return out.value


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PKPD_MDR_CACHE", str(tmp_path / "kept"))
    monkeypatch.setattr(native, "_loaded", type(native._loaded)())
    return tmp_path / "kept"


def test_objects_are_read_back_and_broken_ones_are_replaced(folder: Path) -> None:
    assert native.load(giving(1.5)).origin == "compiled"
    native._loaded.clear()
    again = native.load(giving(1.5))
    assert (again.origin, result(again)) == ("disk", 1.5)
    [file] = folder.glob("*.o")
    for broken in (b"", b"nonsense", file.read_bytes()[:-5], file.read_bytes()[:-5] + b"12345"):
        file.write_bytes(broken)
        native._loaded.clear()
        repaired = native.load(giving(1.5))
        assert (repaired.origin, result(repaired)) == ("compiled", 1.5)
    assert not list(folder.glob("*.part"))


def test_a_folder_that_cannot_be_written_is_as_good_as_none(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.mkdir()
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    assert result(native.load(giving(2.5))) == 2.5
    folder.chmod(stat.S_IRWXU)
    blocked = tmp_path / "file"
    blocked.write_text("a file where a folder should be")
    monkeypatch.setenv("PKPD_MDR_CACHE", str(blocked))
    assert result(native.load(giving(3.5))) == 3.5
    monkeypatch.setenv("PKPD_MDR_CACHE", "off")
    assert disk.cache_folder() is None
    assert result(native.load(giving(4.5))) == 4.5


def test_of_too_many_objects_those_go_that_were_not_used_for_longest(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "_MOST_FILES", {"": 10, disk.DRIVER: 2})
    native.load(giving(0.0), f"{disk.DRIVER}one")
    for value in range(10):
        native.load(giving(float(value)))
        for file in folder.glob("*.o"):
            os.utime(file, ns=(0, file.stat().st_mtime_ns - 10**9))  # a second goes by
    native._loaded.clear()
    assert native.load(giving(0.0)).origin == "disk"
    native.load(giving(10.0))
    assert len(list(folder.glob("*.o"))) == 1 + 9
    native._loaded.clear()
    kept = [native.load_kept(native.key_of(giving(float(value)).encode())) is not None for value in range(11)]
    assert kept == [True, False, False, *[True] * 8]
    assert native.load_kept(f"{disk.DRIVER}one") is not None


def test_a_large_text_is_compiled_in_haste_and_to_the_same_bits(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = Code(1)
    value = code.constant(1.1)
    for k in range(2, 60):
        value = code.binary("fadd", code.binary("fmul", value, code.constant(1 / k)), code.load("%o", 0))
    code.store(code.binary("fdiv", code.constant(1.0), value), "%o", 0)
    text = "\n".join(function("give", ["%o"], code))
    careful = result(native.load(text))
    native._loaded.clear()
    for file in folder.glob("*.o"):
        file.unlink()
    levels: list[int] = []
    machine = native._new_machine
    monkeypatch.setattr(native, "_new_machine", lambda *level: levels.extend(level) or machine(*level))
    monkeypatch.setattr(native, "_LARGE", len(text) - 1)
    assert result(native.load(text)) == careful
    assert levels == [0]


def test_many_writers_leave_one_good_object(folder: Path) -> None:
    script = (
        "from pkpd_mdr.engine.machine import native\nfrom pkpd_mdr.engine.machine.lanes import Code, function\n"
        "code = Code(1)\ncode.store(code.constant(7.5), '%o', 0)\n"
        "native.load('\\n'.join(function('give', ['%o'], code)))\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(3)]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0, 0]
    assert len([file for file in folder.iterdir() if not file.name.startswith("processor-")]) == 1
    library = native.load(giving(7.5))
    assert (library.origin, result(library)) == ("disk", 7.5)


def test_missing_llvmlite_is_said_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "_state", {})
    monkeypatch.setenv("PKPD_MDR_CACHE", "off")
    monkeypatch.setitem(sys.modules, "llvmlite.binding", None)
    assert not native.available()
    with pytest.raises(SimulationError, match="needs llvmlite"):
        native.load(giving(1.0))
