"""Who reaches the twin: https where a certificate is given, and the admin API from this machine alone."""

from __future__ import annotations

import datetime as dt
import json
import ssl
from http.client import HTTPSConnection
from pathlib import Path
from unittest.mock import Mock
from urllib.parse import urlsplit

import pytest
from aiohttp.test_utils import make_mocked_request
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from erpoa_twin import Twin, running
from erpoa_twin.server import _local
from erpoa_twin.values import Refusal


@pytest.fixture
def pem(tmp_path: Path) -> Path:
    """A certificate for localhost and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path = tmp_path / "证书.pem"
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path


def test_https_with_the_certificate_given(pem: Path):
    with running(certificate=pem) as twin:
        assert twin.url.startswith("https://127.0.0.1:")
        assert twin.effects() == []
        trusting = ssl.create_default_context(cafile=str(pem))
        connection = HTTPSConnection("localhost", urlsplit(twin.url).port, timeout=10, context=trusting)
        connection.request("GET", "/openapi.json")
        assert json.loads(connection.getresponse().read())["openapi"] == "3.0.3"
        connection.close()


def test_a_certificate_that_is_none_is_refused(tmp_path: Path):
    path = tmp_path / "none.pem"
    path.write_text("没有")
    with pytest.raises(ValueError, match=r"none\.pem.*PEM"), running(certificate=path):
        pass


@pytest.mark.parametrize(
    ("peer", "welcome"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("10.0.0.1", False), (None, False)],
)
def test_the_admin_api_is_for_this_machine(peer: str | None, welcome: bool):
    transport = Mock(
        get_extra_info=lambda name, default=None: (peer, 1) if name == "peername" and peer else default
    )
    request = make_mocked_request("GET", "/_twin/faults", transport=transport)
    if welcome:
        _local(request)
    else:
        with pytest.raises(Refusal, match="LOCAL_ONLY"):
            _local(request)


def test_two_twins_share_nothing(twin: Twin):
    with running() as other:
        other.admin("POST", "documents", {"suppliers": [{"code": "N1", "name": "新"}]})
        counts = [t.admin("GET", "counters")["documents"]["suppliers"] for t in (twin, other)]
    assert counts == [4, 5]
