"""Keeps the secrets of a client out of what it says."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

from yarl import URL

_LONGEST = 300


def redacted(text: str, hidden: Iterable[str]) -> str:
    """*text* without any of *hidden*, raw, URL-encoded, in base64 or JSON-escaped, and cut to a length that a
    message can have."""
    forms = {form for secret in hidden if secret for form in _forms(secret)}
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, "***")
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def _forms(secret: str) -> Iterable[str]:
    based = base64.b64encode(secret.encode()).decode()
    sent = URL.build(query={"": secret}).raw_query_string[1:]  # as it stands in the URL of a request
    escaped = json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]
    return secret, sent, quote(secret, safe=""), quote_plus(secret), based, based.rstrip("="), *escaped
