"""The admin API, `/_twin/…`: for tests, past all faults, tokens and counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from aiohttp import web

from erpoa_twin.body import answer, parsed
from erpoa_twin.documents import stamp
from erpoa_twin.faults import FaultsInvalid, rules
from erpoa_twin.kinds import KINDS
from erpoa_twin.store import Query
from erpoa_twin.values import Refusal
from erpoa_twin.webhooks import Subscriber
from erpoa_twin.world import World


class Admin:
    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/_twin/reset", self._reset),
            web.post("/_twin/documents", self._documents),
            web.get("/_twin/seed", self._seed),
            web.put("/_twin/seed", self._set_seed),
            web.get("/_twin/faults", self._faults),
            web.put("/_twin/faults", self._set_faults),
            web.get("/_twin/clock", self._clock),
            web.post("/_twin/clock", self._advance),
            web.get("/_twin/webhook", self._webhook),
            web.put("/_twin/webhook", self._set_webhook),
            web.get("/_twin/counters", self._counters),
            web.get("/_twin/audit", self._audit),
            web.get("/_twin/calls", self._calls),
        ]

    async def _reset(self, request: web.Request) -> web.Response:
        given = await _given(request, {"seed": None, "example": True})
        if not isinstance(given["example"], bool):
            raise Refusal(422, "FIELD_INVALID", "true or false is wanted", "example")
        seed = None if given["seed"] is None else _whole(given, "seed")
        self._world.reset(seed=seed, example=given["example"])
        return answer({"seed": self._world.drawing.seed})

    async def _documents(self, request: web.Request) -> web.Response:
        given = parsed(await request.read())
        if not isinstance(given, Mapping) or not all(isinstance(rows, list) for rows in given.values()):
            raise Refusal(400, "BODY_INVALID", "lists of documents by kind are wanted")
        return answer({"created": self._world.fill(given)}, 201)

    async def _seed(self, _request: web.Request) -> web.Response:
        return answer({"seed": self._world.drawing.seed})

    async def _set_seed(self, request: web.Request) -> web.Response:
        """A seed begins the sequence of faults again."""
        self._world.drawing.restart(_whole(await _given(request, {"seed": None}), "seed"))
        return await self._seed(request)

    async def _faults(self, _request: web.Request) -> web.Response:
        return answer({name: rule.told() for name, rule in self._world.drawing.rules.items()})

    async def _set_faults(self, request: web.Request) -> web.Response:
        """All rules replaced; what was met is counted anew, the sequence goes on."""
        try:
            self._world.drawing.rules = rules(_floats(parsed(await request.read())))
        except FaultsInvalid as error:
            raise Refusal(422, "FAULTS_INVALID", str(error)) from None
        self._world.drawing.met.clear()
        return await self._faults(request)

    async def _clock(self, _request: web.Request) -> web.Response:
        return answer({"now": stamp(self._world.documents.now())})

    async def _advance(self, request: web.Request) -> web.Response:
        self._world.documents.advance(_whole(await _given(request, {"advance": None}), "advance"))
        return await self._clock(request)

    async def _webhook(self, _request: web.Request) -> web.Response:
        subscriber = self._world.webhooks.subscriber
        return answer({"url": subscriber.url if subscriber else ""})

    async def _set_webhook(self, request: web.Request) -> web.Response:
        """Where events go from now on; without a URL, nowhere."""
        given = await _given(request, {"url": "", "secret": ""})
        url, secret = given["url"], given["secret"]
        if url and (not isinstance(url, str) or not url.startswith(("http://", "https://"))):
            raise Refusal(422, "FIELD_INVALID", "an http or https URL is wanted", "url")
        if url and (not isinstance(secret, str) or not secret):
            raise Refusal(422, "FIELD_REQUIRED", "events are signed: a text is wanted", "secret")
        self._world.webhooks.subscriber = Subscriber(url, secret) if url else None
        return await self._webhook(request)

    async def _counters(self, _request: web.Request) -> web.Response:
        store = self._world.store
        calls = store.rows("select status, count(*) as n from call group by status order by status")
        effects = store.rows(
            "select kind, effect, count(*) as n from effect where call > 0 group by kind, effect"
        )
        told: dict[str, Counter[str]] = {}
        for row in effects:
            told.setdefault(row["kind"], Counter())[row["effect"]] = row["n"]
        return answer({
            "calls": {str(row["status"] or "no answer"): row["n"] for row in calls},
            "effects": told,
            "faults": self._world.drawing.met,
            "webhooks": self._world.webhooks.told,
            "documents": {name: store.count(Query(kind=name, equals={})) for name in KINDS},
        })  # fmt: skip

    async def _audit(self, request: web.Request) -> web.Response:
        """Every effect a call had, oldest first, of one kind, document or key where the query names one."""
        known = {"kind", "id", "key", "effect", "call"}
        if unknown := request.query.keys() - known:
            raise Refusal(400, "PARAMETER_UNKNOWN", f"there are {', '.join(sorted(known))}", min(unknown))
        told = "".join(f" and cast(e.{name} as text) = ?" for name in request.query)
        sql = f"select e.*, c.method, c.path, c.status, c.faults from effect e join call c on c.number = e.call where true{told} order by e.number"
        return answer(
            {"effects": [_told(row) for row in self._world.store.rows(sql, *request.query.values())]}
        )

    async def _calls(self, _request: web.Request) -> web.Response:
        return answer(
            {"calls": [_told(row) for row in self._world.store.rows("select * from call order by number")]}
        )


def _told(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "faults": parsed(row["faults"].encode())}


async def _given(request: web.Request, defaults: Mapping[str, Any]) -> dict[str, Any]:
    given = parsed(await request.read())
    if not isinstance(given, Mapping) or given.keys() - defaults.keys():
        raise Refusal(400, "BODY_INVALID", f"an object of {', '.join(defaults)} is wanted")
    return {**defaults, **given}


def _whole(given: Mapping[str, Any], name: str) -> int:
    value = given[name]
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
        raise Refusal(422, "FIELD_INVALID", "a whole number from 0 is wanted", name)
    return value


def _floats(given: object) -> object:
    """*given* with the decimals of its JSON as floats, which rules are made of."""
    match given:
        case Mapping():
            return {name: _floats(value) for name, value in given.items()}
        case Decimal():
            return float(given)
        case _:
            return given
