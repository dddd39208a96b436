"""From an OpenAPI document (2.0 to 3.1) to a draft of a description: what the document says, and guesses marked as such."""

from erpoa_http.openapi.draft import drafted

__all__ = ["drafted"]
