"""The table of mechanisms: complete, true to the code, and honest about where ranges come from."""

from __future__ import annotations

from pathlib import Path

import pytest
from strategies.models import public_mechanisms

import pkpd_mdr as mdr
from pkpd_mdr.__main__ import main
from pkpd_mdr.gallery import MODELS
from pkpd_mdr.gallery.catalogue import uses
from pkpd_mdr.mechanisms.cards import HEADINGS, SOURCES, cards, find

ROOT = Path(__file__).resolve().parents[2]
EVERY = sorted(public_mechanisms())


def test_every_public_mechanism_has_a_row() -> None:
    assert {row[0] for row in mdr.mechanisms.table().rows} == public_mechanisms()
    assert {card.heading for card in cards().values()} == set(HEADINGS)


@pytest.mark.parametrize("name", EVERY)
def test_a_card_is_true_to_the_code(name: str) -> None:
    """Its smallest use is a model with the mechanism; what it says of parameters holds for them."""
    card = find(name)
    ranges = {item.parameter.name: item for item in card.ranges()}
    assert set(card.known) <= set(ranges)
    for item in ranges.values():
        p = item.parameter
        assert p.lower <= item.low < item.high <= p.upper
        assert item.low <= p.value <= item.high
        assert item.source.partition(":")[0] in SOURCES
        assert item.source.partition(":")[2], "a source says what it is"
    assert set(card.used_by()) <= set(MODELS)


@pytest.mark.parametrize("name", EVERY)
def test_every_mechanism_has_a_place(name: str) -> None:
    """A published model or an example uses it, so that each can be seen at work."""
    examples = (path.read_text(encoding="utf-8") for path in (ROOT / "examples").rglob("*.py"))
    assert find(name).used_by() or any(uses(name, source) for source in examples), "write an example that uses it"


def test_calls_are_told_from_names_that_look_alike() -> None:
    assert uses("growth.logistic", "mdr.growth.logistic(rate=1)")
    assert uses("kill", "[kill('dox')]")
    assert not uses("kill", "peak_kill('dox'), combined_kill(kills), mdr.kill")
    assert not uses("formula", "growth.formula('2')")


def test_the_page_is_the_table() -> None:
    """docs/mechanisms.md is what `benchmarks/mechanism_table.py` writes, for what depends on mechanisms alone."""
    text = (ROOT / "docs" / "mechanisms.md").read_text(encoding="utf-8")
    for card in cards().values():
        assert f"| `{card.name}` | {card.biology} |" in text, "run benchmarks/mechanism_table.py"
        for item in card.ranges():
            assert f"| {item.parameter.name} | {item.low:.3g} | {item.high:.3g} |" in text


def test_an_unknown_mechanism_is_named() -> None:
    with pytest.raises(mdr.ModelError, match=r"'vesicles.relase'.*vesicles.release"):
        mdr.mechanisms.table("vesicles.relase")


def test_the_command_line_prints_the_table_and_a_card(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mechanisms"]) == 0
    assert "pgp.content" in capsys.readouterr().out
    assert main(["mechanisms", "immune.attack"]) == 0
    shown = capsys.readouterr().out
    assert "effectors that kill" in shown
    assert "2.5e-10" in shown
    assert main(["mechanisms", "nothing"]) == 2
