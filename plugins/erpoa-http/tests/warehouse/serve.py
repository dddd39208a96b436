"""A made-up warehouse API as vendors of a certain style write them: verbs in paths, everything wrapped, HTTP 200 for
whatever happens, Chinese names, zeros in front of numbers. `openapi.yaml` describes it.

    python serve.py 8900
"""

from __future__ import annotations

import json
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

KEY = "tutorial-key"
GOODS = (
    {"条码": "00690001", "名称": "深沟球轴承 6204", "规格": "20×47×14", "单价": "12.50", "启用": 1, "上架日期": "2025/03/01", "供应商": {"代码": "S0001"}},
    {"条码": "00690002", "名称": "冷轧钢板", "规格": None, "单价": "4210.00", "启用": 1, "上架日期": "2025/03/02", "供应商": {"代码": "S0002"}},
    {"条码": "6901234567892", "名称": "“特级”润滑脂", "规格": "1kg", "单价": "38.00", "启用": 0, "上架日期": "2025/11/30", "供应商": {"代码": "S0001"}},
)  # fmt: skip
FIELDS = set(GOODS[0])


class Refused(Exception):
    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code = code


class Warehouse:
    """What is kept. `busy`: how many calls from now on are answered that the system is busy; `lost`: likewise, how many
    changes lose their answer after they were made. `created`: bar codes, in the order they were created."""

    def __init__(self) -> None:
        self.goods: dict[str, dict[str, Any]] = {}
        self.created: list[str] = []
        self.busy = self.lost = 0
        self.lock = threading.Lock()
        self._moment = 0
        for one in GOODS:
            self.add({"货品": one})
        self.created.clear()

    def add(self, given: dict[str, Any]) -> dict[str, Any]:
        content = given.get("货品") or {}
        self._check(content, needed=True)
        number = f"{len(self.goods) + len(self.created) + 42:06}"
        empty = {"规格": None, "单价": "0.00", "启用": 1, "上架日期": None, "供应商": {"代码": None}}
        self.goods[number] = {"编号": number, "修改时间": self._now(), **empty, **content}
        self.created.append(content["条码"])
        return self.goods[number]

    def edit(self, given: dict[str, Any]) -> None:
        number = given.pop("编号", "")
        one = self.detail({"编号": number})
        self._check({**{n: one[n] for n in FIELDS}, **given}, number=number)
        one.update(given, 修改时间=self._now())

    def remove(self, given: dict[str, Any]) -> None:
        del self.goods[self.detail(given)["编号"]]

    def detail(self, given: dict[str, Any]) -> dict[str, Any]:
        if given.get("编号") not in self.goods:
            raise Refused(40400, "货品不存在")
        return self.goods[given["编号"]]

    def page(self, given: dict[str, Any]) -> dict[str, Any]:
        size, number = min(int(given.get("pageSize", 10)), 50), int(given.get("pageNo", 1))
        found = [
            one
            for one in self.goods.values()
            if one["条码"] == given.get("条码", one["条码"]) and given.get("名称", "") in one["名称"]
        ]
        return {"total": len(found), "list": found[(number - 1) * size : number * size]}

    def _check(self, content: dict[str, Any], *, needed: bool = False, number: str = "") -> None:
        if unknown := content.keys() - FIELDS:
            raise Refused(40000, f"参数错误：{'、'.join(sorted(unknown))}")
        if needed and not (content.get("条码") and content.get("名称")):
            raise Refused(40001, "条码、名称必填")
        if any(g["条码"] == content.get("条码") and n != number for n, g in self.goods.items()):
            raise Refused(40901, "条码已存在")
        if not re.fullmatch(r"\d+\.\d\d", content.get("单价", "0.00")):
            raise Refused(40002, "单价格式错误")
        if not re.fullmatch(r"\d{4}/\d\d/\d\d", content.get("上架日期") or "2000/01/01"):
            raise Refused(40003, "日期格式错误")
        if content.get("启用", 1) not in {0, 1} or isinstance(content.get("启用"), bool):
            raise Refused(40004, "启用只能为 0 或 1")

    def _now(self) -> str:
        self._moment += 1
        return f"2026-01-01 {self._moment // 3600:02}:{self._moment // 60 % 60:02}:{self._moment % 60:02}"


def handler(warehouse: Warehouse) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(
                {k: v[0] for k, v in parse_qs(urlsplit(self.path).query).items()}, ("page", "detail")
            )

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self._answer(json.loads(body or b"{}"), ("add", "edit", "remove"))

        def _answer(self, given: dict[str, Any], calls: tuple[str, ...]) -> None:
            with warehouse.lock:
                try:
                    told = {"code": 0, "msg": "成功", "data": self._done(given, calls)}
                except Refused as refused:
                    told = {"code": refused.code, "msg": str(refused), "data": None}
                lost = self.command == "POST" and told["code"] == 0 and warehouse.lost > 0
                warehouse.lost -= lost
            if lost:
                self.close_connection = True
                return
            content = json.dumps(told, ensure_ascii=False).encode("gb18030")
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; charset=GBK")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _done(self, given: dict[str, Any], calls: tuple[str, ...]) -> Any:
            if self.headers.get("X-App-Key") != KEY:
                raise Refused(40100, "应用密钥无效")
            if warehouse.busy:
                warehouse.busy -= 1
                raise Refused(50003, "系统繁忙，请稍后再试")
            *before, call = urlsplit(self.path).path.split("/")
            if before != ["", "open", "goods"] or call not in calls:
                raise Refused(40404, "接口不存在")
            return getattr(warehouse, call)(given)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@contextmanager
def serving(port: int = 0) -> Iterator[tuple[Warehouse, str]]:
    """A running warehouse and the part of its URL that a port is in: `127.0.0.1:8900`."""
    warehouse = Warehouse()
    server = ThreadingHTTPServer(("127.0.0.1", port), handler(warehouse))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield warehouse, f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


if __name__ == "__main__":
    with serving(int(sys.argv[1])) as (_, where):
        print(f"http://{where}/open, X-App-Key: {KEY}; Ctrl-C ends it")
        threading.Event().wait()
