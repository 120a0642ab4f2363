"""The formula reader: its grammar, what it refuses and where it points, and the two functions it makes."""

from __future__ import annotations

import ast
import math
import time
from pathlib import Path

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

import pkpd_mdr.expression as expression
from pkpd_mdr.errors import ExpressionError
from pkpd_mdr.expression import FUNCTIONS, TIME, Log, Power, check_name, hill, parse, symbol

NAMES = ("a", "b", "c", "k", "N", "S", "E", "I", "beta", "gamma", "lambda_1")
a, b, c = symbol("a"), symbol("b"), symbol("c")


def value(text: str, **numbers: float) -> float:
    found = parse(text, NAMES).subs({(TIME if n == "t" else symbol(n)): v for n, v in numbers.items()})
    return float(found)


def sentence_and_column(text: str, **options: bool) -> tuple[str, int]:
    with pytest.raises(ExpressionError) as caught:
        parse(text, NAMES, where="rate of growth", **options)
    sentence, shown, caret = str(caught.value).split("\n")
    assert sentence.startswith("rate of growth: ")
    assert shown.startswith("    ")
    assert caret.strip() == "^"
    return sentence, caret.index("^") - 4


# -- what the grammar means --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a + b*c", 1.5 + 2.0 * 3.0),
        ("(a + b)*c", 3.5 * 3.0),
        ("a - b - c", 1.5 - 2.0 - 3.0),
        ("a/b/c", 1.5 / 2.0 / 3.0),
        ("a - (b - c)", 1.5 + 1.0),
        ("a/b*c", 1.5 / 2.0 * 3.0),
        ("-a**2", -(1.5**2)),
        ("a**-2", 1.5**-2),
        ("b**c**a", 2.0 ** (3.0**1.5)),
        ("(b**c)**a", (2.0**3.0) ** 1.5),
        ("+a - -b", 3.5),
        ("1e-3*a + .5 + 2.", 0.0015 + 2.5),
        ("a +\n\t b", 3.5),
        ("exp(-a)", math.exp(-1.5)),
        ("expm1(a/1e9)", math.expm1(1.5e-9)),
        ("log(a)", math.log(1.5)),
        ("log1p(a/1e9)", math.log1p(1.5e-9)),
        ("log2(a)", math.log2(1.5)),
        ("log10(a)", math.log10(1.5)),
        ("sqrt(a)", math.sqrt(1.5)),
        ("abs(a - b)", 0.5),
        ("min(a, b)", 1.5),
        ("max(a, b)", 2.0),
        ("max(a, a)", 1.5),
        ("sin(a) + cos(b)", math.sin(1.5) + math.cos(2.0)),
        ("tanh(a)", math.tanh(1.5)),
        ("hill(a, b, c)", 1.5**3 / (1.5**3 + 2.0**3)),
        ("a if a < b else c", 1.5),
        ("a if a >= b else c", 3.0),
        ("a if 1 < a <= b else c", 1.5),
        ("a if 1 > 2 else c", 3.0),
        ("1 if a > b else 2 if b > c else 3", 3.0),
        ("t*a", 6.0),
    ],
)
def test_a_formula_has_the_value_python_would_give(text: str, expected: float) -> None:
    assert value(text, a=1.5, b=2.0, c=3.0, t=4.0) == pytest.approx(expected, rel=1e-14)


def test_every_function_is_in_the_value_test() -> None:
    cases = test_a_formula_has_the_value_python_would_give.pytestmark[0].args[1]
    assert {name for name in FUNCTIONS for text, _ in cases if f"{name}(" in text} == set(FUNCTIONS)


@pytest.mark.parametrize("name", ["S", "E", "I", "N", "beta", "gamma", "exp", "hill", "pi", "print", "Power"])
def test_declared_names_are_plain_symbols_whatever_they_mean_elsewhere(name: str) -> None:
    assert parse(f"2*{name}", [name]) == 2 * symbol(name)


def test_a_declared_function_name_cannot_be_called() -> None:
    with pytest.raises(ExpressionError, match="'exp' is a declared name and cannot be called"):
        parse("exp(2*a)", ["exp", "a"])


def test_names_may_stand_for_expressions() -> None:
    assert parse("2*burden", {"burden": a + b}) == 2 * (a + b)


def test_a_name_that_stands_for_text_is_refused_before_sympy_sees_it(tmp_path: Path) -> None:
    trap = f"open({str(tmp_path / 'trap')!r}, 'w')"
    with pytest.raises(ExpressionError, match="no SymPy expression"):
        parse("a + 1", {"a": trap})
    assert not (tmp_path / "trap").exists()


