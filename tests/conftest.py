"""What all tests share: the hypothesis profile, a plot backend without a screen, and the folder of reference data."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("MPLBACKEND", "Agg")

# The same examples on every machine: a failure in CI is a failure here. HYPOTHESIS_PROFILE=nightly searches further.
settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("nightly", deadline=None, print_blob=True, max_examples=5000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference data, which is not part of the project."""
    given = os.environ.get("PKPD_MDR_SHARED")
    folder = Path(given) if given else Path(__file__).resolve().parents[2] / "shared"
    if given and not folder.is_dir():
        pytest.fail(f"PKPD_MDR_SHARED={given!r} is not a folder")
    if not folder.is_dir():
        pytest.skip(f"no reference data at {folder}; set PKPD_MDR_SHARED to the folder")
    return folder


@pytest.fixture(autouse=True)
def closed_figures() -> Iterator[None]:
    """Pyplot keeps no figure of a test."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
