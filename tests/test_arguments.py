"""Arguments are checked where they are handed in; what Python says itself is left to Python."""

from __future__ import annotations

import pytest

import pkpd_mdr as mdr


def test_one_argument_too_many_is_told_once() -> None:
    with pytest.raises(TypeError, match="takes 1 positional argument but 2 were given") as caught:
        mdr.endpoints.time_below("anc", "1e9 1/L")  # type: ignore[misc,call-arg]
    assert caught.value.__context__ is None