def test_names_given_as_one_text_are_refused() -> None:
    with pytest.raises(ExpressionError, match="give a list"):
        parse("a", "abc")


@pytest.mark.parametrize("text", [5, None, b"a", a])
def test_what_is_not_text_is_refused(text: object) -> None:
    with pytest.raises(ExpressionError, match="is not text"):
        parse(text, NAMES)  # type: ignore[arg-type]


def test_time_is_known_and_can_be_switched_off() -> None:
    assert parse("t + a", ["a"]) == TIME + a
    assert parse("t", ["t"]) is TIME
    assert sentence_and_column("a*t", time=False) == ("rate of growth: the time 't' is not allowed here", 2)


def test_piecewise_can_be_switched_off() -> None:
    assert "must be smooth" in sentence_and_column("a if a < b else c", piecewise=False)[0]


# -- which SymPy nodes come out ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a**2", a**2),
        ("a**2.0", a**2),
        ("a**-1", 1 / a),
        ("a**(4/2)", a**2),
        ("a**1", a),
        ("a**b", Power(a, b)),
        ("a**0.5", Power(a, sympy.Float(0.5))),
        ("a**(1/2)", Power(a, sympy.Float(0.5))),
        ("sqrt(a)", Power(a, sympy.Float(0.5))),
        ("2**a", Power(sympy.Integer(2), a)),
        ("log(a)", Log(a)),
        ("hill(a, b, c)", hill(a, b, c)),
        ("2*3*a", 6 * a),
        ("2**10", sympy.Integer(1024)),
        ("0.1*a", sympy.Float(0.1) * a),
        ("exp(0)", sympy.Integer(1)),
    ],
)
def test_powers_logarithms_and_constants_become(text: str, expected: object) -> None:
    assert parse(text, NAMES) == expected


def test_a_float_keeps_all_its_bits() -> None:
    assert float(parse("0.1 + 0.2", [])) == 0.1 + 0.2
    assert float(parse("1/3", [])) == 1 / 3
    assert parse("9007199254740992", []).is_Integer
    assert parse("90071992547409920", []).is_Float  # beyond 2**53 not every integer is a double


@pytest.mark.parametrize("text", ["exp(-k*t)*(a + b)**2/(1 + c**b)", "a**(b**c)", "(a**b)**c", "-log(a/b)**3", "a**-b"])
def test_printed_formulas_can_be_read_again(text: str) -> None:
    first = parse(text, NAMES)
    assert parse(str(first), NAMES) == first


@pytest.mark.parametrize(
    ("made", "text", "latex"),
    [
        (Power(a, b), "a**b", "a^{b}"),
        (Power(a + b, c), "(a + b)**c", r"\left(a + b\right)^{c}"),
        (Power(a, b) ** 2, "(a**b)**2", r"\left(a^{b}\right)^{2}"),
        (Power(a, -b), "a**(-b)", "a^{- b}"),
        (2 * Power(a, b), "2*a**b", "2 a^{b}"),
        (Log(a), "log(a)", r"\log{\left(a\right)}"),
        (Log(a) ** 2, "log(a)**2", r"\log^{2}{\left(a\right)}"),
    ],
)
def test_power_and_log_print_as_people_write_them(made: sympy.Expr, text: str, latex: str) -> None:
    assert str(made) == text
    assert sympy.latex(made) == latex


# -- Power, Log and hill as functions ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "exponent", "expected"),
    [(2.0, 3.0, 8.0), (0.0, 1.4, 0.0), (-1e-9, 1.4, 0.0), (-3.0, 2.0, 0.0), (-1.0, 0.0, 1.0), (4.0, -0.5, 0.5)],
)
def test_power_has_its_value_also_below_zero(base: float, exponent: float, expected: float) -> None:
    assert float(Power(sympy.Float(base), sympy.Float(exponent))) == expected


def test_power_is_infinite_not_an_error_where_it_must_be() -> None:
    assert Power(sympy.Integer(0), sympy.Integer(-1)) == sympy.oo
    assert Power(sympy.Float(1e300), sympy.Integer(2)) == sympy.oo


def test_log_stays_finite() -> None:
    assert float(Log(sympy.Integer(0))) == float(Log(sympy.Integer(-5))) == math.log(1e-300)


