"""P-gp: transfer on contact in both forms, loss without drug, fixation with drug; closed forms, published patterns."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from strategies.ledger import EXACT, sources

import pkpd_mdr as mdr
from pkpd_mdr.errors import ModelError, UnitError
from pkpd_mdr.expression import symbol
from pkpd_mdr.model import Mechanism, Model

FEW = settings(max_examples=15)
counts = st.floats(1e2, 1e9)


def pair(
    S: float = 1e6, R: float = 1e6, P: tuple[float, float] = (0.0, 1.0), dependence: str = "frequency", rate: str = ""
) -> Model:
    rate = rate or ("0.05 1/h" if dependence == "frequency" else "2e-8 1/cell/h")
    return Model(
        mdr.clone("S", start=S),
        mdr.clone("R", start=R),
        mdr.pgp.content("S", start=P[0]),
        mdr.pgp.content("R", start=P[1]),
        mdr.pgp.contact(["S", "R"], rate=rate, dependence=dependence),
    )


# -- mean-content form ----------------------------------------------------------------------------------------


@pytest.mark.law("I1")
@FEW
@given(S=counts, R=counts, low=st.floats(0, 3), high=st.floats(0, 3), rate=st.floats(0.005, 0.1))
def test_the_difference_decays_and_numbers_and_content_stay(
    S: float, R: float, low: float, high: float, rate: float
) -> None:
    """Two groups of fixed size: P_R - P_S falls as exp(-tau*f*t)."""
    frame = pair(S, R, (low, high), rate=f"{rate} 1/h").simulate(until="96 h", times="12 h", accuracy=EXACT).frame
    gap = (high - low) * np.exp(-rate * frame.index.to_numpy())
    np.testing.assert_allclose(frame["P_R"] - frame["P_S"], gap, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(frame["pgp_S"] + frame["pgp_R"], S * low + R * high, rtol=1e-9)
    assert (frame["S"] == S).all()
    assert (frame["R"] == R).all()


def test_contact_depends_on_density_where_it_should() -> None:
    """With density dependence the rate grows with the number of cells, with frequency dependence it does not."""
    for dependence, growth in (("frequency", 1.0), ("density", 10.0)):
        gaps = []
        for size in (1e5, 1e6):
            model = pair(size, size, dependence=dependence)
            frame = model.simulate(until="24 h", times="24 h", accuracy=EXACT).frame
            gaps.append(-math.log(frame["P_R"].iloc[-1] - frame["P_S"].iloc[-1]))
        assert gaps[1] / gaps[0] == pytest.approx(growth, rel=1e-6)


@pytest.mark.parametrize("dependence", ["frequency", "density"])
def test_equal_content_or_no_partner_means_no_flux(dependence: str) -> None:
    for start in ({"S": 1e6, "R": 3e5}, {"S": 1e6, "R": 0.0}):
        model = pair(P=(0.7, 0.7), dependence=dependence)
        frame = model.simulate(until="48 h", times="48 h", start=start, accuracy=EXACT).frame
        assert frame["P_S"].iloc[-1] == pytest.approx(0.7, rel=1e-9)


def test_contact_moves_no_cell() -> None:
    model = pair()
    moved = {name for process in model.processes.values() for name in process.moves}
    assert moved == {"pgp_S", "pgp_R"}
    assert sources(model, "pgp") == {}


# -- published patterns ---------------------------------------------------------------------------------------


def coculture(share: float = 0.5, donor: float = 1.0, **more: object) -> Model:
    """Sensitive and resistant cells that grow and turn their P-gp over; donors keep theirs up by synthesis."""
    law = mdr.growth.logistic(rate="0.02 1/h", capacity=mdr.parameter("K", "1e9 cell"))
    return Model(
        mdr.medium("dox", unit="nM"),
        mdr.clone("S", growth=law, start=(1 - share) * 1e6),
        mdr.clone("R", growth=law, start=share * 1e6),
        mdr.pgp.content("S", degradation="0.02 1/h", **more),
        mdr.pgp.content("R", start=donor, degradation="0.02 1/h", synthesis=f"{0.04 * donor} 1/h"),
        mdr.pgp.contact(["S", "R"], rate="0.03 1/h"),
    )


def recipient(model: Model, hours: int = 96) -> float:
    return float(model.simulate(until=f"{hours} h", times=f"{hours} h").frame["P_S"].iloc[-1])


def test_recipients_follow_the_donors_share_and_level() -> None:
    """BE(2)-C: recipient P-gp rises with the donor level and from S:R 80:20 over 50:50 to 20:80."""
    by_share = [recipient(coculture(share)) for share in (0.0, 0.2, 0.5, 0.8)]
    by_level = [recipient(coculture(donor=level)) for level in (0.5, 1.0, 2.0)]
    assert by_share[0] == 0
    assert by_share == sorted(by_share)
    assert by_level[1] / by_level[0] == pytest.approx(2, rel=1e-6)
    assert by_level[2] / by_level[1] == pytest.approx(2, rel=1e-6)
    assert 0 < by_share[-1] < 1


def test_transfer_rises_with_the_time_of_coculture_to_96_hours() -> None:
    levels = [recipient(coculture(), hours) for hours in (12, 24, 48, 72, 96)]
    assert levels == sorted(levels)
    assert levels[0] < 0.6 * levels[-1]


def test_without_drug_content_falls_with_passage_and_with_drug_it_is_fixed() -> None:
    """BIU-87: recipients lose P-gp by decay and dilution without drug; drug-driven synthesis holds it."""
    induced = {"induced_by": "dox", "emax": "0.04 1/h", "ec50": "5 nM"}
    sorted_cells = {"S": "1e4 cell", "R": 0.0, "pgp_S": 6e3}
    model = coculture(**induced)
    drug = mdr.exposure("dox", "500 nM", over="20 day")
    without, kept = (
        model.simulate(regimen, until="10 day", times="1 day", start=sorted_cells).frame["P_S"]
        for regimen in (None, drug)
    )
    assert without.is_monotonic_decreasing
    first_day = np.exp(-(0.02 + 0.02) * 24)  # decay and dilution by division
    assert without.iloc[1] / without.iloc[0] == pytest.approx(first_day, rel=1e-3)
    assert kept.min() >= 0.6 - 1e-9
    assert kept.iloc[-1] > 10 * without.iloc[-1]


def test_drug_driven_fixation_of_the_acquired_phenotype() -> None:
    """The carriers A turn into R only while there is drug; they take their P-gp with them."""
    model = Model(
        mdr.medium("dox", unit="nM"),
        mdr.clone("A", start=1e6),
        mdr.clone("R"),
        mdr.pgp.content("A", start=0.8),
        mdr.pgp.content("R", start=1),
        mdr.switching("A", "R", induced_by="dox", emax="0.05 1/h", ec50="10 nM"),
    )
    still = model.simulate(until="48 h", times="48 h").frame.iloc[-1]
    fixed = model.simulate(mdr.exposure("dox", "1 uM", over="48 h"), until="48 h", times="48 h").frame.iloc[-1]
    assert still["R"] == 0
    assert fixed["R"] == pytest.approx(1e6 * (1 - np.exp(-48 * 0.05 / 1.01)), rel=1e-5)
    assert fixed["P_R"] == pytest.approx(0.8, rel=1e-6)


def test_content_settles_where_synthesis_meets_decay_and_dilution() -> None:
    """P = synthesis/(degradation + growth)."""
    law = mdr.growth.exponential(rate="0.01 1/h")
    turnover = {"synthesis": "0.03 1/h", "degradation": "0.04 1/h"}
    model = Model(mdr.clone("S", growth=law, start=1e3), mdr.pgp.content("S", **turnover))
    assert recipient(model, 600) == pytest.approx(0.03 / 0.05, rel=1e-6)


# -- structured form ------------------------------------------------------------------------------------------


def population(bins: int, f: float | None = 0.2, largest: float = 1.0, **more: object) -> Model:
    start = {0.0: 7e5, 0.5: 1e5, 1.0: 2e5}
    return Model(mdr.pgp.grid("M", largest=largest, bins=bins, tau="0.05 1/h", f=f, start=start, **more))


def moments(model: Model, until: str = "20 h", **options: object) -> tuple[float, float, float]:
    frame = model.simulate(until=until, times=until, accuracy=mdr.Accuracy(1e-10), **options).frame
    return tuple(float(frame[name].iloc[-1]) for name in ("burden", "P_M", "var_P_M"))  # type: ignore[return-value]


@pytest.mark.parametrize("f", [0.5, 0.2, 1 / 3, lambda apart: 0.4 * apart])
def test_the_grid_conserves_cells_and_content_pair_by_pair(f: object) -> None:
    """Exactly, in rational arithmetic, for every process."""
    model = population(9, f)
    for process in model.processes.values():
        assert sum(process.moves.values()) == 0
        places = {name: int(name.split("_")[1]) for name in process.moves}
        assert sum(share * places[name] for name, share in process.moves.items()) == 0
        assert all(share < 0 for name, share in process.moves.items() if -share > 0)
    number, mean, _ = moments(model)
    assert number == pytest.approx(1e6, rel=1e-9)
    assert mean == pytest.approx(0.25, rel=1e-9)


@pytest.mark.law("I2")
def test_the_variance_falls_as_the_closed_form_says_and_better_on_a_finer_grid() -> None:
    """Var = Var0*exp(-2*f*(1-f)*k*t), k = 2*tau; the grid adds a spread of the order of the squared bin width."""
    f, exponent = 0.2, 2 * 0.2 * 0.8 * (2 * 0.05) * 20
    first = 0.7 * 0.25**2 + 0.1 * 0.25**2 + 0.2 * 0.75**2
    exact = first * np.exp(-exponent)
    errors = [moments(population(bins, f))[2] / exact - 1 for bins in (4, 7, 13)]
    assert all(error > 0 for error in errors)
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.35)
    assert errors[1] / errors[2] == pytest.approx(4, rel=0.35)
    assert errors[2] < 0.05


def test_without_growth_everything_gathers_at_the_mean() -> None:
    """The limit is a delta at the mean: on the grid, cells in the bins around it."""
    model = population(9, 0.5)
    end = model.simulate(until="200 day", times="200 day").frame.iloc[-1]
    near = end[["M_1", "M_2", "M_3"]].sum()
    assert end["P_M"] == pytest.approx(0.25, rel=1e-6)
    assert near > 0.95 * 1e6
    assert end["var_P_M"] < 0.125**2


def test_a_share_that_lands_on_the_grid_adds_no_spread() -> None:
    """Two groups two bins apart with f = 1/2 meet in the middle: the variance is exact while few have met twice."""
    start = {0.0: 5e5, 1.0: 5e5}
    model = Model(mdr.pgp.grid("M", largest=1, bins=3, tau="0.05 1/h", f=0.5, start=start))
    frame = model.simulate(until="0.01 h", times="0.01 h", accuracy=mdr.Accuracy(1e-12)).frame
    slope = (frame["var_P_M"].iloc[-1] / frame["var_P_M"].iloc[0] - 1) / 0.01
    assert slope == pytest.approx(-2 * 0.5 * 0.5 * 0.1, rel=2e-3)


def test_growth_and_death_may_depend_on_content() -> None:
    """Without contact each content grows by itself; the mean follows Price: dP/dt = cov(growth, P)."""
    model = Model(
        mdr.pgp.grid(
            "M",
            largest=1,
            bins=5,
            growth=lambda p: mdr.growth.exponential(rate=f"{0.03 * (1 - 0.4 * p)} 1/h"),
            death=lambda p: f"{0.01 * p} 1/h",
            start={0: 1e5, 1: 1e5},
        )
    )
    end = model.simulate(until="100 h", times="100 h", accuracy=EXACT).frame.iloc[-1]
    assert end["M_0"] == pytest.approx(1e5 * np.exp(3), rel=1e-8)
    assert end["M_4"] == pytest.approx(1e5 * np.exp(1.8 - 1), rel=1e-8)
    share = end["M_4"] / (end["M_0"] + end["M_4"])
    assert end["P_M"] == pytest.approx(share, rel=1e-8)


def test_loss_and_synthesis_move_the_mean_exactly() -> None:
    """P' = synthesis - loss*P as long as nobody is at the top."""
    start = {0.0: 7e5, 0.5: 1e5, 1.0: 2e5}
    drift = {"degradation": "0.02 1/h", "synthesis": "0.002 1/h"}
    model = Model(mdr.pgp.grid("M", largest=2, bins=21, start=start, **drift))
    frame = model.simulate(until="60 h", times="20 h", accuracy=EXACT).frame
    exact = 0.1 + (0.25 - 0.1) * np.exp(-0.02 * frame.index.to_numpy())
    np.testing.assert_allclose(frame["P_M"], exact, rtol=1e-6)


