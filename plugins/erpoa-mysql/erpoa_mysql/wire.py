"""A connection to the server: what of the driver is trusted, and what goes by beneath its cursors.

Rows on their way in are decoded column by column, not value by value; a stream on its way out is what the server asks
for when it is told to LOAD DATA LOCAL. No file of this machine is ever read for a server.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import pyarrow as pa
from pymysql import err  # type: ignore[import-untyped]
from pymysql.connections import (  # type: ignore[import-untyped]
    Connection,
    LoadLocalPacketWrapper,
    MySQLResult,
)
from pymysql.constants import CLIENT, COMMAND, CR  # type: ignore[import-untyped]

from erpoa_cli.sdk.errors import Fatal
from erpoa_mysql.config import Place
from erpoa_mysql.rows import Block

_CHUNK = 1 << 20  # bytes taken from the socket at once
_BLOCK = 4 << 20  # bytes of rows per record batch, so that memory stays bounded whatever the rows are
_SENT = 1 << 20  # bytes per packet of a stream
_PATIENCE = 10  # seconds for the server to answer a connection
_STREAM = "erpoa"  # what the stream is called in LOAD DATA
# a server that is gone is noticed within a minute
_KEEPALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}
_CLEAR = frozenset({b"mysql_clear_password", b"dialog", b"mysql_old_password"})


@cache
def _unverified() -> ssl.SSLContext:
    """What is taken where encryption is offered and nothing is demanded."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class Wire(Connection):  # type: ignore[misc]
    """A connection as *place* demands it. Raises the driver's errors."""

    def __init__(self, place: Place) -> None:
        verified = place.tls is not None and place.tls.verify_mode is ssl.CERT_REQUIRED
        self._is_safe = place.socket is not None or verified
        super().__init__(
            host="localhost" if place.socket else place.host,
            port=place.port,
            unix_socket=place.socket,
            user=place.user,
            # as bytes: the driver would take a text for Latin-1
            password=place.password.reveal().encode(),
            database=place.database,
            charset="utf8mb4",
            collation="utf8mb4_bin",
            autocommit=True,
            # an updated row counts although it had the values before
            client_flag=CLIENT.FOUND_ROWS,
            connect_timeout=_PATIENCE,
            read_timeout=_PATIENCE,
            local_infile=True,
            ssl=place.tls,
            program_name="erpoa",
        )
        self._local_infile = False  # from here on only `send` answers a server that asks for a stream
        self._read_timeout = None
        self.takes_streams = True  # until the server says it does not
        if place.socket is None:
            for option, value in _KEEPALIVE.items():
                if hasattr(socket, option):
                    self._sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)

    def _create_ssl_ctx(self, sslp: Any) -> ssl.SSLContext:
        """Where nothing is verified, the driver would load all certificates of this machine for nothing: 20 ms."""
        return sslp if isinstance(sslp, ssl.SSLContext) else _unverified()

    def _process_auth(self, plugin_name: bytes, auth_packet: Any, handler: Any = None) -> Any:
        if plugin_name in _CLEAR and not self._is_safe:
            raise Fatal(
                f"the server asks for the password in the clear ({plugin_name.decode()}), and nothing proves who it "
                "is: name the authority of its certificate in ca_file"
            )
        return super()._process_auth(plugin_name, auth_packet, handler)

    @property
    def is_mariadb(self) -> bool:
        return "mariadb" in str(self.server_version).lower()

    @property
    def tells_all_ids(self) -> bool:
        """Whether an INSERT can answer with what it made (RETURNING); else only the last number is told."""
        return self.is_mariadb

    @property
    def version(self) -> tuple[int, ...]:
        """Such as (10, 11, 6); MariaDB's own, which it hides behind 5.5.5 from old clients."""
        text = str(self.server_version).removeprefix("5.5.5-")
        return tuple(int(part) for part in text.partition("-")[0].split(".") if part.isdigit())

    # -- statements --

    def run(self, sql: str, parameters: Sequence[object] = ()) -> int:
        """Run a statement; the number of rows it found."""
        with self.cursor() as cursor:
            return int(cursor.execute(sql, tuple(parameters) or None))

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with self.cursor() as cursor:
            cursor.execute(sql, tuple(parameters) or None)
            return list(cursor.fetchall())

    def described(self, sql: str) -> list[Any]:
        """What the columns of a query are, as packets of the protocol tell (`name`, `type_code`, `flags`, …)."""
        with self.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor._result.fields)  # noqa: SLF001 - the flags are nowhere else

    # -- streams --

    def send(self, into: str, stream: memoryview) -> tuple[int, int]:
        """LOAD DATA with *stream* in place of a file and *into* as what follows its name: rows written, and warnings."""
        self._execute_command(COMMAND.COM_QUERY, f"LOAD DATA LOCAL INFILE '{_STREAM}' {into}")
        asked = self._read_packet()
        if asked.is_load_local_packet():
            if LoadLocalPacketWrapper(asked).filename != _STREAM.encode():
                self.close()
                raise Fatal(
                    "the server asked for a file of this machine that nobody offered: it is not to be trusted"
                )
            for at in range(0, len(stream), _SENT):
                self.write_packet(bytes(stream[at : at + _SENT]))
            self.write_packet(b"")
            asked = self._read_packet()
        answer = MySQLResult(self)
        answer._read_ok_packet(asked)  # noqa: SLF001 - as the driver reads its own
        return int(answer.affected_rows), int(answer.warning_count)

    def stream(self, sql: str) -> Iterator[list[pa.Array]]:
        """The rows of a query as they arrive: blocks of columns, each of `pa.binary` as the server spelt them."""
        self._execute_command(COMMAND.COM_QUERY, sql)
        result = MySQLResult(self)
        result.field_count = self._read_packet().read_length_encoded_integer()
        result._get_descriptions()  # noqa: SLF001 - as the driver does before its rows
        block = Block(result.field_count)
        while not block.ended:
            more = self._take()
            block.add(more)
            if block.error:
                err.raise_mysql_exception(block.error)
            if block.size >= _BLOCK or block.ended:
                yield block.columns()

    def _take(self) -> bytes:
        try:
            more = self._rfile.read1(_CHUNK)
        except OSError as error:
            self._force_close()
            raise err.OperationalError(
                CR.CR_SERVER_LOST, f"the connection was lost while reading ({error})"
            ) from error
        if not more:
            self._force_close()
            raise err.OperationalError(CR.CR_SERVER_LOST, "the connection was lost while reading")
        return bytes(more)
