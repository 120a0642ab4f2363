"""Reports: one page that is well formed, loads nothing, escapes what users write and says what the tables say."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from importlib import import_module

import numpy as np
import pandas as pd
import pytest

import pkpd_mdr as mdr
from pkpd_mdr.report import html

EVIL = "<script>alert('$\\nope$ & \"x\"')</script>"
DOX = mdr.bolus("dox", "60 mg").every("7 day", times=4)
VOID = {"meta", "img", "link", "br", "hr", "input", "wbr"}


class Reader(HTMLParser):
    """Checks that tags close in order; keeps ids, links, sources and text."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.faults: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.sources: list[str] = []
        self.tags: set[str] = set()
        self.words: list[str] = []
        self.broken = False
        self.feed(page)
        self.close()
        self.faults += [f"<{tag}> is never closed" for tag in self.open]

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        if len(named) < len(attrs):
            self.faults.append(f"<{tag}> has an attribute twice")
        self.tags.add(tag)
        self.ids += [named["id"]] if "id" in named else []
        self.links += [named["href"]] if "href" in named else []
        self.sources += [named["src"]] if "src" in named else []
        if tag == "img" and not named.get("alt"):
            self.faults.append("a picture without words")
        self.broken = tag == "wbr"
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> closes something else")

    def handle_data(self, data):
        if self.broken:  # a word that may be broken is one word
            self.words[-1] += data
        else:
            self.words.append(data)
        self.broken = False

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def model():
    return mdr.Model(
        mdr.pk.one_compartment("dox", CL="10 L/h", V="50 L"),
        mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start=1e6),
        mdr.clone("R", growth=mdr.growth.exponential(rate="0.08 1/day"), start=1e3, resistant=True),
        mdr.kill("dox", on="S", slope=mdr.parameter("potency", "0.25 1/h/(mg/L)", source="plate 7")),
        mdr.toxicity.myelosuppression(
            "anc", slope={"dox": "0.02 L/mg"}, baseline="5e9 1/L", transit_time="124 h", feedback=0.239
        ),
    )


@pytest.fixture(scope="module")
def comparison(model):
    draws = pd.DataFrame({"CL_dox": np.linspace(5, 15, 12), "growth_S": np.tile([0.08, 0.1, 0.12], 4)})
    arms = {"weekly": DOX, EVIL: mdr.adaptive(DOX, visit="7 day"), "untreated": mdr.nothing()}
    names = ["time_to_progression", "resistant_share", "anc_nadir"]
    return mdr.compare(model, arms, parameters=draws, until="120 day", endpoints=names)


@pytest.fixture(scope="module")
def page(comparison):
    return html(comparison, question="Which <b>schedule</b>?")


@pytest.fixture(scope="module")
def fit():
    counts = pd.DataFrame({"day": [1, 2, 3, 4], "cells": [150, 210, 330, 480]})
    data = mdr.read_assay(counts, time="day [day]", value="cells [cell]")
    line = mdr.Model(mdr.clone("S", growth=mdr.growth.exponential(rate="0.5 1/day"), start=100))
    return mdr.fit(line, data, {"growth_S": ("0.1 1/day", "2 1/day")}, error="lognormal", starts=2)


def test_pages_are_well_formed_and_load_nothing(page, model, fit):
    for made in (page, html(model), html(fit)):
        read = Reader(made)
        assert read.faults == []
        assert len(set(read.ids)) == len(read.ids)
        assert {link.removeprefix("#") for link in read.links} == set(read.ids)
        assert all(source.startswith("data:image/svg+xml;base64,") for source in read.sources)
        assert not read.tags & {"script", "link", "iframe", "object"}
        assert re.findall(r"https?://", made) == []


def test_what_users_write_is_escaped(page):
    assert "<script" not in page
    assert "<b>schedule" not in page
    assert EVIL in Reader(page).text
    assert "Which <b>schedule</b>?" in Reader(page).text


def test_pictures_are_svg_that_runs_nothing(page):
    pictures = [base64.b64decode(source.split(",", 1)[1]).decode() for source in Reader(page).sources]
    assert len(pictures) == 10
    assert all(picture.lstrip().startswith("<?xml") and "<script" not in picture for picture in pictures)


def test_the_same_result_gives_the_same_page(comparison, page):
    assert html(comparison, question="Which <b>schedule</b>?") == page


def test_a_comparison_page_has_all_its_parts(page):
    read = Reader(page)
    parts = ["question", "verdict", "arms", "fairness", "results", "single-patients", "toxicity"]
    parts += ["what-would-change-the-verdict", "data-used", "model", "parameters-and-their-origin", "failures"]
    assert read.ids == [*parts, "provenance"]
    assert "No picture" not in read.text
    assert "All 36 runs were finished." in read.text
    assert "60 mg of dox, every 7 days, 4 times" in read.text
    assert "pause when the burden is below 50 %" in read.text


