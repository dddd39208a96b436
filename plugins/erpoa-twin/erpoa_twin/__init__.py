"""An ERP and OA over HTTP to test against, with faults that can be switched on: documents, effects, faults."""

from erpoa_twin.faults import FAULTS, FaultsInvalid
from erpoa_twin.running import Twin, running, serving
from erpoa_twin.settings import Settings

__all__ = ["FAULTS", "FaultsInvalid", "Settings", "Twin", "running", "serving"]
