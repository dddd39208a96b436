"""The connector for files in a directory: CSV, JSON lines, Parquet, XLSX, XML."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

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
                "description": "what differs for one file (or pattern)",
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

    def open(self, config: Mapping[str, Any]) -> FilesSession:
        return FilesSession(Path(config["path"]), config)
