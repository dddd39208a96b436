"""From core's values to text, JSON, Markdown, HTML and the rest; no decisions."""
