"""The container of a plan file: a zip of stored members with fixed times, whose comment, the last 32 bytes, is the
SHA-256 of all bytes before. Nothing in it is believed before the whole is verified.
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, BinaryIO

from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.plan import Member

HEADER = "plan.json"
JSON_MEMBERS = ("inputs.json", "reads.json", "targets.json", "guards.json")
MAX_FILE = 16 << 30
MAX_MEMBERS = 60_000
MAX_JSON = 256 << 20

SEAL = 32  # bytes of the comment
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can say
_END = b"PK\x05\x06"
_END_BYTES = 22  # of the end record without its comment
_PIECE = 1 << 20
_NAME = re.compile(rf"(?:{'|'.join(Member)})/[^/\\\0]{{1,200}}\.parquet")


def member_info(name: str) -> zipfile.ZipInfo:
    """The entry of a member: the same bytes whenever and wherever it is written."""
    info = zipfile.ZipInfo(name, _EPOCH)
    info.create_system = 3  # Unix: the same bytes from every platform
    info.external_attr = 0o600 << 16
    return info


def store(archive: zipfile.ZipFile, name: str, content: bytes) -> str:
    """Write a member; its SHA-256."""
    archive.writestr(member_info(name), content)
    return hashlib.sha256(content).hexdigest()


class Hashing(io.RawIOBase):
    """Passes bytes on and digests them."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out
        self._size = 0
        self.sha256 = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._size

    def write(self, data: Any) -> int:
        self.sha256.update(data)
        written = self._out.write(data)
        self._size += written
        return written


def sign_off(file: BinaryIO) -> None:
    """Put the digest of everything before into the comment."""
    size = file.seek(0, io.SEEK_END)
    digest = _digest(file, size - SEAL)
    file.seek(size - SEAL)
    file.write(digest)


def _digest(file: BinaryIO, size: int) -> bytes:
    sha256 = hashlib.sha256()
    file.seek(0)
    while size > 0 and (piece := file.read(min(_PIECE, size))):
        sha256.update(piece)
        size -= len(piece)
    return sha256.digest()


def verify_seal(file: BinaryIO, path: Path) -> None:
    """Failure when the comment is not the digest of all before it."""
    size = file.seek(0, io.SEEK_END)
    if size > MAX_FILE:
        raise too_large(path, f"it has {size:,} bytes")
    if size > SEAL + _END_BYTES and _digest(file, size - SEAL) == file.read(SEAL):
        return
    file.seek(0)
    start = file.read(64)
    file.seek(max(0, size - SEAL - _END_BYTES))
    if start.startswith(b"PK") or b"inputs.json" in start or file.read(4) == _END:
        raise altered(path, "its checksum is not that of its content")
    raise refusal("E0501", f"{path} is not a plan file", "`erpoa plan -o FILE` writes one")


def directory(file: BinaryIO, path: Path, accept: Callable[[bytes], None]) -> dict[str, tuple[int, int]]:
    """Offset and size of every member; only what `write_plan` writes is accepted. *accept* is shown the header before
    anything is refused: a newer format may have members that are not known here."""
    try:
        with zipfile.ZipFile(file) as archive:
            infos = archive.infolist()
            if len(infos) > MAX_MEMBERS:
                raise too_large(path, f"it has {len(infos):,} members")
            header = next((info for info in infos if info.filename == HEADER), None)
            if header and _is_plain(header) and header.file_size <= MAX_JSON:
                accept(archive.read(header))
            where: dict[str, tuple[int, int]] = {}
            for info in infos:
                name = info.filename
                known = name in (HEADER, *JSON_MEMBERS) or _NAME.fullmatch(name)
                if not known or name in where or not _is_plain(info):
                    raise altered(path, f"{name!r} is not a member of a plan")
                if name.endswith(".json") and info.file_size > MAX_JSON:
                    raise too_large(path, f"{name} has {info.file_size:,} bytes")
                with archive.open(info):  # checks the local header
                    where[name] = (_content_offset(file, info), info.file_size)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise altered(path, "it is not a well-formed archive") from error
    if missing := {HEADER, *JSON_MEMBERS} - set(where):
        raise altered(path, f"it lacks {', '.join(sorted(missing))}")
    return where


def _is_plain(info: zipfile.ZipInfo) -> bool:
    """Whether it is neither compressed nor encrypted."""
    return info.compress_type == zipfile.ZIP_STORED and not info.flag_bits & 1


def _content_offset(file: BinaryIO, info: zipfile.ZipInfo) -> int:
    file.seek(info.header_offset + 26)  # lengths of name and extra field in the local header
    lengths = file.read(4)
    return (
        info.header_offset
        + 30
        + int.from_bytes(lengths[:2], "little")
        + int.from_bytes(lengths[2:], "little")
    )


def piece(file: BinaryIO, where: tuple[int, int]) -> bytes:
    """The bytes at an offset and of a size."""
    file.seek(where[0])
    return file.read(where[1])


def refusal(code: str, summary: str, remedy: str) -> Failure:
    """A failure that names what cannot be used and what to do."""
    return Failure(Diagnostic(code, summary, remedy=remedy))


def altered(path: Path, detail: str) -> Failure:
    """E0502, STALE: the file is not the one that was made."""
    return Failure(
        Diagnostic(
            "E0502",
            f"{path} is damaged or was altered",
            detail=detail[0].upper() + detail[1:] + ". Nothing of it is used.",
            remedy="transfer the file again, or plan again",
        ),
    )


def too_large(path: Path, what: str) -> Failure:
    """E0504: a limit of size is passed."""
    return refusal("E0504", f"{path} is larger than a plan may be: {what}", "plan a smaller selection")
