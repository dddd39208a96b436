"""Sealing sensitive values at rest (AES-256-GCM) and comparing them without opening (HMAC-SHA256)."""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import stat
from pathlib import Path

import pyarrow as pa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.schema import Type
from erpoa_cli.core.secret import Secret
from erpoa_cli.state.durable import write_private
from erpoa_cli.state.texts import Array, Column, flat, texts, values

KEY_BYTES = 32
MAC_BYTES = 32
_VERSION = b"\x01"
_NONCE = 12  # bytes, NIST SP 800-38D; random nonces are safe for 2^32 values of one key


class Sealer:
    """Seals single values of columns. NULL stays NULL. *context* (`TARGET.FIELD` or `SOURCE.FIELD`) binds a value
    to its place: sealed bytes moved elsewhere do not open."""

    __slots__ = ("_cipher", "_mac_key")

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"a sealing key has {KEY_BYTES} bytes")
        self._cipher = AESGCM(_derive(key, b"erpoa seal 1"))
        self._mac_key = _derive(key, b"erpoa compare 1")

    def seal(self, column: Column, type_: Type, context: str) -> Array:
        """One sealed value per value: version, nonce, ciphertext with tag."""
        plain = texts(column, type_).to_pylist()
        noise = memoryview(os.urandom(_NONCE * len(plain)))
        encrypt, bound = self._cipher.encrypt, _VERSION + context.encode()
        sealed: list[bytes | None] = []
        for i, text in enumerate(plain):
            if text is None:
                sealed.append(None)
            else:
                nonce = bytes(noise[i * _NONCE : (i + 1) * _NONCE])
                sealed.append(_VERSION + nonce + encrypt(nonce, text.encode(), bound))
        return pa.array(sealed, pa.binary())

    def open(self, column: Column, type_: Type, context: str) -> Array:
        """The values of sealed *column*; Failure E0514 when it was sealed with another key or for another place."""
        decrypt, bound, start = self._cipher.decrypt, context.encode(), 1 + _NONCE
        plain: list[str | None] = []
        try:
            for sealed in flat(column).to_pylist():
                if sealed is None:
                    plain.append(None)
                else:
                    nonce, rest = sealed[1:start], sealed[start:]
                    plain.append(decrypt(nonce, rest, sealed[:1] + bound).decode())
        except (InvalidTag, ValueError) as error:
            raise _wrong_key(context) from error
        return values(pa.array(plain, pa.utf8()), type_)

    def mac(self, column: Column, type_: Type, context: str) -> Array:
        """32 bytes per value, equal for equal values of one context."""
        start = context.encode() + b"\0"
        digest, key = hmac.digest, self._mac_key
        return pa.array(
            [
                None if t is None else digest(key, start + t.encode(), "sha256")
                for t in texts(column, type_).to_pylist()
            ],
            pa.binary(),
        )


def _derive(key: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=purpose).derive(key)


def load_sealer(root: Path, key: Secret | None = None, *, create: bool = False) -> Sealer | None:
    """The project's sealer: from *key* (`key:` of erpoa.yml: 32 bytes as hex or base64), else `.erpoa/key`.

    None when there is no key at all and *create* is off. Refused (E0513): a key file others can read, a key
    that is not 32 bytes."""
    if key is not None:
        return Sealer(_decode(key.reveal(), "the secret that `key:` names"))
    path = root / ".erpoa" / "key"
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(1024).decode("ascii", "replace")
    except FileNotFoundError:
        if not create:
            return None
        made = os.urandom(KEY_BYTES)
        write_private(path, base64.b64encode(made) + b"\n")
        return Sealer(made)
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise Failure(
            Diagnostic(
                "E0513",
                f"the key file .erpoa/key can be read by others (mode {stat.S_IMODE(mode):04o})",
                remedy="chmod 600 .erpoa/key; if others had access, make a new key",
            ),
        )
    return Sealer(_decode(text, ".erpoa/key"))


def require(sealer: Sealer | None) -> Sealer:
    """*sealer*, or Failure E0513 because a sensitive value cannot be kept without one. For where nothing is sealed yet: a new key
    opens nothing, see `require_again`."""
    if sealer is None:
        raise Failure(
            Diagnostic(
                "E0513",
                "there is no key to seal sensitive values with",
                remedy="run `erpoa init` to make .erpoa/key, or name a secret with `key:` in erpoa.yml",
            ),
        )
    return sealer


def require_again(sealer: Sealer | None) -> Sealer:
    """*sealer*, or Failure E0513 because the key with which values were sealed is not here."""
    if sealer is None:
        raise Failure(
            Diagnostic(
                "E0513",
                "the key that sensitive values were sealed with is not here",
                detail="Nothing was written.",
                remedy="bring .erpoa/key back, or name the secret that holds it with `key:` in erpoa.yml; a new key opens nothing",
            ),
        )
    return sealer


def _decode(text: str, where: str) -> bytes:
    stripped = text.strip()
    try:
        if len(stripped) == 2 * KEY_BYTES:
            return bytes.fromhex(stripped)
        decoded = base64.b64decode(stripped, validate=True)
    except (ValueError, binascii.Error):
        decoded = b""
    if len(decoded) != KEY_BYTES:
        raise Failure(
            Diagnostic(
                "E0513",
                f"{where} is not a key",
                remedy="a key is 32 random bytes, written as 64 hexadecimal digits or as base64",
            ),
        )
    return decoded


def _wrong_key(context: str) -> Failure:
    return Failure(
        Diagnostic(
            "E0514",
            f"sealed values of {context} do not open with this project's key",
            detail="They were sealed with another key, or altered.",
            remedy="use the key they were sealed with (`key:` in erpoa.yml or .erpoa/key)",
        ),
    )
