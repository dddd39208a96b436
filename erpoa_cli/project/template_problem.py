"""What can be wrong with a template."""

from __future__ import annotations

MAX_OUTPUT = 1_000_000
"""Characters a rendered text may have."""


class TemplateProblem(Exception):
    """An expression that cannot be evaluated; `offset` is where it starts in the text."""

    def __init__(self, code: str, summary: str, remedy: str, offset: int = 0) -> None:
        super().__init__(summary)
        self.code, self.summary, self.remedy, self.offset = code, summary, remedy, offset
