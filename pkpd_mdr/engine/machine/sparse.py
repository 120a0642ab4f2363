"""Sparse LU decomposition without pivoting, planned once per model and unrolled into straight code.

The matrix is ``I/(h*gamma) - J``: for a step that is small enough its diagonal rules, so no pivoting is needed (the KPP
codes of atmospheric chemistry do the same; Sandu et al. 1997). The order of elimination follows Markowitz (1957).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from pkpd_mdr.engine.machine.lanes import Code

__all__ = ["Plan", "plan"]

Cell = tuple[int, int]


class Plan(NamedTuple):
    """Where the factors have entries, and in which order rows are eliminated.

    Parameters
    ----------
    size : int
        Rows of the matrix.
    entries : mapping of (row, column) to position
        Entries of J.
    order : tuple of int
        Rows in the order of elimination.
    cells : mapping of (row, column) to position
        Entries of the factors, fill-in included.
    rows : tuple of int
        Where in a vector each row stands.
    """

    size: int
    entries: dict[Cell, int]
    order: tuple[int, ...]
    cells: dict[Cell, int]
    rows: tuple[int, ...]

    def factor(self, code: Code) -> None:
        """Write the decomposition: J behind ``%jac``, the diagonal term in ``%diagonal``, factors into ``%lu``.

        The factors are L, 1/D and U, with ones on the diagonals of L and U: one operation less to wait for in each row.
        """
        values: dict[Cell, str] = {}
        diagonal = code.load("%diagonal", 0)
        for cell in self.cells:
            entry = code.load("%jac", self.entries[cell]) if cell in self.entries else ""
            if cell[0] == cell[1]:
                values[cell] = code.binary("fsub", diagonal, entry) if entry else diagonal
            else:
                values[cell] = code.negative(entry) if entry else code.constant(0.0)
        for place, k in enumerate(self.order):
            later = self.order[place + 1 :]
            values[k, k] = code.binary("fdiv", code.constant(1.0), values[k, k])
            below = [row for row in later if (row, k) in self.cells]
            beside = [column for column in later if (k, column) in self.cells]
            for i in below:
                values[i, k] = code.binary("fmul", values[i, k], values[k, k])
                for j in beside:
                    values[i, j] = code.multiply_add(code.negative(values[i, k]), values[k, j], values[i, j])
            for j in beside:
                values[k, j] = code.binary("fmul", values[k, j], values[k, k])
        for cell, position in self.cells.items():
            code.store(values[cell], "%lu", position)

    def solve(self, code: Code, *, spread: bool = False, rows: Collection[int] | None = None) -> None:
        """Write the solution for the right-hand side behind ``%b``, in place; what is known last is used last.

        Parameters
        ----------
        code : Code
        spread : bool
            Whether the factors are single numbers that serve all lanes (lanes are then columns of ``%b``).
        rows : collection of int, optional
            Rows outside of which the right-hand side, and so the solution, is zero: J leads from none of these to
            another.
        """
        fetch = code.spread if spread else code.load
        order = [i for i in self.order if rows is None or self.rows[i] in rows]
        b = {i: code.load("%b", self.rows[i]) for i in order}
        for place, i in enumerate(order):
            for k in (row for row in order[:place] if (i, row) in self.cells):
                b[i] = code.multiply_add(code.negative(fetch("%lu", self.cells[i, k])), b[k], b[i])
        for place in range(len(order) - 1, -1, -1):
            i = order[place]
            b[i] = code.binary("fmul", b[i], fetch("%lu", self.cells[i, i]))
            for j in (column for column in reversed(order[place + 1 :]) if (i, column) in self.cells):
                b[i] = code.multiply_add(code.negative(fetch("%lu", self.cells[i, j])), b[j], b[i])
        code.store_rows({self.rows[i]: value for i, value in b.items()}, "%b")


def plan(rows: Sequence[int], entries: Iterable[Cell]) -> Plan:
    """Plan the decomposition of a matrix with the entries of J and a full diagonal.

    Parameters
    ----------
    rows : sequence of int
        The rows (and columns) of the matrix, by their places in a vector.
    entries : iterable of (row, column)
        Where J has entries, by the same places; their positions are their numbers here.

    Returns
    -------
    Plan

    Examples
    --------
    >>> len(plan(range(3), [(0, 0), (1, 0), (2, 1)]).cells)
    5
    """
    at, size = {row: i for i, row in enumerate(rows)}, len(rows)
    places = {(at[i], at[j]): position for position, (i, j) in enumerate(entries)}
    filled = [{column for row, column in places if row == i} | {i} for i in range(size)]
    left, order = set(range(size)), []
    while left:
        pivot = min(sorted(left), key=lambda k: (sum(k in filled[i] for i in left) - 1) * (len(filled[k] & left) - 1))
        order.append(pivot)
        left.remove(pivot)
        for i in left:
            if pivot in filled[i]:
                filled[i] |= filled[pivot] & left
    cells = sorted((i, j) for i in range(size) for j in filled[i])
    return Plan(size, places, tuple(order), {cell: position for position, cell in enumerate(cells)}, tuple(rows))
