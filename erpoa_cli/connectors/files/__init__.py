"""The connector for files in a directory: CSV, JSON lines, Parquet, XLSX, XML."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

from erpoa_cli.connectors.files import place
from erpoa_cli.connectors.files.session import FilesSession
from erpoa_cli.sdk import caps
from erpoa_cli.sdk.connector import Connector, Session, Writable

_FORMAT: Mapping[str, Any] = {
    "format": {
        "enum": ["csv", "jsonl", "parquet", "xlsx", "xml"],
        "description": "default: by the file's suffix",
    },
    "encoding": {
        "enum": ["utf-8", "gb18030"],
        "description": "of a CSV file; default utf-8, with or without BOM",
    },
    "delimiter": {
        "type": "string",
        "pattern": '^[^"\\r\\n\\u0000]$',
        "description": "of a CSV file; default ,",
    },
    "null": {
        "type": "string",
        "pattern": '^[^"\\r\\n\\u0000]*$',
        "description": "the unquoted text that is NULL in a CSV file; default: nothing between two delimiters",
    },
}


_ONLY: Mapping[str, frozenset[str]] = {  # the formats that have a setting
    "encoding": frozenset({"csv"}),
    "delimiter": frozenset({"csv"}),
    "null": frozenset({"csv"}),
    "fields": frozenset({"jsonl", "xml"}),
    "sheet": frozenset({"xlsx"}),
    "header": frozenset({"xlsx"}),
    "rows": frozenset({"xml"}),
    "namespaces": frozenset({"xml"}),
}


def _by_suffix(entry: str) -> str | None:
    return place.SUFFIXES.get(PurePosixPath(entry).suffix.lower())


def _words(formats: Iterable[str]) -> str:
    return " and ".join(sorted(formats))


class FilesConnector(Connector):
    """A directory of files. An object is a file's path in it; a path with `*` or `?` is all files it matches, to
    be read as one. Rows are identified by `id` (per file) when they are to be changed or deleted."""

    name: ClassVar[str] = "files"
    config_schema: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "required": ["path"],
        "additionalProperties": False,
        "properties": {
            "path": {
                "type": "string",
                "minLength": 1,
                "x-erpoa": {"path": True},
                "description": "the directory",
            },
            **_FORMAT,
            "caps": caps.schema("bytes", "record", "columns", "depth", "values", "files", "seconds"),
            "files": {
                "type": "object",
                "description": "what differs for one file, or for all that a pattern matches; of several that match the later ones count, and most of all the file's own",
                "additionalProperties": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {
                        **_FORMAT,
                        "fields": {
                            "type": "array",
                            "items": {"type": "string"},
                            "minItems": 1,
                            "description": "the fields of a JSON lines or XML file; default: those that occur in it",
                        },
                        "sheet": {
                            "type": "string",
                            "minLength": 1,
                            "description": "the sheet of a workbook; default: its only one",
                        },
                        "header": {
                            "type": "integer",
                            "minimum": 1,
                            "description": "the row of a workbook's sheet that names the columns; default 1",
                        },
                        "rows": {
                            "type": "string",
                            "minLength": 1,
                            "description": "the path to the elements of an XML file that are rows, below the root: `s:body/s:supplier`; default: the root's children",
                        },
                        "namespaces": {
                            "type": "object",
                            "additionalProperties": {"type": "string", "minLength": 1},
                            "description": 'the prefixes used in paths of an XML file; the prefix "" is for names without one',
                        },
                        "id": {
                            "type": "array",
                            "items": {"type": "string"},
                            "minItems": 1,
                            "description": "the fields that identify a row",
                        },
                    },
                },
            },
        },
    }
    abilities: ClassVar[tuple[type[Session], ...]] = (Writable,)

    @classmethod
    def problems(cls, config: Mapping[str, Any]) -> Iterable[tuple[Sequence[str | int], str]]:
        """Settings that no file of the format has."""
        entries: Mapping[str, Mapping[str, Any]] = config.get("files", {})
        usual = config.get("format")
        kinds = {
            entry: special.get("format") or usual or _by_suffix(entry) for entry, special in entries.items()
        }
        for entry, special in entries.items():
            for name in special:
                if kinds[entry] and name in _ONLY and kinds[entry] not in _ONLY[name]:
                    yield ("files", entry, name), f"is for {_words(_ONLY[name])}; these are {kinds[entry]}"
        for name in config:
            if usual and name in _ONLY and not {usual, *kinds.values()} & _ONLY[name]:
                yield (name,), f"is for {_words(_ONLY[name])}; all files here are {usual}"

    @classmethod
    def idle(
        cls, config: Mapping[str, Any], objects: Collection[str]
    ) -> Iterable[tuple[Sequence[str | int], str]]:
        """Entries for files that no source and no target has."""
        for entry in config.get("files", {}):
            met = (entry == one or place.covers(entry, one) or place.covers(one, entry) for one in objects)
            if not any(met):
                yield ("files", entry), f"no source and no target has a file {entry!r}"

    def open(self, config: Mapping[str, Any]) -> FilesSession:
        return FilesSession(Path(config["path"]), config)
