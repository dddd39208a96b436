"""HTTP for connectors: authentication, retry, rate, caps and failures by class. Needs the extra `http`."""

from erpoa_cli.sdk.http.auth import (
    ApiKey,
    Auth,
    Basic,
    ClientCredentials,
    Login,
    Recipe,
    SessionLogin,
    Signed,
    bearer,
)
from erpoa_cli.sdk.http.body import Caps
from erpoa_cli.sdk.http.client import HttpClient
from erpoa_cli.sdk.http.message import Answer, Call
from erpoa_cli.sdk.http.pace import Breaker, Retry
from erpoa_cli.sdk.http.paging import Pages, Paging, Scheme
from erpoa_cli.sdk.http.wire import Timeouts, Tls

__all__ = [
    "Answer",
    "ApiKey",
    "Auth",
    "Basic",
    "Breaker",
    "Call",
    "Caps",
    "ClientCredentials",
    "HttpClient",
    "Login",
    "Pages",
    "Paging",
    "Recipe",
    "Retry",
    "Scheme",
    "SessionLogin",
    "Signed",
    "Timeouts",
    "Tls",
    "bearer",
]
