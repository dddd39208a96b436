"""A connector as one must fear them: its errors, its log and its findings repeat the password in every form.

`install` makes it a distribution of its own in a directory, found through the entry point like any plugin.
"""

from __future__ import annotations

from pathlib import Path

MODULE = """
import base64, json, logging
from urllib.parse import quote
from erpoa_cli.sdk.connector import Connector, Readable, failed_reading

class Leaky(Readable):
    def __init__(self, config):
        self._password = config["password"].reveal()

    def _words(self):
        p = self._password
        basic = base64.b64encode(("user:" + p).encode()).decode()
        return f"GET https://user:{quote(p, safe='')}@host/?token={p} Basic {basic} body={json.dumps({'password': p})}"

    def check(self):
        logging.getLogger("httpx").info("HTTP Request: %s", self._words())
        logging.getLogger("erpoa_cli.leaky").debug("connecting with %s", self._words())
        logging.getLogger("leaky").error("refused: %r", {"auth": ("user", self._password)})
        return [self._words()]

    def identity(self):
        return "leaky:host"

    def objects(self, names=None):
        raise ConnectionError(self._words())

    def read(self, request):
        logging.getLogger("leaky").warning(self._words())
        return failed_reading(request, ConnectionError(self._words()))

    def close(self):
        pass

class LeakyConnector(Connector):
    name = "leaky"
    config_schema = {"type": "object", "additionalProperties": False, "required": ["password"],
        "properties": {"password": {"type": "string", "x-erpoa": {"secret": True}}}}
    abilities = (Readable,)

    def open(self, config):
        return Leaky(config)
"""


def install(directory: Path) -> None:
    """The distribution, in a directory to be put on PYTHONPATH."""
    described = directory / "erpoa_leaky-1.0.dist-info"
    described.mkdir(parents=True)
    (directory / "erpoa_leaky.py").write_text(MODULE)
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: erpoa-leaky\nVersion: 1.0\n")
    (described / "entry_points.txt").write_text("[erpoa.connectors]\nleaky = erpoa_leaky:LeakyConnector\n")
