"""Drug inside cells: closed forms, limits, mass balance with the outside, and what it does to an IC50."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.optimize import brentq
from strategies.ledger import EXACT, books, sources

import pkpd_mdr as mdr
from pkpd_mdr.errors import ModelError, UnitError
from pkpd_mdr.model import Mechanism, Model, Scope

FEW = settings(max_examples=20)
positive = st.floats(0.05, 20.0)


def cells(
    *more: Mechanism, P: float | None = None, C: str = "0.1 uM", growth: str | None = None, **given: object
) -> Model:
    law = None if growth is None else mdr.growth.exponential(rate=growth)
    parts: list[Mechanism] = [mdr.medium("dox", unit="uM", start=C), mdr.clone("S", growth=law, start=1e6)]
    if P is not None:
        parts.append(mdr.pgp.content("S", start=P))
    return Model(*parts, mdr.intracellular("dox", on="S", **{"k0": "1 1/h", **given}), *more)


def end(model: Model, until: str, *names: str, **options: object) -> list[float]:
    frame = model.simulate(until=until, times=[until], accuracy=EXACT, **options).frame
    return [float(frame[name].iloc[-1]) for name in names]


# -- closed forms ---------------------------------------------------------------------------------------------


@pytest.mark.law("I6")
@FEW
@given(k0=positive, vP=positive, Km=positive, P=st.floats(0, 5), I=st.floats(0, 100), Ki=positive)
def test_accumulation_at_low_concentration(k0: float, vP: float, Km: float, P: float, I: float, Ki: float) -> None:  # noqa: E741
    """Ci/Ce = 1/(1 + vP*P/(k0*Km*(1 + I/Ki))), in both forms; an inhibitor without end restores the parental cell."""
    expected = 1 / (1 + vP * P / (k0 * Km * (1 + I / Ki)))
    for form in ("dynamic", "quasi-steady"):
        model = cells(
            mdr.medium("ver", start=f"{I} uM"),
            P=P,
            C=f"{1e-9 * Km} uM",
            k0=f"{k0} 1/h",
            vP=f"{vP} uM/h",
            Km=f"{Km} uM",
            inhibitors={"ver": f"{Ki} uM"},
            form=form,
        )
        inside, outside = end(model, f"{40 / k0} h", "C_dox_S", "C_dox")
        assert inside / outside == pytest.approx(expected, rel=1e-6)
        (inside,) = end(model, f"{40 / k0} h", "C_dox_S", start={"medium_ver": "1e15 uM"})
        assert inside / outside == pytest.approx(1.0, rel=1e-6)


@FEW
@given(k0=positive, vP=positive, Km=positive, C=st.floats(1e-4, 1e3), kmet=st.floats(0, 5))
def test_the_quasi_steady_form_is_the_root_of_its_balance(
    k0: float, vP: float, Km: float, C: float, kmet: float
) -> None:
    model = cells(C=f"{C} uM", k0=f"{k0} 1/h", vP=f"{vP} uM/h", Km=f"{Km} uM", kmet=f"{kmet} 1/h", form="quasi-steady")
    (found,) = end(model, "1 h", "C_dox_S")

    def balance(x: float) -> float:
        return k0 * (C - x) - vP * x / (Km + x) - kmet * x

    assert found == pytest.approx(brentq(balance, 0, C, xtol=1e-14, rtol=1e-13), rel=1e-9)


def test_a_cell_without_drug_outside_is_empty_in_the_quasi_steady_form() -> None:
    model = cells(C="0 uM", vP="1 uM/h", Km="1 uM", form="quasi-steady")
    assert end(model, "1 h", "C_dox_S") == [0.0]


@pytest.mark.law("I7")
def test_no_efflux_means_no_fold_change() -> None:
    """A drug that P-gp does not know: vP = 0, whatever the P-gp."""
    for P in (0.0, 30.0):
        (inside,) = end(cells(P=P, vP="0 uM/h", Km="1 uM"), "60 h", "C_dox_S")
        assert inside == pytest.approx(0.1, rel=1e-9)


def test_efflux_before_and_after_the_inhibitor_gives_the_strength_of_the_pump() -> None:
    """Loaded cells in fresh medium lose drug at k0 + Vmax/Km; with verapamil at k0 (2000, Eur J Biochem 267:649)."""
    k0, most, Km = 0.4, 6.0, 3.0
    loaded = {"dox_in_S": "1 amol"}
    model = cells(
        mdr.medium("ver"), C="0 uM", k0=f"{k0} 1/h", vP=f"{most} uM/h", Km=f"{Km} uM", inhibitors={"ver": "1 uM"}
    )
    before, after = (
        -np.log(end(model, "1 h", "dox_in_S", start={**loaded, "medium_ver": f"{ver} uM"})[0]) for ver in (0, 1e9)
    )
    assert before / after - 1 == pytest.approx(most / (k0 * Km), rel=1e-5)


@pytest.mark.law("I30")
def test_irreversible_storage_is_the_bound_drug_of_mckenna() -> None:
    """B(t) = Ce*k12*k23/q*(t - (1 - exp(-q*t))/q) with q = k21 + k23 (McKenna 2017)."""
    k0, kseq, t = 0.7, 0.2, 9.0
    stored = mdr.observable("stored", "dox_stored_S/(S*vcell_dox_S)", "uM")
    (found,) = end(cells(stored, k0=f"{k0} 1/h", kseq=f"{kseq} 1/h", C="2 uM"), f"{t} h", "stored")
    q = k0 + kseq
    assert found == pytest.approx(2 * k0 * kseq / q * (t - (1 - np.exp(-q * t)) / q), rel=1e-8)


def test_binding_is_saturable_and_never_beyond_its_sites() -> None:
    binding = {"kb": "5 1/uM/h", "kd": "0.5 1/h", "Bmax": "3 uM"}
    for C in (0.1, 10.0, 1e3):
        model = cells(C=f"{C} uM", **binding)
        bound, free = end(model, "200 h", "B_dox_S", "C_dox_S")
        assert bound == pytest.approx(3 * free / (0.1 + free), rel=1e-7)
        assert bound <= 3
        quasi = cells(C=f"{C} uM", form="quasi-steady", **binding)
        assert end(quasi, "1 h", "B_dox_S")[0] == pytest.approx(bound, rel=1e-6)


def test_division_dilutes_drug_that_cannot_leave() -> None:
    model = cells(k0="1e-12 1/h", C="0 uM", growth="0.03 1/h")
    (inside,) = end(model, "24 h", "C_dox_S", start={"dox_in_S": "1e6 amol"})
    assert inside == pytest.approx(np.exp(-0.03 * 24), rel=1e-6)


def everything(**more: object) -> dict[str, object]:
    """One cell with every path."""
    given = {"vP": "4 uM/h", "Km": "0.5 uM", "kb": "2 1/uM/h", "kd": "1 1/h", "Bmax": "3 uM", "kseq": "0.5 1/h"}
    given |= {"krel": "0.2 1/h", "kmet": "0.1 1/h", "ksort": "0.05 1/h"}
    return {**given, **more}


def test_against_the_equations_as_they_are_written_per_cell() -> None:
    """Science: C', B', L' per cell with growth dilution mu, by an independent solver."""
    mu, P = 0.02, 0.8
    model = cells(P=P, growth=f"{mu} 1/h", C="1 uM", **everything(kout="0.3 1/h"))

    def right(t: float, y: np.ndarray) -> list[float]:
        C, B, L, X, p = y
        bind, unbind = 2 * (3 - B) * C, 1.0 * B
        pump = 4 * p * C / (0.5 + C)
        free = 1 - C - pump - bind + unbind - 0.5 * C + 0.2 * L - 0.1 * C - 0.05 * C - mu * C
        stored, waiting = 0.5 * C - 0.2 * L - mu * L, 0.05 * C - 0.3 * X - mu * X
        return [free, bind - unbind - mu * B, stored, waiting, -mu * p]

    times = np.linspace(0, 72, 25)
    exact = solve_ivp(right, (0, 72), [0, 0, 0, 0, P], "LSODA", times, rtol=1e-11, atol=1e-13).y
    frame = model.simulate(until="72 h", times="3 h", accuracy=EXACT).frame
    np.testing.assert_allclose(frame["C_dox_S"], exact[0], rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(frame["B_dox_S"], exact[1], rtol=1e-7, atol=1e-12)
    volume = 1e-12 * frame["S"]
    np.testing.assert_allclose(frame["dox_stored_S"] * 1e-12 / volume, exact[2], rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(frame["dox_sorted_S"] * 1e-12 / volume, exact[3], rtol=1e-7, atol=1e-12)


def test_the_dynamic_form_approaches_the_quasi_steady_one_as_the_drug_gets_fast() -> None:
    """The difference shrinks in proportion to the ratio of growth to exchange."""
    gaps = []
    for speed in (10, 100, 1000):
        rates = {
            "k0": f"{speed} 1/h",
            "vP": f"{4 * speed} uM/h",
            "Km": "0.5 uM",
            "kseq": f"{speed} 1/h",
            "krel": f"{speed} 1/h",
            "kb": f"{speed} 1/uM/h",
            "kd": f"{speed} 1/h",
            "Bmax": "2 uM",
            "kmet": f"{0.2 * speed} 1/h",
        }
        pair = [
            end(cells(growth="0.05 1/h", C="1 uM", form=form, **rates), "20 h", "C_dox_S", "B_dox_S")
            for form in ("dynamic", "quasi-steady")
        ]
        gaps.append(max(abs(a / b - 1) for a, b in zip(*pair, strict=True)))
    assert gaps[2] < 3e-4
    assert gaps[0] / gaps[1] == pytest.approx(10, rel=0.1)
    assert gaps[1] / gaps[2] == pytest.approx(10, rel=0.1)


# -- what it does to a kill law -------------------------------------------------------------------------------


@pytest.mark.law("I6")
@settings(max_examples=6)
@given(vP=st.floats(0, 30), k0=st.floats(0.1, 3), P=st.floats(0, 2))
def test_the_fold_change_of_an_ic50(vP: float, k0: float, P: float) -> None:
    """IC50 shifts by 1 + vP*P/(k0*Km) where the drug is far below Km."""
    model = cells(
        mdr.kill("dox", on="S", site="S", emax="0.1 1/h", ec50="20 nM"),
        P=P,
        k0=f"{k0} 1/h",
        vP=f"{vP * 1e6} uM/h",
        Km="1e6 uM",
        form="quasi-steady",
    )
    fold = 1 + vP * P / k0

    def growth(nM: float) -> float:
        (left,) = end(model, "1 h", "S", start={"medium_dox": f"{nM} nM"})
        return float(np.log(left / 1e6)) + 0.05

    assert brentq(growth, 1e-3, 1e5, rtol=1e-10) == pytest.approx(20 * fold, rel=1e-5)


def test_verapamil_abolishes_the_shift_that_transfer_brought() -> None:
    """Sensitive cells that received P-gp by contact keep less drug; an inhibitor gives back the parental uptake."""
    recipient = [
        mdr.medium("dox", start="10 nM"),
        mdr.medium("ver"),
        mdr.clone("S", start=1e6),
        mdr.clone("R", start=1e6),
        mdr.pgp.content("S"),
        mdr.pgp.content("R", start=1),
        mdr.intracellular("dox", on="S", k0="1 1/h", vP="10 uM/h", Km="1 uM", inhibitors={"ver": "1 uM"}),
    ]
    alone = Model(*recipient)
    mixed = alone.plus(mdr.pgp.contact(["S", "R"], rate="0.05 1/h"))
    levels = [end(model, "72 h", "C_dox_S")[0] for model in (alone, mixed)]
    assert levels[0] == pytest.approx(0.01, rel=1e-6)
    assert levels[1] < 0.3 * levels[0]
    (reversed_,) = end(mixed, "72 h", "C_dox_S", start={"medium_ver": "1e6 uM"})
    assert reversed_ == pytest.approx(levels[0], rel=1e-4)


# -- mass balance ---------------------------------------------------------------------------------------------


def well(dead: str = "lost", **more: object) -> Model:
    """A well with two clones that take the drug out of 0.2 mL of medium, die of it and switch."""
    given = everything(kout="0.3 1/h", consumed=True, outside_volume=mdr.parameter("well", "0.2 mL"), dead=dead, **more)
    clones = [
        mdr.clone(name, growth=mdr.growth.logistic(rate="0.03 1/h", capacity=2e7), start=start)
        for name, start in (("S", 5e6), ("R", 1e5))
    ]
    return Model(
        mdr.medium("dox", unit="uM", start="1 uM"),
        *clones,
        mdr.switching("S", "R", rate="0.001 1/h", back="0.002 1/h"),
        mdr.kill("dox", on="S", site="S_bound", emax="0.2 1/h", ec50="0.2 uM", hill=2),
        mdr.kill("dox", on="R", site="R", emax="0.05 1/h", ec50="1 uM"),
        mdr.resection(),
        mdr.pgp.content("S", start=0.1),
        mdr.pgp.content("R", start=2, synthesis="0.02 1/h", degradation="0.01 1/h"),
        mdr.intracellular("dox", on=["S", "R"], k0="1 1/h", volume="2 pL", **given),
    )


@pytest.mark.parametrize("dead", ["lost", "released"])
def test_drug_is_conserved_over_medium_cells_and_sinks(dead: str) -> None:
    model = well(dead)
    assert sources(model, "dox") == {}
    regimen = mdr.surgery(0.5, at="20 day")
    held, expected = books(model, "dox", regimen, "200 day")
    assert expected[0] == pytest.approx(2e8)  # 1 uM in 0.2 mL is 2e8 amol
    np.testing.assert_allclose(held, expected[0], rtol=1e-9)
    final = model.simulate(regimen, until="10 day").frame.iloc[-1]
    assert (final["lost_dox"] == 0) == (dead == "released")
    assert final["C_dox"] < 0.9


def test_drug_that_is_not_counted_outside_leaves_the_medium_as_it_is() -> None:
    model = cells(**everything())
    assert end(model, "24 h", "C_dox")[0] == pytest.approx(0.1)
    assert set(sources(model, "dox")) == {"entry_dox_S", "leak_dox_S", "efflux_dox_S"}


def test_a_stock_of_pharmacokinetics_loses_what_cells_take_up() -> None:
    class Stock:
        """Offers the amount in the blood, as the delivery of a drug does."""

        label = "stock"

        def declare(self, scope: Scope) -> None:
            scope.offer("stock", "dox", lambda: scope.symbol("central_dox", "stock"), unit="umol")

        def connect(self, scope: Scope) -> None:
            """Nothing more."""

    blood = mdr.pk.one_compartment("dox", CL="0.001 mL/h", V="2 mL", molar_mass="543.5 g/mol")
    cell = mdr.intracellular("dox", on="S", k0="1 1/h", kmet="0.2 1/h", consumed=True)
    parts: list[Mechanism] = [blood, mdr.clone("S", start=1e8), cell]
    if not _offers_stock(blood):
        parts.append(Stock())
    model = Model(*parts)
    assert set(sources(model, "dox")) == {"elimination_dox"}
    held, expected = books(model, "dox", mdr.bolus("dox", "1 umol"), "20 day", times="1 day")
    np.testing.assert_allclose(held[1:], expected[1:] + 1, rtol=1e-8)


def _offers_stock(part: Mechanism) -> bool:
    scope = Scope()
    part.declare(scope)
    return scope.offered("stock", "dox")


def test_masses_and_molar_concentrations_give_the_same_cells() -> None:
    runs = []
    for unit in ("uM", "mg/L"):
        model = Model(
            mdr.medium("dox", unit=unit, start="1 uM", molar_mass="543.5 g/mol"),
            mdr.clone("S", start=1e6),
            mdr.intracellular(
                "dox", on="S", k0="1 1/h", vP="2 uM/h", Km="0.5 uM", Bmax="3 uM", kb="2 1/uM/h", kd="1 1/h"
            ),
        )
        runs.append(end(model, "5 h", "C_dox_S")[0] / end(model, "5 h", "C_dox")[0])
    assert runs[0] == pytest.approx(runs[1], rel=1e-8)


# -- refusals -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"vP": "1 uM/h"}, "Km is missing; efflux needs both"),
        ({"kb": "1 1/uM/h", "kd": "1 1/h"}, "Bmax is missing; binding needs all three"),
        ({"inhibitors": {"ver": "1 uM"}}, "inhibitors is given without vP"),
        ({"krel": "1 1/h"}, "krel is given without kseq"),
        ({"kout": "1 1/h"}, "kout is given without ksort"),
        ({"into": "EV"}, "into is given without ksort"),
        ({"outside_volume": "1 mL"}, "without consumed; the outside loses nothing"),
        ({"dead": "released"}, "needs consumed=True"),
        ({"dead": "eaten"}, "'lost' .recorded. or 'released'"),
        ({"form": "steady"}, "did you mean 'quasi-steady'|known"),
        ({"form": "quasi-steady", "consumed": True}, "holds no drug"),
        ({"consumed": True}, "give outside_volume, in which the concentration 'medium_dox' stands"),
        ({"ksort": "1 1/h", "into": "EV"}, "no vesicles of that name carry 'dox'"),
        ({"site": "tumour"}, "concentration of 'dox@tumour'"),
    ],
)
def test_refusals(given: dict[str, object], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        cells(**given)


def test_cells_must_be_counted_and_quantities_have_units() -> None:
    with pytest.raises(ModelError, match="number of cells"):
        Model(mdr.medium("dox"), mdr.clone("S", unit="g"), mdr.intracellular("dox", on="S", k0="1 1/h"))
    with pytest.raises(UnitError, match="k0_dox_S"):
        cells(k0=1.0)
    with pytest.raises(ModelError, match="no part of the model declares"):
        Model(mdr.clone("S"), mdr.intracellular("dox", on="S", k0="1 1/h"))