@settings(max_examples=100)
@given(st.floats(0.05, 20.0), st.floats(-3.0, 4.0))
def test_derivatives_of_power_and_log_match_finite_differences(base: float, exponent: float) -> None:
    step = 1e-6
    for made, variable, at in [
        (Power(a, b), a, base),
        (Power(a, b), b, exponent),
        (Log(a), a, base),
        (hill(a, c, b), a, base),
        (hill(c, a, b), a, base),
        (hill(a, c, b), b, exponent),
    ]:
        numbers = {a: base, b: exponent, c: 1.7}
        slope = float(made.diff(variable).subs(numbers))
        ends = [float(made.subs(numbers | {variable: at + sign * step})) for sign in (-1, 1)]
        assert slope == pytest.approx((ends[1] - ends[0]) / (2 * step), rel=1e-5, abs=1e-8)


@pytest.mark.parametrize("base", [0.0, -0.5])
def test_derivatives_of_power_at_and_below_zero(base: float) -> None:
    numbers = {a: base, b: 1.4}
    assert Power(a, b).diff(a).subs(numbers) == 0
    assert Power(a, b).diff(b).subs(numbers) == 0


def test_second_derivative_of_power() -> None:
    assert float(Power(a, b).diff(a, 2).subs({a: 3.0, b: 2.5})) == pytest.approx(2.5 * 1.5 * 3.0**0.5)


@given(st.floats(-10.0, 1e6), st.floats(1e-6, 1e6), st.floats(0.1, 8.0))
def test_hill_is_bounded_and_zero_without_drug(concentration: float, ec50: float, exponent: float) -> None:
    share = float(hill(a, b, c).subs({a: concentration, b: ec50, c: exponent}))
    assert 0.0 <= share <= 1.0
    assert share == 0.0 or concentration > 0


@given(st.floats(1e-3, 1e3), st.floats(0.2, 6.0))
def test_hill_is_one_half_at_ec50_and_has_no_unit(ec50: float, exponent: float) -> None:
    made = hill(a, b, c)
    assert float(made.subs({a: ec50, b: ec50, c: exponent})) == pytest.approx(0.5, rel=1e-15)
    nanomolar = made.subs({a: 3e3 * ec50, b: 1e3 * ec50, c: exponent})
    assert float(nanomolar) == pytest.approx(float(made.subs({a: 3 * ec50, b: ec50, c: exponent})), rel=1e-12)


# -- names -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["CL", "ec50_dox_S", "V1", "a" * 64, "match", "exp", "T"])
def test_good_names(name: str) -> None:
    assert check_name(name) == name
    assert symbol(name) == symbol(name)
    assert symbol(name).is_real


@pytest.mark.parametrize(
    "name",
    ["", "1a", "_a", "a b", "a.b", "a-b", "a" * 65, "a__b", "__class__", "é", "𝐚", "a\n", "os.system('x')", "t"]
    + ["lambda", "if", "None", "True", "class"],
)
def test_bad_names(name: str) -> None:
    for make in (check_name, symbol):
        with pytest.raises(ExpressionError):
            make(name)


def test_a_bad_name_says_where_and_what_is_allowed() -> None:
    with pytest.raises(ExpressionError, match=r"clone: 'a b' is no name; use a letter"):
        check_name("a b", "clone")
    with pytest.raises(ExpressionError, match=r"a name: 5 is not text"):
        check_name(5)  # type: ignore[arg-type]


# -- what is refused ---------------------------------------------------------------------------------------------

