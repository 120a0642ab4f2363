"""Every number and claim that the gallery declares, and what a declaration must be."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

import pkpd_mdr as mdr
from pkpd_mdr import gallery
from pkpd_mdr.__main__ import main
from pkpd_mdr.gallery.published import FLAGS, ORIGINS, Outcome, Published, Result, origin, sourced

RESULTS = [(name, result) for name, entry in gallery.MODELS.items() for result in entry.results]


@pytest.mark.parametrize(("name", "result"), RESULTS, ids=[f"{name}: {result.quantity}" for name, result in RESULTS])
def test_a_declared_number_is_obtained(name: str, result: Result) -> None:
    outcome = Outcome(name, result, result.compute())
    assert outcome.declared, str(outcome)


def test_every_module_is_in_the_gallery() -> None:
    folder = Path(gallery.__file__).parent
    helpers = {"__init__", "catalogue", "published", "reading"}
    assert {path.stem for path in folder.glob("*.py")} - helpers == set(gallery.MODELS)
    assert set(gallery.MODELS) <= set(gallery.__all__)


@pytest.mark.parametrize("name", gallery.MODELS)
def test_an_entry_is_whole(name: str) -> None:
    entry = gallery.find(name)
    assert entry.make is getattr(gallery, name)
    assert entry.run.startswith(f"mdr.gallery.{name}(")
    run = eval(entry.run, {"mdr": mdr})  # the line that users are told to run
    assert run is not None
    if entry.draw:
        assert [line.get_label() for line in run.plot(list(entry.draw)).lines][: len(entry.draw)] == list(entry.draw)
    assert len({result.quantity for result in entry.results}) == len(entry.results)
    assert all(result.flag in FLAGS for result in entry.results)
    assert entry.topics
    assert entry.summary.endswith(".")
    assert len(entry.citation) > 10
    model = entry.make()
    for parameter in getattr(model, "parameters", {}).values():
        assert math.isfinite(parameter.value)


@pytest.mark.parametrize("name", gallery.MODELS)
def test_every_value_says_where_it_comes_from(name: str) -> None:
    entry = gallery.find(name)
    made = entry.make()
    parameters = (made if isinstance(made, mdr.Model) else made.model()).parameters
    assert sum(entry.origins().values()) == len(parameters)
    assert {item for names in entry.sources().values() for item in names} == set(parameters)
    for source in entry.sources():
        assert source.partition(":")[0] in ORIGINS
        assert f": {source}" in str(entry)


VARIANTS = {
    "mazzocco2015": lambda: gallery.mazzocco2015(p53_mutant=True, codeleted=True),
    "leontriana2021": lambda: gallery.leontriana2021(dual=True),
    "zhang2017": lambda: gallery.zhang2017(2),
    "mody2023": lambda: gallery.mody2023(culture=True),
    "hahnfeldt1999": lambda: gallery.hahnfeldt1999("tnp470"),
    "gunnarsson2020, linear": lambda: gallery.gunnarsson2020("linear"),
    "gunnarsson2020, uniform": lambda: gallery.gunnarsson2020("uniform"),
    "cholevy2018": lambda: gallery.cholevy2018(traits=6),
    "bozic2013": lambda: gallery.bozic2013(1e9, sites_both=1, cost=0.1).model(),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_variants_say_so_too(variant: str) -> None:
    for item in VARIANTS[variant]().parameters.values():
        origin(item.source)


def test_sources_that_leave_something_open_are_refused() -> None:
    model = mdr.Model(mdr.clone("S", start=100, growth=mdr.growth.exponential(rate="1 1/day")))
    with pytest.raises(mdr.ModelError, match="growth_S"):
        sourced(model, {"assumed: a few cells": "S0 groth_S"})
    with pytest.raises(mdr.ModelError, match="does not begin with one of published"):
        sourced(model, {"assumed: a few cells": "S0"})
    with pytest.raises(mdr.ModelError, match="does not begin"):
        sourced(model, {"assumed:": "S0", "recalled: someone": "growth_S"})
    with pytest.raises(mdr.ModelError, match="two sources"):
        sourced(model, {"assumed: a few cells": "S0", "derived: of nothing": "*"})
    told = sourced(model, {"assumed: a few cells": "S0", "range: 0.1 to 2 per day": "growth_*"})
    assert told.parameters["growth_S"].source == "range: 0.1 to 2 per day"


def test_the_same_number_has_one_tolerance_rule_for_all() -> None:
    """No number is special-cased: what is not reproduced says why, and it is really not reproduced."""
    for name, result in RESULTS:
        if result.unreached:
            assert not Outcome(name, result, result.compute()).ok
            assert len(result.unreached) > 40


def test_the_listing_names_every_model_with_its_states() -> None:
    rows = {row[0]: row for row in gallery.table().rows}
    assert set(rows) == set(gallery.MODELS)
    assert rows["kuznetsov1994"][3] == "E, T"
    assert "u_0" in rows["hinow2009"][3]
    assert "(11)" in rows["hinow2009"][3]


def test_an_unknown_model_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(mdr.ModelError, match="ribba2012"):
        gallery.check("riba2012")


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ({"expected": 1.0}, "tolerance"),
        ({"expected": 1.0, "atol": math.nan}, "tolerance"),
        ({"expected": 1.0, "rtol": -1.0}, "tolerance"),
        ({"expected": True, "flag": "X"}, "flag"),
    ],
)
def test_a_declaration_that_cannot_be_held_to_is_refused(result: dict[str, object], words: str) -> None:
    with pytest.raises(mdr.ModelError, match=words):
        Result("a number", compute=lambda: 1.0, **result)  # type: ignore[arg-type]


def test_an_entry_needs_results_and_known_topics() -> None:
    result = Result("a claim", True, lambda: True)
    with pytest.raises(mdr.ModelError, match="nothing"):
        Published(gallery.ribba2012, "someone", ("S1",), "run", ())
    with pytest.raises(mdr.ModelError, match="topic"):
        Published(gallery.ribba2012, "someone", ("S9",), "run", (result,))


def test_a_wrong_number_and_a_missing_one_do_not_hold() -> None:
    result = Result("a number", 2.0, lambda: 2.1, atol=0.05, rtol=0.01)
    assert result.tolerance == pytest.approx(0.07)
    assert not result.holds(2.1)
    assert not result.holds(math.nan)
    assert not result.holds(math.inf)
    assert result.holds(2.07)
    claim = Result("a claim", True, lambda: False)
    assert claim.holds(True)
    assert not claim.holds(False)
    outcome = Outcome("model", claim, False)
    assert not outcome.declared
    assert "does not hold obtained" in str(outcome)


def test_the_command_line_lists_shows_and_checks(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gallery"]) == 0
    assert "Kuznetsov" in capsys.readouterr().out
    assert main(["gallery", "stein2008"]) == 0
    assert "Run it: mdr.gallery.stein2008()" in capsys.readouterr().out
    assert main(["gallery", "stein2008", "--check"]) == 0
    assert "ln(d/g)/(g + d)" in capsys.readouterr().out
    assert main(["gallery", "steinn2008", "--check"]) == 2


def test_the_page_of_published_numbers_is_of_this_gallery() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "published_numbers.md").read_text(encoding="utf-8")
    for name, result in RESULTS:
        assert f"\n## {name}\n" in page, "run python benchmarks/published_numbers.py"
        quantity = result.quantity.replace("|", "\\|").replace("*", "\\*")
        assert f"| {quantity} |" in page, f"{quantity}: run python benchmarks/published_numbers.py"