def test_origins_of_parameters_are_told(page):
    text = Reader(page).text
    assert "plate 7" in text
    assert "name no source and count as assumed: " in text
    cells = re.findall(r"<tr>\s*<td>(\w+)</td><td[^>]*>[^<]*</td><td>[^<]*</td><td>(varied|fixed)</td>", page)
    assert {name for name, kind in cells if kind == "varied"} == {"CL_dox", "growth_S"}


def test_nothing_is_told_twice(comparison):
    """Notes and verdicts stand in their own sections; the draws are shown as they are, and what is assumed once."""
    text = Reader(html(comparison)).text
    sentences = [*comparison.notes, comparison.verdict("anc_nadir"), "strategies see 'burden' exactly"]
    assert {sentence: text.count(sentence) for sentence in sentences} == dict.fromkeys(sentences, 1)
    assert "CL_dox L/h 10 5.25 14.75" in text  # 12 even values from 5 to 15


def test_long_words_may_be_broken_and_short_ones_not(page):
    assert "<td>elimination_dox</td>" in page
    assert "CL_<wbr>" not in page
    assert "anc_<wbr>precursor" in page
    assert "baseline_<wbr>anc" in page


def test_the_verdict_says_what_the_table_says(comparison):
    best = comparison.best()
    said = comparison.verdict()
    median = comparison.table.loc[(best, "time_to_progression"), "median"]
    chance = comparison.table.loc[(best, "time_to_progression"), "probability_best"]
    assert Reader(html(comparison)).text.count(said) == 1
    assert f"{best!r} has a median of {median:.4g} day" in said
    assert f"best of all in {100 * chance:.0f} %" in said


@pytest.fixture
def unpainted(monkeypatch):
    """Pictures are drawn but not written, which is what takes time."""
    for room in ("comparing", "fitting", "modelling"):
        monkeypatch.setattr(import_module(f"pkpd_mdr.report.{room}"), "as_svg", lambda ax: b"<svg/>")


def test_one_draw_is_no_evidence(model, unpainted):
    found = mdr.compare(model, {"weekly": DOX, "untreated": mdr.nothing()}, until="60 day")
    text = Reader(html(found)).text
    assert "does not say how sure it is" in text
    assert "No endpoint of toxicity was compared, so the verdict knows no price. This model knows anc" in text
    assert "no data entered this comparison" in text


def test_failures_are_counted_with_their_sentences(comparison, unpainted):
    from dataclasses import replace

    from pkpd_mdr.compare import Failure

    values = comparison.values.copy()
    values[0, :2] = np.nan
    lost = tuple(Failure("weekly", draw, "the step <became> too small") for draw in (0, 1))
    text = Reader(html(replace(comparison, values=values, failures=lost))).text
    assert "2 of 36 runs were not finished; all numbers use the 10 of 12 draws that every arm finished" in text
    assert "weekly 2 the step <became> too small" in text


def test_fairness_shows_factors(model, unpainted):
    arms = {"weekly": DOX, "single": mdr.bolus("dox", "60 mg")}
    found = mdr.compare(model, arms, until="30 day", endpoints=["nadir"], fair="total_dose")
    text = Reader(page := html(found)).text
    assert "single dox 60 mg 240 mg 4" in text
    assert 'alt="By how much doses were multiplied"' in page
    assert "240 mg of dox, once" in text


def test_a_fit_tells_its_data_and_estimates(fit, comparison, unpainted):
    text = Reader(html(fit)).text
    assert "4 measurements of burden [cell] in 1 condition," in text
    assert f"{fit.values['growth_S']:.5g}" in text
    assert "The parameter has a closed 95 % interval." in text
    assert "1 of 2 parameters were estimated. 1 of 2 parameters name no source and count as assumed: S0." in text
    assert re.search(r"growth_S [\d.]+ 1/day estimated the fit above", text)
    both = Reader(html(comparison, fit=fit))
    assert re.search(r"growth_S [\d.]+ 1/day varied draws of the fit above", both.text)
    assert {"estimates", "fit-and-residuals"} <= set(both.ids)


def test_a_model_shows_itself_in_a_notebook(model):
    shown = model._repr_html_()
    assert Reader(shown).faults == []
    assert "elimination_dox" in shown
    assert "plate 7" in shown