REFUSED = [
    ("a^2", "write '**'", 1),
    ("a + (b) ^ c", "write '**'", 8),
    ("2*ab", "'ab' is not declared", 2),
    ("k*betta", "did you mean 'beta'?", 2),
    ("a + exp", "'exp' is not declared; a function needs brackets", 4),
    ("1 + expp(a)", "function 'expp' is not known; did you mean 'exp'?", 4),
    ("exp(a, b)", "exp takes 1 argument, not 2", 0),
    ("2*max(a)", "max takes 2 arguments, not 1", 2),
    ("exp(x=a)", "keyword argument", 6),
    ("exp(**a)", "keyword argument", 6),
    ("exp(*a)", "starred argument", 4),
    ("a.real", "attribute", 0),
    ("a[0]", "subscript", 0),
    ("1 + 'a'", "string", 4),
    ("b'a'", "string", 0),
    ("f'{a}'", "string", 0),
    ("lambda: a", "lambda", 0),
    ("[a for a in b]", "comprehension", 0),
    ("{a for a in b}", "comprehension", 0),
    ("max(a for a in b)", "comprehension", 3),
    ("{a: 1 for a in b}", "comprehension", 0),
    ("(a := 1)", "':='", 1),
    ("a + True", "constant True", 4),
    ("None", "constant None", 0),
    ("...", "constant Ellipsis", 0),
    ("1j*a", "only decimal numbers", 0),
    ("0x10", "only decimal numbers", 0),
    ("1_000", "only decimal numbers", 0),
    ("a and b", "'and' and 'or'", 0),
    ("a if a < b and b < c else 1", "'and' and 'or'", 5),
    ("not a", "'not'", 0),
    ("a < b", "comparison is only allowed", 0),
    ("1 + (a < b)", "comparison is only allowed", 5),
    ("a if b else c", "must be a comparison", 5),
    ("a if a == b else c", "only the comparisons", 5),
    ("a if a in b else c", "only the comparisons", 5),
    ("a if (a if a < b else c) < 1 else 2", "cannot itself hold", 5),
    ("~a", "'Invert'", 0),
    ("a // b", "write '/'", 2),
    ("5 % a", "share as a number", 2),
    ("a @ b", "write '*'", 2),
    ("a << b", "'LShift'", 2),
    ("a | b", "'BitOr'", 2),
    ("1,5*a", "decimal point", 0),
    ("[a]", "round brackets", 0),
    ("{a}", "round brackets", 0),
    ("{a: b}", "round brackets", 0),
    ("2(a)", "name of a function", 0),
    ("a(b)", "cannot be called", 0),
    ("t(a)", "cannot be called", 0),
    ("exp(a)(b)", "name of a function", 0),
    ("__import__('os').system('true')", "name of a function", 0),
    ("().__class__.__bases__", "attribute", 0),
    ("eval('1')", "function 'eval' is not known", 0),
    ("await a", "'Await'", 0),
    ("a = b", "only the right-hand side", 2),
    ("2a", "cannot be read", 0),
    ("a b", "cannot be read", 2),
    ("a +", "cannot be read", 3),
    ("(a", "never closed", 0),
    ("a)", "cannot be read", 1),
    ("a; b", "';'", 1),
    ("a # b", "'#'", 2),
    ("a \\ b", r"'\\'", 2),
    ("a\x00", r"'\x00'", 1),
    ("µ*a", r"'\xb5'", 0),
    ("a − b", r"'\u2212'", 2),
    ("𝐚 + 1", "is not allowed", 0),
    ("", "empty", 0),
    ("  \n ", "empty", 0),
    ("1e400", "not a finite real number", 0),
    ("9**9**9", "not a finite real number", 0),
    ("9**9**9**9**9", "not a finite real number", 6),
    ("exp(exp(exp(exp(9))))", "not a finite real number", 8),
    ("a + 1/0", "divides by zero", 5),
    ("a/(b - b)", "divides by zero", 1),
    ("0**-1", "not a finite real number", 0),
    ("log(0)", "not a finite real number", 0),
    ("log(-1)", "not a finite real number", 0),
    ("(-8)**0.5", "not a finite real number", 0),
    ("(-2)**a", "must be positive", 4),
    ("a**101", "exponent 101 is larger than 100", 1),
    ("a**-101", "exponent -101 is larger than 100", 1),
    ("(2*a)**50**2", "exponent 2500", 5),
    ("((2*exp(a))**100)**100", "constants together", 17),
    ("(a**99)**99", "exponents together", 7),
    ("1e308*a*1e308", "constants together", 7),
]


@pytest.mark.parametrize(("text", "words", "column"), REFUSED, ids=[text[:30] for text, _, _ in REFUSED])
def test_what_is_not_in_the_grammar_is_named_with_a_caret(text: str, words: str, column: int) -> None:
    sentence, at = sentence_and_column(text)
    assert words in sentence
    assert at == column


def test_the_whole_message() -> None:
    with pytest.raises(ExpressionError) as caught:
        parse("emax*c^2", ["emax", "c"], where="kill of 'S'")
    assert str(caught.value) == (
        "kill of 'S': '^' is not a power here; write '**', as in a**2\n    emax*c^2\n          ^"
    )


def test_the_caret_stays_under_its_place_in_long_and_multiline_text() -> None:
    with pytest.raises(ExpressionError) as caught:
        parse("a + " * 100 + "wrong", NAMES)
    _, shown, caret = str(caught.value).split("\n")
    assert len(shown) < 130
    assert shown[caret.index("^") :] == "wrong"
    assert sentence_and_column("  a +\n b ^ 2")[1] == 7


