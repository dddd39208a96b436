"""Where sessions, staging, state and core meet: read, plan, apply, resume."""
