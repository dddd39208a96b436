"""The built-in connectors: files, SQLite and DuckDB, registered as plugins are."""