LARGE = {
    "characters": "a+" * 1100 + "a",
    "parts": "+".join(["a*b"] * 200),
    "signs": "-" * 21 + "a",
    "spaced signs": "- " * 2000 + "a",
    "brackets": "(" * 51 + "a" + ")" * 51,
    "power tower": "a**b**" * 60 + "a",
    "else ladder": "a if a < b else " * 60 + "a",
    "lambdas": "lambda:" * 200 + "a",
    "nots": "not " * 400 + "a",
    "digits": "9" * 1999,
    "nested hill": "hill(" * 30 + "a" + ",b,2.5)" * 30,
    "unary minus": "-" * 100_000 + "a",
}


@pytest.mark.parametrize("text", LARGE.values(), ids=LARGE.keys())
def test_large_texts_are_refused_at_once(text: str) -> None:
    began = time.perf_counter()
    with pytest.raises(ExpressionError):
        parse(text, NAMES)
    assert time.perf_counter() - began < 1.0


def test_within_the_limits_long_formulas_are_read() -> None:
    assert parse("+".join(["a*b"] * 120), NAMES) == 120 * a * b
    assert parse("(" * 50 + "a" + ")" * 50, NAMES) == a
    assert parse("-" * 20 + "a", NAMES) == a
    assert parse("exp(" * 40 + "a" + ")" * 40, NAMES).has(a)


def test_python_warnings_become_refusals_without_a_warning(recwarn: pytest.WarningsRecorder) -> None:
    with pytest.raises(ExpressionError):
        parse("1if a < b else c", NAMES)
    assert not list(recwarn)


# -- whatever the text, nothing but an ExpressionError -----------------------------------------------------------

TOKENS = ["a", "b", "t", "N", "zz", "0", "1", "2", "0.5", "1e3", "1e308", "9", "+", "-", "*", "/", "**", "(", ")"]
TOKENS += [",", "^", "'", '"', "[", "]", "{", "}", ".", ":", "=", ":=", "==", "<", ">=", " if ", " else ", " and "]
TOKENS += [" not ", " in ", "lambda ", "\\", "\n", "\x00", "é", "#", "__", "True", "f'", "@", "%", " is ", "yield "]
TOKENS += [f"{name}(" for name in FUNCTIONS]


def only_expression_errors(text: str) -> None:
    began = time.perf_counter()
    try:
        found = parse(text, NAMES)
    except ExpressionError:
        pass
    else:
        assert isinstance(found, sympy.Expr)
        assert found.free_symbols <= {TIME, *map(symbol, NAMES)}
        assert all(math.isfinite(float(number)) for number in found.atoms(sympy.Number))
    assert time.perf_counter() - began < 2.0


@settings(max_examples=300)
@given(st.lists(st.sampled_from(TOKENS), max_size=40).map("".join))
def test_random_tokens(text: str) -> None:
    only_expression_errors(text)


@settings(max_examples=300)
@given(st.text(max_size=60))
def test_random_characters(text: str) -> None:
    only_expression_errors(text)


def grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def joined(form: str) -> st.SearchStrategy[str]:
        return st.lists(inner, min_size=form.count("{}"), max_size=form.count("{}")).map(lambda x: form.format(*x))

    calls = [f"{name}({','.join(['{}'] * arity)})" for name, arity in FUNCTIONS.items()]
    forms = ["({}+{})", "({}-{})", "({}*{})", "({}/{})", "({})**({})", "-({})", "({} if {}<{} else {})", *calls]
    return st.sampled_from(forms).flatmap(joined)


FORMULAS = st.recursive(st.sampled_from(["a", "b", "t", "2", "0.5", "-1", "100", "1e300"]), grow, max_leaves=25)


@settings(max_examples=300)
@given(FORMULAS)
def test_random_formulas(text: str) -> None:
    only_expression_errors(text)


# -- how it is made ----------------------------------------------------------------------------------------------


def test_the_reader_evaluates_nothing() -> None:
    tree = ast.parse(Path(expression.__file__).read_text(encoding="utf-8"))
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    called = {call.id if isinstance(call, ast.Name) else getattr(call, "attr", "") for call in calls}
    assert not called & {"eval", "exec", "__import__", "literal_eval", "sympify", "parse_expr", "lambdify", "S"}
    assert "parse" in called
    assert "compile" not in {call.id for call in calls if isinstance(call, ast.Name)}
