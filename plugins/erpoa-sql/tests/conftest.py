from tests.services import service_url

__all__ = ["service_url"]
