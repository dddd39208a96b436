"""Giving a project types: its connectors' abilities, its SQL, its targets and the objects they keep."""
