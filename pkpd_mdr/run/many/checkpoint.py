"""Finished chunks of a long study in a folder: NumPy files without pickle, and a manifest that says of what.

A run that finds the folder goes on where it stopped if the content is the same: model, regimens, parameters, starts,
times, endpoints, accuracy, seed and versions. Files are written beside their place and moved there, so that an
interrupted writer leaves nothing half done; a file that cannot be read is computed again.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import partial
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, BinaryIO

import numpy as np

from pkpd_mdr.errors import SimulationError, shown
from pkpd_mdr.model import Model
from pkpd_mdr.run.many.study import Failure, Part, Total

__all__ = ["Checkpoint", "fingerprint"]

_FORMAT = 2
_GIVEN = ("place", "drug", "amount", "unit")
_MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A folder of finished chunks; made by `open`.

    Attributes
    ----------
    folder : Path
    """

    folder: Path

    @staticmethod
    def chunk_of(folder: Path) -> int | None:
        """The size of chunks of an existing folder, which stays when the caller names none."""
        manifest = _read_manifest(folder)
        size = None if manifest is None else manifest["content"].get("chunk")
        return int(size) if isinstance(size, str) and size.isdigit() else None

    @staticmethod
    def open(folder: Path, content: Mapping[str, str]) -> Checkpoint:
        """Begin a folder, or go on with one of the same content.

        Parameters
        ----------
        folder : Path
        content : mapping of str to str
            What the study is made of, by name; see `fingerprint`.

        Raises
        ------
        SimulationError
            The folder holds another study (what differs is named), something else, or cannot be written.
        """
        kept = _read_manifest(folder)
        if kept is None:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                text = json.dumps({"format": _FORMAT, "content": dict(content)}, indent=1)
                _write(folder / _MANIFEST, lambda file: file.write(text.encode()))
            except OSError as problem:
                raise SimulationError(f"checkpoint = {shown(str(folder))} cannot be written ({problem})") from problem
            return Checkpoint(folder)
        old = kept["content"]
        differ = [name for name in dict.fromkeys([*content, *old]) if content.get(name) != old.get(name)]
        if differ:
            raise SimulationError(
                f"the checkpoint in {shown(str(folder))} belongs to another study: {_and(differ)} "
                f"differ{'s' if len(differ) == 1 else ''}; name another folder, or remove this one to begin again"
            )
        return Checkpoint(folder)

    def load(self, number: int) -> Part | None:
        """A finished chunk; None when there is none or its file is damaged."""
        try:
            with self._path(number).open("rb") as stream, np.load(stream, allow_pickle=False) as file:
                failures = zip(file["failed"], file["failed_time"], file["sentences"], strict=True)
                given: dict[int, tuple[Total, ...]] = {}
                for place, *total in zip(*(file[f"given_{name}"] for name in _GIVEN), strict=True):
                    given[int(place)] = *given.get(int(place), ()), (str(total[0]), float(total[1]), str(total[2]))
                given |= {int(place): () for place in file["untreated"]}
                return Part(
                    number,
                    file["values"],
                    file["reached"],
                    file["endpoints"],
                    {int(place): Failure(float(time), str(text)) for place, time, text in failures},
                    file["ended"],
                    given,
                )
        except Exception:  # zip files break in many ways, and each means: compute it again
            return None

    def save(self, part: Part) -> None:
        """Keep a finished chunk; `SimulationError` when that is not possible."""
        failures = list(part.failures.values())
        arrays: dict[str, Any] = {
            "values": part.values,
            "reached": part.reached,
            "endpoints": part.endpoints,
            "failed": np.array(list(part.failures), dtype=np.int64),
            "failed_time": np.array([item.time for item in failures], dtype=float),
            "sentences": np.array([item.sentence for item in failures], dtype=np.str_),
            "ended": part.ended,
            "untreated": np.array([place for place, totals in part.given.items() if not totals], dtype=np.int64),
        }
        rows = [(place, *total) for place, totals in part.given.items() for total in totals]
        kinds = (np.int64, np.str_, float, np.str_)
        for name, kind, column in zip(_GIVEN, kinds, zip(*rows, strict=True) if rows else ([],) * 4, strict=True):
            arrays[f"given_{name}"] = np.array(column, dtype=kind)
        path = self._path(part.number)
        try:
            _write(path, lambda file: np.savez(file, **arrays))
        except OSError as problem:
            raise SimulationError(f"the checkpoint {shown(str(path))} cannot be written ({problem})") from problem

    def _path(self, number: int) -> Path:
        return self.folder / f"chunk-{number:06d}.npz"


