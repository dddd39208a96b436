"""HTTP for connectors: authentication, retry, rate, caps and failures by class. Needs the extra `http`."""

from erpoa_cli.sdk.caps import Caps
from erpoa_cli.sdk.http.auth import (
    ApiKey,
    Auth,
    Basic,
    ClientCredentials,
    Login,
    Recipe,
    Renewed,
    SessionLogin,
    Signed,
    Together,
    bearer,
)
from erpoa_cli.sdk.http.client import HttpClient, Judge, Send
from erpoa_cli.sdk.http.message import Answer, Call
from erpoa_cli.sdk.http.pace import Breaker, Retry, retry_after
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
    "Judge",
    "Login",
    "Pages",
    "Paging",
    "Recipe",
    "Renewed",
    "Retry",
    "Scheme",
    "Send",
    "SessionLogin",
    "Signed",
    "Timeouts",
    "Tls",
    "Together",
    "bearer",
    "retry_after",
]
