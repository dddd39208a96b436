"""Who the server is, and who we are to it: certificates made for the test."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from erpoa_cli.sdk.errors import Fatal, SystemFailure
from erpoa_cli.sdk.http import Call, HttpClient, Retry, Tls

CALL = Call(method="POST", path="x")


def certificate(folder: Path, name: str, address: str) -> str:
    """A file with a key and a certificate that vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / f"{name}.pem"
    path.write_bytes(pem + made.public_bytes(serialization.Encoding.PEM))
    return str(path)


@pytest.fixture
def ours(tmp_path: Path) -> str:
    return certificate(tmp_path, "ours", "127.0.0.1")


@pytest.fixture(params=["127.0.0.1", "127.0.0.2"])
def served(request: pytest.FixtureRequest, tmp_path: Path, ours: str) -> Iterator[tuple[str, str, bool]]:
    """URL, certificate, and whether that names the host; the server asks for a certificate of ours."""
    theirs = certificate(tmp_path, "theirs", request.param)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=ours)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(theirs)
    loop = asyncio.new_event_loop()

    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        return web.json_response("安全")

    async def start() -> tuple[web.ServerRunner, int]:
        runner = web.ServerRunner(web.Server(answer, access_log=None))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        return runner, runner.addresses[0][1]

    runner, port = loop.run_until_complete(start())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield f"https://127.0.0.1:{port}", theirs, request.param == "127.0.0.1"
    asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def test_only_a_trusted_server_that_names_the_host_is_spoken_to(served, ours):
    url, theirs, named = served
    with HttpClient(url, tls=Tls(ca_file=theirs, cert_file=ours), retry=Retry(attempts=1)) as client:
        if named:
            assert client.send(CALL).data == "安全"
        else:
            with pytest.raises(Fatal, match="not trusted"):
                client.send(CALL)


def test_an_unknown_authority_is_refused(served, ours):
    url, _, _ = served
    with (
        HttpClient(url, tls=Tls(cert_file=ours), retry=Retry(attempts=1)) as client,
        pytest.raises(Fatal, match="not trusted"),
    ):
        client.send(CALL)


def test_a_server_that_asks_for_our_certificate_gets_no_call_without_it(served):
    url, theirs, _ = served
    with (
        HttpClient(url, tls=Tls(ca_file=theirs), retry=Retry(attempts=1)) as client,
        pytest.raises(SystemFailure),
    ):
        client.send(CALL)


def test_a_file_that_is_no_certificate_is_told(tmp_path):
    (tmp_path / "x.pem").write_text("坏")
    with pytest.raises(Fatal, match="TLS files"):
        HttpClient("https://127.0.0.1", tls=Tls(ca_file=str(tmp_path / "x.pem")))
