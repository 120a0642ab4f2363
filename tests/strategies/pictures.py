"""What tests of pictures share."""

from __future__ import annotations

from itertools import combinations

import pytest


def texts_overlap(ax):
    """Pairs of visible texts whose boxes overlap, in the drawn figure."""
    figure = ax.get_figure()
    figure.canvas.draw()
    legend = ax.get_legend()
    items = [*ax.get_xticklabels(), *ax.get_yticklabels(), ax.xaxis.label, ax.yaxis.label, *ax.texts]
    items += legend.get_texts() if legend else []
    frame = figure.bbox
    boxes = []
    for item in items:
        box = item.get_window_extent()
        if item.get_text() and item.get_visible() and box.width > 0:
            low, high = ax.get_xlim()
            if item in ax.get_xticklabels() and not low <= item.get_position()[0] <= high:
                continue
            if item in ax.get_yticklabels() and not min(ax.get_ylim()) <= item.get_position()[1] <= max(ax.get_ylim()):
                continue
            boxes.append((item.get_text(), box))
    outside = [
        text for text, box in boxes if box.x0 < -1 or box.x1 > frame.x1 + 1 or box.y0 < -1 or box.y1 > frame.y1 + 1
    ]
    return outside + [(a, b) for (a, one), (b, two) in combinations(boxes, 2) if one.overlaps(two)]


def in_column(ax):
    """Check that a picture is as wide as a journal column and that nothing in it overlaps."""
    assert ax.get_figure().get_size_inches()[0] == pytest.approx(3.4)
    assert texts_overlap(ax) == []
