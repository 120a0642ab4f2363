"""The walls of the house: who may import whom, and what is never called.

The checker reads syntax trees, so it also sees code that no test runs. Each wall is tested on a planted violation.
"""

from __future__ import annotations

import ast
import doctest
import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "pkpd_mdr"

# A module may import the rooms that stand before its own.
ROOMS = ["errors", "arguments", "units", "expression", "model", "mechanisms", "regimen", "gallery", "engine", "run"]
ROOMS += ["data", "response", "fit", "patients", "control", "compare", "optimise", "plot", "report", "demo", "__main__"]

# Walls beside the order: rooms that stand before but must not be known.
UNKNOWN_ROOMS = {
    "regimen": {"expression", "model", "mechanisms"},
    "data": {"expression", "model", "mechanisms", "gallery", "engine", "run"},
}

# Methods such as Model.simulate only forward to the room that does the work, which they import inside.
FORWARDS = {
    "mechanisms": {"gallery"},
    "model": {"run", "fit", "compare", "plot", "report"},
    "run": {"plot", "report"},
    "data": {"plot"},
    "response": {"plot"},
    "fit": {"compare", "plot", "report"},
    "patients": {"plot"},
    "control": {"plot"},
    "compare": {"plot", "report"},
    "optimise": {"plot", "report"},
}

FORBIDDEN_LIBRARIES = {
    "mechanisms": {"scipy", "numba", "llvmlite", "pandas"},
    "gallery": {"scipy", "numba", "llvmlite", "pandas"},
    "model": {"scipy", "numba", "llvmlite", "pandas"},
    "regimen": {"pandas", "sympy"},
    "data": {"sympy"},
}
ONLY_ROOM_WITH = {"lmfit": "fit", "asteval": "fit", "matplotlib": "plot", "jinja2": "report"}
INSIDE_FUNCTIONS = {"lmfit", "asteval", "matplotlib", "jinja2", "scipy.integrate", "scipy.optimize"}
NEVER_IMPORTED = {"pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "subprocess", "sympy.parsing"}
NEVER_NAMED = {"eval", "exec", "compile", "__import__"}
NEVER_CALLED = {"sympify", "parse_expr", "S", "read_pickle", "to_pickle"}
MAKES_SYMBOLS = {"Symbol", "symbols", "Dummy", "Wild", "Function", "var"}
TEXT_READER, LOWERING, READS_TABLES = (
    "expression.py",
    "engine/functions.py",
    ("regimen/records.py", "regimen/rows.py"),
)


@dataclass(frozen=True)
class Import:
    """An import as it stands: where it points and what stands around it."""

    target: str
    line: int
    inside_function: bool
    inside_method: bool
    for_types_only: bool


def room_of(path: str) -> str:
    """The room of a module path such as ``engine/functions.py``; "" for the package's own ``__init__``."""
    return "" if path == "__init__.py" else path.split("/")[0].removesuffix(".py")


def test_the_design_draws_the_house_as_it_is() -> None:
    """Each room stands once in docs/design.md, in the order of who may import whom."""
    house = (PACKAGE.parent / "docs" / "design.md").read_text(encoding="utf-8").partition("\npkpd_mdr/\n")[2]
    lines = house.partition("```")[0].splitlines()
    names = [line.split()[0] for line in lines if line[:2] == "  " and line[2] != " "]
    assert [name.rstrip("/").removesuffix(".py") for name in names] == ROOMS


def imports(node: ast.AST, function: bool = False, method: bool = False, types: bool = False) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.Import, ast.ImportFrom)):
            yield from (Import(target, child.lineno, function, method, types) for target in targets(child))
        elif isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield from imports(child, True, method or isinstance(node, ast.ClassDef), types)
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            yield from imports(child, function, method, True)
        else:
            yield from imports(child, function, method, types)


