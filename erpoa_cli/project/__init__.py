"""From the files of a project directory to core's values."""