def test_what_can_change_nothing_stands_before_the_model(unpainted):
    """Beside a drug that works, one that nothing uses; the page of a comparison tells it, too."""
    parts = [
        mdr.pk.one_compartment("dox", CL="10 L/h", V="50 L"),
        mdr.pk.one_compartment("ver", CL="10 L/h", V="50 L"),
        mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start=1e6),
        mdr.kill("dox", on="S", slope="0.25 1/h/(mg/L)"),
    ]
    idle = mdr.Model(*parts, quiet=True)
    (note,) = idle.notes
    assert "'ver'" in note
    compared = mdr.compare(idle, {"weekly": DOX}, until="9 day", endpoints=["nadir"])
    for made in (html(idle), html(compared)):
        read = Reader(made)
        assert read.ids.index("what-can-change-nothing") == read.ids.index("model") - 1
        assert f"is missing: {note}" in read.text
    used = mdr.Model(*parts, mdr.kill("ver", on="S", slope="0.25 1/h/(mg/L)"))
    assert "what-can-change-nothing" not in Reader(html(used)).ids


def test_files_and_refusals(tmp_path, comparison, model, fit, unpainted):
    assert comparison.report_html(tmp_path / "a.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert fit.report_html(str(tmp_path / "b.html")).exists()
    assert mdr.report(model, tmp_path / "c.html", title="Mine & yours").exists()
    assert "<title>Mine &amp; yours</title>" in (tmp_path / "c.html").read_text(encoding="utf-8")
    with pytest.raises(mdr.SimulationError, match="lies in no folder that exists"):
        mdr.report(model, tmp_path / "no" / "c.html")
    with pytest.raises(mdr.SimulationError, match="is a folder"):
        mdr.report(model, tmp_path)
    with pytest.raises(mdr.SimulationError, match="there is no report of 3"):
        mdr.report(3, tmp_path / "d.html")
    with pytest.raises(mdr.SimulationError, match="write the name of a file"):
        mdr.report(model, 7)


ODD = [3, -1, 0, 2.5, float("nan"), True, object(), b"x", [], {}, [object()], "x" * 3000, "nobody", lambda: 0, ("a", 1)]


@pytest.mark.parametrize(
    ("call", "slots"),
    [
        ("plot_forest", ["endpoint", "reference"]),
        ("plot_survival", ["endpoint", "arms"]),
        ("plot_swimmer", ["arm", "endpoint", "response", "most"]),
        ("plot_waterfall", ["arm"]),
        ("plot_deciders", ["most"]),
        ("acts", ["arm", "members"]),
    ],
)
def test_odd_arguments_are_refused_in_a_sentence(comparison, call, slots):
    needed = {"arm": "untreated"} if call == "acts" else {}
    for slot in slots:
        sentences = []
        for odd in ODD:
            try:
                getattr(comparison, call)(**(needed | {slot: odd}))
            except mdr.PkpdMdrError as error:
                sentences.append(str(error))
        assert len(sentences) > len(ODD) / 2, slot
        assert all(10 < len(sentence) < 500 for sentence in sentences)


def test_odd_arguments_of_reports(model, tmp_path, unpainted):
    for slot, usual in (("title", "T"), ("question", "Q"), ("fit", None)):
        for odd in (3, object(), ["x"]):
            with pytest.raises(mdr.SimulationError, match=f"{slot} is"):
                mdr.report(model, tmp_path / "a.html", **{slot: odd})
        assert mdr.report(model, tmp_path / "a.html", **{slot: usual})
    for odd in ("", "a\0b", "x" * 5000, None, 3.5, []):
        with pytest.raises(mdr.SimulationError):
            mdr.report(model, odd)


def test_options_are_told_in_words_and_empty_columns_left_out(model, unpainted):
    law = mdr.growth.birth_death(birth="0.2 1/day", death="0.1 1/day")
    few = mdr.Model(mdr.clone("S", growth=law, start=9))
    found = mdr.compare(
        few,
        {"none": mdr.nothing()},
        until="2 day",
        endpoints=["nadir"],
        stochastic=mdr.Stochastic(seed=4),
        replicates=3,
    )
    assert re.search(r"stochastic method \w+, seed 4, threshold 1000, ", Reader(html(found)).text)
    own = mdr.Model(
        mdr.state("T", "5 cell", unit="cell", kind="cells"),
        mdr.process("loss", "k*T", {"T": -1}),
        mdr.parameter("k", "0.1 1/h"),
    )
    assert '<th scope="col">meaning</th>' in html(model).split("processes</figcaption>")[1].split("</thead>")[0]
    assert '<th scope="col">meaning</th>' not in html(own).split("1 process</figcaption>")[1].split("</thead>")[0]