def test_the_content_of_each_bin_pumps_the_drug() -> None:
    cells = mdr.pgp.grid("M", largest=1, bins=4, tau="0.01 1/h", f=0.3, start={0: 1e6, 1: 1e6}, resistant_from=0.5)
    inside = mdr.intracellular("dox", on=cells.bins, k0="1 1/h", vP="9 uM/h", Km="1 uM", form="quasi-steady")
    model = Model(
        mdr.medium("dox", start="1e-6 uM"), cells, inside, mdr.kill("dox", on="M_0", site="M_0", slope="1 1/uM/h")
    )
    row = model.simulate(until="1 h", times="1 h").frame.iloc[-1]
    for name, content in zip(cells.bins, cells.contents(), strict=True):
        assert row[f"C_dox_{name}"] / row["C_dox"] == pytest.approx(1 / (1 + 9 * content), rel=1e-5)
    assert model.observables["resistant_share"].expression.free_symbols >= {symbol("M_2"), symbol("M_3")}
    assert not model.clones["M_1"]


def test_refining_the_grid_approaches_a_continuous_trait() -> None:
    """Selection by a drug over a continuum of P-gp (as in Lavi 2013, Cho and Levy 2018), against quadrature."""

    def seed(p: float) -> float:
        return float(np.exp(-((p - 0.4) ** 2) / 0.05))

    def net(p: float) -> float:
        return 0.03 - 0.01 * p - 0.08 / (1 + 9 * p)

    def exact(power: int) -> float:
        return float(quad(lambda p: p**power * seed(p) * np.exp(72 * net(p)), 0, 1, epsabs=1e-12)[0])

    errors = []
    for bins in (4, 6, 16):
        contents = np.linspace(0, 1, bins)
        weights = np.array([seed(p) for p in contents]) * np.where((contents == 0) | (contents == 1), 0.5, 1.0)
        start = dict(zip(contents.tolist(), (1e6 * weights).tolist(), strict=True))
        law = lambda p: mdr.growth.exponential(rate=f"{0.03 - 0.01 * p} 1/h")  # noqa: E731
        death = lambda p: f"{0.08 / (1 + 9 * p)} 1/h"  # noqa: E731
        model = Model(mdr.pgp.grid("M", largest=1, bins=bins, growth=law, death=death, start=start))
        errors.append(abs(moments(model, "72 h")[1] / (exact(1) / exact(0)) - 1))
    assert errors[1] < errors[0] / 3
    assert errors[2] < 1e-4