def _write(path: Path, write: Callable[[BinaryIO], object]) -> None:
    descriptor, temporary = tempfile.mkstemp(prefix=f"{path.name}.", suffix=".part", dir=path.parent)
    try:
        file: BinaryIO
        with os.fdopen(descriptor, "wb") as file:
            write(file)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _read_manifest(folder: Path) -> dict[str, Any] | None:
    """What a folder holds; None for one that is not there or empty."""
    path = folder / _MANIFEST
    if folder.exists() and not folder.is_dir():
        raise SimulationError(f"checkpoint = {shown(str(folder))} is a file; name a folder")
    if not path.exists():
        if folder.is_dir() and any(folder.iterdir()):
            raise SimulationError(
                f"the folder {shown(str(folder))} holds something else than a checkpoint; name an empty or a new one"
            )
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["format"] == _FORMAT and isinstance(found["content"], dict):
            return dict(found)
        why = f"its format is {shown(found['format'])}, not {_FORMAT}"
    except (OSError, ValueError, KeyError, TypeError) as problem:
        why = f"{type(problem).__name__}: {problem}"
    raise SimulationError(
        f"the manifest of the checkpoint in {shown(str(folder))} cannot be read ({why}); "
        "remove the folder to begin again"
    )


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


# -- content ----------------------------------------------------------------------------------------------


def fingerprint(given: object) -> str:
    """A hash of content: equal for equal content, in every process.

    Parameters
    ----------
    given : object
        Arrays, plain values, our own frozen objects, and functions (by their code and what they enclose).

    Raises
    ------
    SimulationError
        An object whose content cannot be seen.

    Examples
    --------
    >>> fingerprint((1.0, "h")) == fingerprint((1.0, "h")), fingerprint(np.zeros(2)) == fingerprint(np.zeros(3))
    (True, False)
    """
    seen = hashlib.sha256()
    _feed(seen.update, given)
    return seen.hexdigest()[:16]


def _feed(update: Callable[[bytes], object], given: object) -> None:
    """Write content as bytes, types and lengths included."""
    update(f"<{type(given).__module__}.{type(given).__qualname__}>".encode())
    if isinstance(given, np.ndarray) and given.dtype.kind != "O":
        update(f"{given.dtype.str}{given.shape}".encode())
        update(np.ascontiguousarray(given).tobytes())
    elif isinstance(given, (list, tuple)):
        update(str(len(given)).encode())
        for item in given:
            _feed(update, item)
    elif isinstance(given, Mapping):
        _feed(update, list(given.items()))
    elif is_dataclass(given) and not isinstance(given, type):
        _feed(update, [(item.name, getattr(given, item.name)) for item in fields(given)])
    elif isinstance(given, Model):  # its text is a summary
        update(given.content_hash.encode())
    elif isinstance(given, partial):
        _feed(update, [given.func, list(given.args), dict(given.keywords)])
    elif isinstance(given, FunctionType):
        cells = [cell.cell_contents for cell in given.__closure__ or ()]
        _feed(update, [_code(given.__code__), cells])
        _feed(
            update, [given.__module__, given.__qualname__, list(given.__defaults__ or ()), given.__kwdefaults__ or {}]
        )
    elif isinstance(given, float) and math.isnan(given):
        update(b"nan")
    elif (
        given is None
        or isinstance(given, (str, bytes, bool, int, float))
        or type(given).__repr__ is not object.__repr__
    ):
        text = repr(given)
        if " at 0x" in text:
            raise SimulationError(
                f"{shown(given)} has no content that a checkpoint could compare; use a plain function"
            )
        update(f"{len(text)}:{text}".encode())
    else:
        raise SimulationError(f"{shown(given)} has no content that a checkpoint could compare; use a plain function")


def _code(code: CodeType) -> list[object]:
    """What a function does: its bytes, constants and names, functions within it included."""
    constants = [_code(item) if isinstance(item, CodeType) else item for item in code.co_consts]
    return [code.co_code, constants, list(code.co_names)]
