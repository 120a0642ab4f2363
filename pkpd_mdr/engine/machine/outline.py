"""What a run needs to know of a model's graph without having it, and the decompositions of its linear parts.

A run whose machine code is on disk needs no more of the model's formulas than these few numbers, which are kept there
too: then no formula is read into a graph.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from pkpd_mdr.engine.lowering import FloatArray

if TYPE_CHECKING:
    from pkpd_mdr.engine.machine.kernels import Kernels

__all__ = ["Decompositions", "Flags", "Outline"]

Flags = npt.NDArray[np.bool_]

_WORST = 1e4
"""Condition of the eigenvectors above which rounding would be felt."""
_WORST_BY = 1e2
"""The same, where formulas are differentiated."""
_REAL = 1e-12
_REMEMBERED = 64  # decompositions of single members


class Outline(NamedTuple):
    """Numbers that tell how a model is run.

    Parameters
    ----------
    affine : bool
        Whether rates are affine in the states and free of time (`Compiled.linear`).
    conditions : int
        Conditions in the right-hand side.
    whole : bool
        Whether linear parts are the whole model.
    blocks : int
        Linear parts in closed form.
    decomposed : tuple of int
        Sizes of those whose matrices are decomposed for each member; the modes of others are formulas.
    columns : int
        Numbers of these decompositions.
    asked : int
        What decompositions ask of parameters: the cells of these matrices, doubts about the others, and last
    flat : int
        numbers that are not zero where derivatives of the formulas are not to be trusted.
    """

    affine: bool
    conditions: int
    whole: bool
    blocks: int
    decomposed: tuple[int, ...]
    columns: int
    asked: int
    flat: int

    @classmethod
    def of(cls, kernels: Kernels) -> Outline:
        """That of a model's graph."""
        linear = kernels.linear
        return cls(
            affine=kernels.compiled.linear,
            conditions=len(kernels.conditions),
            whole=linear.whole,
            blocks=len(linear.blocks),
            decomposed=tuple(map(len, linear.decomposed)),
            columns=linear.columns,
            asked=len(linear.asked),
            flat=len(linear.flat),
        )

    @classmethod
    def from_text(cls, text: bytes) -> Outline:
        """As `to_text` wrote it."""
        found = cls(*json.loads(text))
        return found._replace(decomposed=tuple(found.decomposed))

    def to_text(self) -> bytes:
        """JSON.

        Examples
        --------
        >>> outline = Outline(False, 0, False, 2, (3,), 21, 10, 1)
        >>> Outline.from_text(outline.to_text()) == outline
        True
        """
        return json.dumps(self).encode()


class Decompositions:
    """The linear parts of a model, decomposed for parameter rows.

    Parameters
    ----------
    outline : Outline
    ask : callable
        Gives what decompositions ask of parameter rows, shape (r, asked), with so many rows at a time.
    """

    def __init__(self, outline: Outline, ask: Callable[[FloatArray, int], FloatArray]) -> None:
        self.outline, self._ask = outline, ask
        self._known: dict[bytes, tuple[FloatArray, Flags]] = {}

    def of(self, rows: FloatArray, width: int, *, by: bool = False) -> tuple[FloatArray, Flags]:
        """Decompose the matrices of parameter rows.

        Parameters
        ----------
        rows : ndarray, shape (r, parameters)
        width : int
            Rows that are asked about at a time.
        by : bool
            Whether formulas are differentiated.

        Returns
        -------
        numbers : ndarray, shape (r, columns)
        usable : ndarray of bool, shape (r,)
            Rows for which the closed form is good to rounding.
        """
        if len(rows) > 1 or not self.outline.columns:
            return self._new(rows, width, by)
        key = rows.tobytes()  # one run after another with the same values, as between visits
        found = self._known.get(key)
        if found is None:
            found = self._new(rows, width, by)
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[key] = found
        return found

    def _new(self, rows: FloatArray, width: int, by: bool) -> tuple[FloatArray, Flags]:
        usable: Flags = np.ones(len(rows), dtype=bool)
        if self.outline.asked <= (0 if by else self.outline.flat):
            return np.zeros((len(rows), 0)), usable
        told, parts, first = self._ask(rows, width), [], 0
        for size in self.outline.decomposed:
            numbers, good = _eigen(told[:, first : first + size * size].reshape(-1, size, size))
            first += size * size
            usable &= good
            parts.append(numbers)
        last = self.outline.asked - self.outline.flat
        doubts, worst = told[:, first:last], _WORST_BY if by else _WORST
        usable &= (doubts <= worst**2).all(axis=1)  # what is not a number is not
        if by:
            usable &= (told[:, last:] == 0.0).all(axis=1)
        return np.hstack(parts) if parts else told[:, :0], usable


def _eigen(matrices: FloatArray) -> tuple[FloatArray, Flags]:
    """Eigenvalues, eigenvectors and their inverse by row, and whether they serve; zeros where they do not.

    A single run waits for this, so that it takes as few calls as may be; each member's numbers are its own in any case.
    """
    count, size, _ = matrices.shape
    with np.errstate(all="ignore"):
        try:
            values, vectors, real = _pairs(matrices)
            back = np.linalg.inv(vectors)
        except np.linalg.LinAlgError:  # of one of the members
            finite: Flags = np.asarray(np.isfinite(matrices).all(axis=(1, 2)))
            matrices = np.where(finite[:, None, None], matrices, np.eye(size))
            values, vectors, real = _pairs(matrices)
            real = np.asarray(real & finite & (np.linalg.cond(vectors) <= _WORST))
            vectors[~real] = np.eye(size)
            back = np.linalg.inv(vectors)
        # eigenvectors have the length 1, so that size is the sum of their squares
        good: Flags = np.asarray(real & (np.einsum("kij,kij->k", back, back) <= _WORST**2 / size))
        left = (vectors * values[:, None, :]) @ back - matrices
        good &= np.abs(left).reshape(count, -1).max(axis=1) <= _REAL * np.abs(values).max(axis=1)
    numbers = np.concatenate((values, vectors.reshape(count, -1), back.reshape(count, -1)), axis=1)
    if not good.all():
        numbers[~good] = 0.0
    return numbers, good


def _pairs(matrices: FloatArray) -> tuple[FloatArray, FloatArray, Flags]:
    """Eigenvalues and eigenvectors, the real parts of both, and whether these are all."""
    values, vectors = np.linalg.eig(matrices)
    if not np.iscomplexobj(values):
        return values, vectors, np.ones(len(values), dtype=bool)
    # where one of them oscillates; from NumPy 2.5 on always
    real = np.abs(values.imag).max(axis=1) <= _REAL * np.abs(values).max(axis=1)
    return np.array(values.real), np.array(vectors.real), real
