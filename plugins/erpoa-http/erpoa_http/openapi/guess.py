"""The words by which APIs call what an OpenAPI document has no word for: pages, codes, verbs in paths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

PAGE = ("page", "pageno", "pagenum", "pagenumber", "pageindex", "current", "currentpage", "pagina", "页码")
OFFSET = ("offset", "skip", "start", "startindex")
CURSOR = ("cursor", "pagetoken", "nexttoken", "nextcursor", "after", "continuationtoken", "startingafter")
SIZE = ("limit", "pagesize", "perpage", "size", "rows", "count", "top", "maxresults", "每页", "每页条数")
TOTAL = (
    "total",
    "totalcount",
    "totalsize",
    "totalelements",
    "totalrecords",
    "recordcount",
    "count",
    "总数",
    "总条数",
)
NEXT = ("nextcursor", "nextpagetoken", "nexttoken", "next", "cursor", "pagetoken", "continuationtoken")
MORE = ("hasmore", "hasnext", "hasnextpage", "more")
SINCE = ("updatedsince", "modifiedsince", "updatedafter", "modifiedafter", "since", "updatedfrom")
CHANGED = (
    "updatedat",
    "modifiedat",
    "lastmodified",
    "updatetime",
    "modifytime",
    "gmtmodified",
    "更新时间",
    "修改时间",
)
CODE = ("code", "errcode", "errorcode", "retcode", "status", "resultcode", "状态码", "返回码")
MESSAGE = ("message", "msg", "errmsg", "errormessage", "detail", "description", "title", "消息", "提示")
KEYS = ("code", "number", "no", "sku", "reference", "编码", "编号", "代码", "单号")

VERBS: Mapping[str, Sequence[str]] = {
    "list": ("list", "page", "query", "search", "all", "find"),
    "get": ("detail", "get", "info", "view", "read"),
    "create": ("add", "create", "save", "insert", "new"),
    "update": ("edit", "update", "modify", "change"),
    "delete": ("remove", "delete", "del"),
}


def folded(name: str) -> str:
    return name.replace("_", "").replace("-", "").casefold()


def called(names: Sequence[str], wanted: Sequence[str]) -> str:
    """The one of *names* that is called like one of *wanted*, of several the one *wanted* has first; else empty."""
    there = {folded(name): name for name in reversed(names)}
    return next((there[word] for word in wanted if word in there), "")


def verb(segment: str) -> str:
    """Which call a segment of a path means; empty for none."""
    word = folded(segment)
    return next((name for name, words in VERBS.items() if word in words), "")