# -- refusals -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"bins": 2}, "choose 3 to 60"),
        ({"f": 0.7}, "f = 0.7 is not a share"),
        ({"f": lambda apart: -apart}, "is not a share"),
        ({"largest": 0.0}, "largest = 0 is not a content above zero"),
        ({"start": {2.0: 1e6}}, "content 2.0; write one from 0 to 1"),
        ({"dependence": "densitty"}, "'density'"),
        ({"growth": 3}, "growth = 3 is neither a growth law nor a function"),
    ],
)
def test_refusals_of_the_grid(given: dict[str, object], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        mdr.pgp.grid("M", **{"largest": 1.0, "tau": "0.1 1/h", **given})


def test_a_function_that_gives_no_law_is_refused_when_joined() -> None:
    with pytest.raises(ModelError, match="growth = 3 is not a growth law"):
        Model(mdr.pgp.grid("M", largest=1, growth=lambda p: 3))  # type: ignore[arg-type, return-value]


def test_refusals_of_content() -> None:
    with pytest.raises(ModelError, match="need induced_by"):
        mdr.pgp.content("S", slope="1 1/h")
    parts: list[Mechanism] = [mdr.clone("S"), mdr.pgp.content("S", synthesis=0.1)]
    with pytest.raises(UnitError, match="synthesis_pgp_S"):
        Model(*parts)
