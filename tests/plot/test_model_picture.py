"""The picture of a model: its boxes are the states, its arrows what the processes say."""

from __future__ import annotations

import pytest
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from strategies.pictures import texts_overlap

import pkpd_mdr as mdr
from pkpd_mdr.plot.model import links


@pytest.fixture(scope="module")
def model():
    return mdr.Model(
        mdr.pk.two_compartment("dox", CL="10 L/h", V1="20 L", Q="5 L/h", V2="50 L"),
        mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start=1e6),
        mdr.clone("R", growth=mdr.growth.exponential(rate="0.08 1/day"), start=1e3, resistant=True),
        mdr.kill("dox", on="S", slope="0.1 1/h/(mg/L)"),
        mdr.mutation("S", "R", probability=1e-6),
        mdr.pgp.content("R", start=1.0, degradation="0.01 1/h"),
    )


def test_links_are_those_of_the_processes(model):
    found = links(model)
    assert set(found.flows) >= {("central_dox", "peripheral_dox"), ("peripheral_dox", "central_dox")}
    assert ("central_dox", "S") in found.acts
    assert ("central_dox", "R") not in found.acts
    assert "S" in found.sources & found.sinks
    assert "peripheral_dox" not in found.sources | found.sinks
    assert "pgp_R" in found.sinks, "what only counts losses is no state of the picture"


def test_boxes_and_arrows(model):
    ax = model.plot()
    names = {text.get_text() for text in ax.texts}
    assert names >= {"central_dox", "peripheral_dox", "S", "R", "pgp_R", "drugs", "tumour"}
    assert "lost_pgp" not in names
    boxes = [patch for patch in ax.patches if isinstance(patch, FancyBboxPatch)]
    assert len(boxes) == 5
    arrows = [patch for patch in ax.patches if isinstance(patch, FancyArrowPatch)]
    found = links(model)
    assert len(arrows) == len(found.flows) + len(found.acts)
    assert texts_overlap(ax) == []


def test_too_many_or_no_states():
    with pytest.raises(mdr.ModelError, match="1 to 60 states, not 0"):
        mdr.Model(mdr.parameter("a", 1.0), mdr.observable("y", "2*a")).plot()


def test_effects_that_are_left_out_are_counted_and_no_arrow_leaves_the_picture():
    crowded = mdr.gallery.cholevy2018()
    ax = crowded.plot()
    assert f"{len(links(crowded).acts)} effects on rates are not drawn" in [text.get_text() for text in ax.texts]
    wide = mdr.gallery.zhu2015().plot()
    wide.get_figure().canvas.draw()
    right = max(wide.transData.inverted().transform(arrow.get_window_extent())[1, 0] for arrow in wide.patches)
    assert right < wide.get_xlim()[1]
