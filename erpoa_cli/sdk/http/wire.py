"""One attempt over the wire: a request, a whole answer, and what it means when there is none."""

from __future__ import annotations

import ipaddress
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
from yarl import URL

from erpoa_cli.core.secret import Secret
from erpoa_cli.sdk.caps import Beyond, Caps
from erpoa_cli.sdk.errors import ContractBroken, Fatal, InDoubt, SystemFailure, Transient
from erpoa_cli.sdk.http.body import ANSWER, BadBody, decoded
from erpoa_cli.sdk.http.message import Answer


@dataclass(frozen=True, slots=True)
class Tls:
    """`ca_file`: PEM of the authorities to trust instead of the machine's. `cert_file`, `key_file`: the client's
    own certificate. Verification cannot be switched off."""

    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    key_password: Secret | None = None

    def context(self) -> ssl.SSLContext:
        """`Fatal` when a file cannot be read or does not hold what it should."""
        try:
            context = ssl.create_default_context(cafile=self.ca_file or None)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            if self.cert_file:
                # Never None: OpenSSL would ask for it on the terminal.
                password = self.key_password.reveal() if self.key_password else ""
                context.load_cert_chain(self.cert_file, self.key_file or None, password)
        except (OSError, ValueError) as error:
            raise Fatal(f"the TLS files cannot be used: {type(error).__name__}") from None
        return context


@dataclass(frozen=True, slots=True)
class Timeouts:
    """In seconds: until connected, between two pieces of an answer, and for a whole attempt."""

    connect: float = 10.0
    read: float = 60.0
    total: float = 120.0


def checked_url(text: str, *, insecure_http: bool) -> URL:
    """*text* as an absolute URL; `ValueError` for one with credentials, a query, or plain http beyond loopback."""
    url = URL(text)
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError("the URL must begin with https:// and name a host")
    if url.user or url.password or url.query_string or url.fragment:
        raise ValueError("the URL must have no user, password, query or fragment")
    if url.scheme == "http" and not insecure_http and not _loopback(url.host):
        raise ValueError(f"plain http is only for this machine; use https for {url.host}")
    return url


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Wire:
    """The connections of one client. Used on one event loop; *connections* at most are open."""

    def __init__(self, tls: Tls, timeouts: Timeouts, caps: Caps, encoding: str, connections: int) -> None:
        self._context, self._timeouts, self._limit = tls.context(), timeouts, connections
        self._caps, self._encoding = caps, encoding
        self._session: aiohttp.ClientSession | None = None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self._context, limit=self._limit),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(
                    total=self._timeouts.total,
                    sock_connect=self._timeouts.connect,
                    sock_read=self._timeouts.read,
                ),
                auto_decompress=False,  # inflated under our cap
                trust_env=False,
            )
            # aiohttp repeats PUT and DELETE by itself when a kept connection breaks; only a call that says it is
            # repeatable may be repeated.
            self._session._retry_connection = False  # noqa: SLF001 - there is no public switch
        return self._session

    async def exchange(
        self,
        method: str,
        url: URL,
        headers: Mapping[str, str],
        body: bytes | None,
        *,
        repeatable: bool,
    ) -> Answer:
        """Send once and read the whole answer, whatever its status.

        `Transient` when nothing was sent, or when nothing came back and the call is *repeatable*; `InDoubt` when
        nothing usable came back otherwise; `Fatal` when the server's certificate is not trusted.
        """
        request = self._opened().request(method, url, headers=headers, data=body, allow_redirects=False)
        status = 0
        try:
            async with request as response:
                status = response.status
                names: dict[str, str] = {}
                for title, value in response.headers.items():
                    name = title.lower()
                    names[name] = f"{names[name]}, {value}" if name in names else value
                return Answer(
                    status, names, decoded(await self._whole(response), names, self._caps, self._encoding)
                )
        except aiohttp.ClientConnectorCertificateError:
            raise Fatal("the server's certificate is not trusted") from None
        except aiohttp.ClientConnectorError as error:
            why = os.strerror(error.errno) if error.errno and error.errno > 0 else "its name is not known"
            raise Transient(f"cannot connect to {error.host}:{error.port}: {why}") from None
        except aiohttp.ConnectionTimeoutError:
            raise Transient("cannot connect: the server does not answer in time") from None
        except (BadBody, Beyond) as error:
            raise _unread(status, str(error), repeatable) from None
        except aiohttp.InvalidURL:
            raise ContractBroken("the request has a URL that cannot be sent") from None
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise lost(f"no whole answer: {type(error).__name__}", repeatable=repeatable) from None

    async def _whole(self, response: aiohttp.ClientResponse) -> bytes:
        if 0 <= (response.content_length or -1) <= self._caps.bytes:
            return await response.read()
        whole = bytearray()
        async for piece in response.content.iter_any():
            whole += piece
            self._caps.hold("bytes", len(whole), ANSWER)
        return bytes(whole)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


def lost(words: str, *, repeatable: bool) -> SystemFailure:
    return Transient(words) if repeatable else InDoubt(words)


def _unread(status: int, words: str, repeatable: bool) -> SystemFailure:
    # A 4xx has done nothing, whatever its body; anything else may have.
    return ContractBroken(words) if repeatable or 400 <= status < 500 else InDoubt(words)
