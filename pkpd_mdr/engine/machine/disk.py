"""Files of the cache: what took long to make, kept for later processes.

The folder is the user's cache folder, or where the environment variable ``PKPD_MDR_CACHE`` says; ``off`` keeps nothing.
A file is written beside its place and then moved there, so that readers and other writers never see half of it; a file
that cannot be read or written is as good as none. Of too many files those go that were not used for longest.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import tempfile
from functools import cache
from pathlib import Path

__all__ = ["DRIVER", "also_named", "cache_folder", "read", "sources", "there", "write"]

DRIVER = "driver-"
"""How keys of drivers begin: they take long to make, and models do not push them out of the folder."""
_FORMAT = b"pkpd-mdr object 2\n"
_MOST_FILES = {"": 2000, DRIVER: 12}


def cache_folder() -> Path | None:
    """Where objects are kept; None when nothing is kept."""
    given = os.environ.get("PKPD_MDR_CACHE", "")
    if given.lower() == "off":
        return None
    if given:
        return Path(given)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "pkpd_mdr"


def there(key: str) -> bool:
    """Whether something is kept under a key."""
    folder = cache_folder()
    return folder is not None and (folder / f"{key}.o").is_file()


def read(key: str) -> bytes | None:
    """The object of a key; None when there is none or its checksum is wrong."""
    folder = cache_folder()
    if folder is None:
        return None
    try:
        path = folder / f"{key}.o"
        content = path.read_bytes()
    except OSError:
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # used now
    head, body = content[: len(_FORMAT) + 32], content[len(_FORMAT) + 32 :]
    return body if head == _FORMAT + hashlib.sha256(body).digest() else None


def write(key: str, body: bytes) -> None:
    """Keep something under a key, where that is possible."""
    folder = cache_folder()
    if folder is None:
        return
    temporary = ""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(prefix=f"{key}.", suffix=".part", dir=folder)
        with os.fdopen(descriptor, "wb") as file:
            file.write(_FORMAT + hashlib.sha256(body).digest() + body)
        Path(temporary).replace(folder / f"{key}.o")
        _prune(folder, _kind(key))
    except OSError:
        if temporary:
            Path(temporary).unlink(missing_ok=True)


def also_named(key: str, also: str) -> None:
    """Let a second name lead to an object; where files cannot have two, it is found by the first alone."""
    folder = cache_folder()
    if folder is not None:
        with contextlib.suppress(OSError):
            os.link(folder / f"{key}.o", folder / f"{also}.o")


def _prune(folder: Path, kind: str) -> None:
    """Delete the files of a kind that were not used for longest, a tenth more than must go."""
    with os.scandir(folder) as entries:
        paths = [item for item in entries if item.name.endswith(".o") and kind == _kind(item.name)]
    if len(paths) > _MOST_FILES[kind]:
        used = sorted((item.stat().st_mtime_ns, item.path) for item in paths)
        for _, path in used[: len(paths) - 9 * _MOST_FILES[kind] // 10]:
            Path(path).unlink(missing_ok=True)


def _kind(key: str) -> str:
    return DRIVER if key.startswith(DRIVER) else ""


def sources(*rooms: Path) -> bytes:
    """A digest of the source files of some folders: what other code made has another key."""
    return hashlib.sha256(b"".join(map(_room, rooms))).digest()


@cache
def _room(room: Path) -> bytes:
    """A digest of the source files of one folder; kept under their sizes and times, as Python keeps bytecode."""
    with os.scandir(room) as entries:
        files = sorted((item.path, item.stat()) for item in entries if item.name.endswith(".py"))
    stamps = repr([(path, found.st_size, found.st_mtime_ns) for path, found in files]).encode()
    key = f"sources-{hashlib.sha256(stamps).hexdigest()[:32]}"
    digest = read(key)
    if digest is None:
        digest = hashlib.sha256(b"".join(Path(path).read_bytes() for path, _ in files)).digest()
        write(key, digest)
    return digest
