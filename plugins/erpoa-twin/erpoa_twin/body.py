"""JSON in and out of the twin."""

from __future__ import annotations

import json
from decimal import Decimal, DecimalException
from typing import Any, NoReturn

from aiohttp import web

from erpoa_twin.values import Refusal


def parsed(body: bytes) -> Any:
    """*body* as JSON, fractions as `Decimal`; no body is an empty object. Raises `Refusal`."""
    if not body:
        return {}
    try:
        return json.loads(body, parse_float=Decimal, parse_constant=_constant)
    except (ValueError, DecimalException, RecursionError) as error:
        where = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise Refusal(400, "BODY_INVALID", f"the body is no JSON{where}") from None


def _constant(name: str) -> NoReturn:
    raise ValueError(name)


def answer(content: object, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response(content, status=status, headers=headers, dumps=_dumped)


def refused(refusal: Refusal) -> web.Response:
    headers = {"WWW-Authenticate": "Bearer"} if refusal.status == 401 else {}
    return answer(refusal.body(), refusal.status, headers)


def _dumped(content: object) -> str:
    return json.dumps(content, ensure_ascii=False)