def targets(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if node.level:
        return ["." * node.level + (node.module or "")]
    return [f"{node.module}.{alias.name}" for alias in node.names]


def within(target: str, library: str) -> bool:
    return target == library or target.startswith(library + ".")


def import_violations(path: str, tree: ast.Module) -> Iterator[str]:
    room = room_of(path)
    for found in imports(tree):
        for sentence in (*room_violations(room, found), *library_violations(path, room, found)):
            yield f"{path}:{found.line}: {sentence}"


def room_violations(room: str, found: Import) -> Iterator[str]:
    if found.target.startswith("."):
        yield "relative imports hide the room"
    parts = found.target.split(".")
    if parts[0] != "pkpd_mdr" or not room:
        return
    if parts[-1].startswith("_") and not parts[-1].startswith("__"):
        yield f"{found.target} belongs to its module alone"
    other = parts[1] if len(parts) > 1 else ""
    if other not in ROOMS:
        if room != "__main__":
            yield f"{room} imports {found.target}, which is no room"
    elif ROOMS.index(other) > ROOMS.index(room):
        if other not in FORWARDS.get(room, set()) or not (found.inside_method or found.for_types_only):
            yield f"{room} imports {other}, which stands below it"
    elif other in UNKNOWN_ROOMS.get(room, set()):
        yield f"{room} must not know {other}"


def library_violations(path: str, room: str, found: Import) -> Iterator[str]:
    target, last = found.target, found.target.split(".")[-1]
    for library in FORBIDDEN_LIBRARIES.get(room, set()):
        if within(target, library) and not (library == "pandas" and path in READS_TABLES):
            yield f"{room} must not import {library}"
    for library, owner in ONLY_ROOM_WITH.items():
        if within(target, library) and room != owner and not found.for_types_only:
            yield f"only {owner} imports {library}"
    for library in INSIDE_FUNCTIONS:
        if within(target, library) and not (found.inside_function or found.for_types_only):
            yield f"{library} is slow to load: import it inside the function"
    if any(within(target, library) for library in NEVER_IMPORTED):
        yield f"{target} can run code from a file or a text"
    if target == "sympy.S" or last in NEVER_CALLED - {"S"}:
        yield f"{target} is never used"
    if within(target, "ast") and path != TEXT_READER:
        yield "only expression.py reads formula text"
    if last == "lambdify" and path != LOWERING:
        yield "only engine/functions.py lowers symbols to code"


def dotted(node: ast.expr) -> list[str]:
    """The names of ``a.b.c``; "?" stands for what is not a plain name."""
    if isinstance(node, ast.Attribute):
        return [*dotted(node.value), node.attr]
    return [node.id if isinstance(node, ast.Name) else "?"]


def call_violations(path: str, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in NEVER_NAMED:
            yield f"{path}:{node.lineno}: {node.id} is never used"
        if isinstance(node, ast.Call):
            for sentence in (*dangerous_calls(dotted(node.func), node), *misplaced_calls(path, node)):
                yield f"{path}:{node.lineno}: {sentence}"


def dangerous_calls(names: list[str], call: ast.Call) -> Iterator[str]:
    name, last, method = ".".join(names), names[-1], len(names) > 1
    runs_text = last in NEVER_CALLED or (method and last in {"eval", "query"}) or names[-2:] == ["yaml", "load"]
    if runs_text or (method and names[-2] == "builtins"):
        yield f"{name} is never called"
    if names[0] == "os" and last.startswith(("system", "popen", "exec", "spawn")):
        yield f"{name} is never called"
    for keyword in call.keywords:
        if keyword.arg == "allow_pickle" and ast.unparse(keyword.value) != "False":
            yield "allow_pickle is never switched on"


def misplaced_calls(path: str, call: ast.Call) -> Iterator[str]:
    names = dotted(call.func)
    last, of_sympy = names[-1], names[0] in {"sympy", "sp"} and len(names) > 1
    if last == "lambdify" and path != LOWERING:
        yield "only engine/functions.py lowers symbols to code"
    if names == ["print"] and path != "__main__.py":
        yield "only the command line prints"
    if of_sympy and last in MAKES_SYMBOLS:
        if path not in {TEXT_READER, LOWERING}:
            yield f"{'.'.join(names)}: symbols are made by expression.symbol only"
    elif (of_sympy and last != "Float") or last in {"subs", "xreplace", "diff"}:
        constants = [part.value for part in call.args if isinstance(part, ast.Constant)]
        if any(isinstance(part, ast.JoinedStr) for part in call.args) or any(isinstance(c, str) for c in constants):
            yield f"{'.'.join(names)} gets text, which SymPy would run as code"


def missing_docstrings(path: str, node: ast.Module | ast.ClassDef, prefix: str = "") -> Iterator[str]:
    if isinstance(node, ast.Module) and node.body and not ast.get_docstring(node):
        yield f"{path}:1: the module has no docstring"
    for child in node.body:
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and is_public(child):
            if not ast.get_docstring(child):
                yield f"{path}:{child.lineno}: {prefix}{child.name} has no docstring"
            if isinstance(child, ast.ClassDef):
                yield from missing_docstrings(path, child, f"{child.name}.")


def is_public(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    decorators = {dotted(decorator)[-1] for decorator in node.decorator_list}
    return not node.name.startswith("_") and not decorators & {"overload", "setter", "deleter"}


def violations(path: str, source: str) -> list[str]:
    tree = ast.parse(source)
    return [
        *([] if room_of(path) in {"", *ROOMS} else [f"{path}: {room_of(path)} is no room of the house"]),
        *import_violations(path, tree),
        *call_violations(path, tree),
        *missing_docstrings(path, tree),
    ]


# -- the package -------------------------------------------------------------------------------------------------

MODULES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


def test_the_checker_sees_the_package() -> None:
    assert {"__init__.py", "errors.py", "units.py", "expression.py"} <= set(MODULES)


@pytest.mark.parametrize("path", MODULES)
def test_a_module_keeps_the_walls(path: str) -> None:
    assert violations(path, (PACKAGE / path).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", MODULES)
def test_the_examples_of_a_module_run(path: str) -> None:
    name = ".".join(["pkpd_mdr", *path.removesuffix(".py").split("/")]).removesuffix(".__init__")
    assert doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS).failed == 0


def test_importing_the_package_is_quiet_and_light() -> None:
    heavy = ["lmfit", "asteval", "matplotlib", "scipy.integrate", "scipy.optimize"]
    code = f"import pkpd_mdr, sys; print([name for name in {heavy} if name in sys.modules])"
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONWARNINGS"}
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=PACKAGE.parent, env=environment, capture_output=True, text=True, check=False
    )
    assert (ran.stderr, ran.stdout, ran.returncode) == ("", "[]\n", 0)


# -- the checker itself ------------------------------------------------------------------------------------------

PLANTED = [
    # the order of rooms
    ("units.py", "from pkpd_mdr.model import Model", "stands below"),
    ("units.py", "import pkpd_mdr.expression", "stands below"),
    ("expression.py", "from pkpd_mdr import model", "stands below"),
    ("model/parts.py", "def _f():\n    from pkpd_mdr.run import simulate", "stands below"),
    ("model/model.py", "from pkpd_mdr.run import simulate", "stands below"),
    ("model/model.py", "class _M:\n    def f(self):\n        from pkpd_mdr.engine import solve", "stands below"),
    ("mechanisms/pk.py", "class _M:\n    def f(self):\n        from pkpd_mdr.run import simulate", "stands below"),
    ("gallery/strobl.py", "from pkpd_mdr.engine import solve", "stands below"),
    ("engine/solve.py", "from pkpd_mdr.data import Data", "stands below"),
    ("engine/solve.py", "if TYPE_CHECKING:\n    from pkpd_mdr.data import Data", "stands below"),
    ("run.py", "from pkpd_mdr.plot import curves", "stands below"),
    ("run.py", "def _f():\n    from pkpd_mdr.plot import curves", "stands below"),
    ("fit/problem.py", "from pkpd_mdr.compare import compare", "stands below"),
    ("plot/curves.py", "import pkpd_mdr.report.html", "stands below"),
    ("regimen/acts.py", "from pkpd_mdr.model import Model", "must not know"),
    ("regimen/acts.py", "if TYPE_CHECKING:\n    from pkpd_mdr.model import Model", "must not know"),
    ("data/table.py", "from pkpd_mdr.model.model import Model", "must not know"),
    ("data/table.py", "def _f():\n    from pkpd_mdr.engine import solve", "must not know"),
    ("fit/problem.py", "from pkpd_mdr.helpers import x", "no room"),
    ("fit/problem.py", "import pkpd_mdr", "no room"),
    ("helpers.py", "", "is no room of the house"),
    ("fit/problem.py", "from .error import x", "relative"),
    ("fit/problem.py", "from pkpd_mdr.fit.error import _x", "its module alone"),
    # libraries
    ("mechanisms/pk.py", "def _f():\n    import scipy.linalg", "must not import scipy"),
    ("model/model.py", "import pandas as pd", "must not import pandas"),
    ("gallery/strobl.py", "from pandas import DataFrame", "must not import pandas"),
    ("regimen/acts.py", "import pandas", "must not import pandas"),
    ("regimen/acts.py", "import sympy", "must not import sympy"),
    ("run.py", "def _f():\n    import lmfit", "only fit imports lmfit"),
    ("compare/table.py", "def _f():\n    from matplotlib import pyplot", "only plot imports matplotlib"),
    ("fit/problem.py", "import lmfit", "inside the function"),
    ("plot/curves.py", "from matplotlib.axes import Axes", "inside the function"),
    ("engine/reference.py", "from scipy import integrate", "inside the function"),
    ("engine/reference.py", "from scipy.integrate import solve_ivp", "inside the function"),
    ("fit/problem.py", "import scipy.optimize", "inside the function"),
    ("run.py", "import pickle", "can run code"),
    ("run.py", "def _f():\n    from subprocess import run", "can run code"),
    ("run.py", "import dill, marshal", "can run code"),
    ("run.py", "import shelve", "can run code"),
    ("model/model.py", "from sympy.parsing.sympy_parser import parse_expr", "can run code"),
    ("model/model.py", "import ast", "only expression.py"),
    ("model/model.py", "from sympy import lambdify", "only engine/functions.py"),
    ("model/model.py", "from sympy import sympify", "is never used"),
    ("model/model.py", "from sympy import S", "is never used"),
    # calls
    ("run.py", "eval('1')", "eval is never used"),
    ("run.py", "f = exec", "exec is never used"),
    ("run.py", "compile('1', '', 'eval')", "compile is never used"),
    ("run.py", "__import__('os')", "__import__ is never used"),
    ("run.py", "import builtins\nbuiltins.exec('1')", "never called"),
    ("run.py", "sympy.sympify(x)", "never called"),
    ("expression.py", "sympy.S('x')", "never called"),
    ("run.py", "parse_expr(x)", "never called"),
    ("run.py", "table.eval('a + b')", "never called"),
    ("run.py", "table.query(text)", "never called"),
    ("run.py", "pd.read_pickle(path)", "never called"),
    ("run.py", "yaml.load(text)", "never called"),
    ("run.py", "os.system(text)", "never called"),
    ("run.py", "os.execv(text, [])", "never called"),
    ("run.py", "np.load(path, allow_pickle=True)", "allow_pickle"),
    ("run.py", "np.load(path, allow_pickle=flag)", "allow_pickle"),
    ("engine/solve.py", "sp.lambdify(a, b)", "only engine/functions.py"),
    ("expression.py", "sympy.exp('x')", "gets text"),
    ("model/model.py", "rate.subs('x', 1)", "gets text"),
    ("model/model.py", "rate.diff(f'{name}')", "gets text"),
    ("model/model.py", "sp.Symbol('x')", "symbols are made"),
    ("run.py", "def _f():\n    print(1)", "prints"),
    # docstrings
    ("run.py", "def simulate():\n    pass", "simulate has no docstring"),
    ("run.py", "class Run:\n    '''A run.'''\n    def plot(self):\n        pass", "Run.plot has no docstring"),
    ("run.py", "class Run:\n    pass", "Run has no docstring"),
]


@pytest.mark.parametrize(("path", "source", "words"), PLANTED, ids=[f"{p}-{s[-30:]}" for p, s, _ in PLANTED])
def test_a_planted_violation_is_found(path: str, source: str, words: str) -> None:
    found = violations(path, f'"""Planted."""\n{source}')
    assert any(words in line and line.startswith(path) for line in found), found


def test_a_module_without_docstring_is_found() -> None:
    assert violations("run.py", "x = 1") == ["run.py:1: the module has no docstring"]


ALLOWED = [
    ("__init__.py", "from pkpd_mdr.run import simulate"),
    ("units.py", "from pkpd_mdr.errors import UnitError\nimport re\nre.compile('a')"),
    ("expression.py", "import ast\nimport sympy\nsympy.Symbol('t', real=True)\nast.parse('a')"),
    ("model/model.py", "from pkpd_mdr.model.parts import State\nfrom pkpd_mdr.expression import parse"),
    ("model/model.py", "class _M:\n    def simulate(self):\n        from pkpd_mdr.run import simulate"),
    ("model/model.py", "if TYPE_CHECKING:\n    from pkpd_mdr.run import Run"),
    (
        "model/model.py",
        "import sympy as sp\nsp.latex(x, mode='inline')\nx.subs(a, 1)\nsp.Max(a, b)\nsp.S.Zero\nsp.Float('nan')",
    ),
    ("run.py", "class _R:\n    def plot(self):\n        from pkpd_mdr.plot import curves"),
    ("regimen/records.py", "import pandas as pd\nfrom pkpd_mdr.units import Unit"),
    ("engine/functions.py", "import sympy\nsympy.lambdify(a, b)\nsympy.Symbol('y0')"),
    ("engine/reference.py", "def _f():\n    from scipy.integrate import solve_ivp"),
    ("fit/problem.py", "def _f():\n    import lmfit"),
    ("plot/curves.py", "def _f():\n    import matplotlib.pyplot as plt"),
    ("plot/curves.py", "if TYPE_CHECKING:\n    from matplotlib.axes import Axes"),
    ("data/bundled.py", "import numpy as np\nnp.load(path, allow_pickle=False)"),
    ("__main__.py", "from pkpd_mdr import __version__\nfrom pkpd_mdr.fit import fit\nprint(1)"),
]


@pytest.mark.parametrize(("path", "source"), ALLOWED, ids=[f"{p}-{s[-30:]}" for p, s in ALLOWED])
def test_what_the_design_allows_passes(path: str, source: str) -> None:
    assert violations(path, f'"""Allowed."""\n{source}') == []
