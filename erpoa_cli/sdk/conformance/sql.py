"""What connectors of databases promise besides: each database's own types, batches of many rows, others who write.

class TestMine(Conformance, Sql):
    dialect = Dialect(number="int", text="varchar(20)", ...)     # what the database calls things
    def place(self, folder): ...                                 # an empty database
    def run(self, config, *statements): ...                      # by hand
    def rival(self, config): ...                                 # somebody else's transaction
    def hurried(self, config): ...                               # a session that waits for a second only
"""

from __future__ import annotations

from erpoa_cli.sdk.conformance.moments import Moments
from erpoa_cli.sdk.conformance.ours import Ours
from erpoa_cli.sdk.conformance.rivals import Rivals
from erpoa_cli.sdk.conformance.values import Values


class Sql(Values, Rivals, Moments, Ours):
    """Tests beside those of `Conformance`, for databases with transactions."""
