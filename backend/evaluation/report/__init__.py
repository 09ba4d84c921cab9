"""The report: JSON, CSV, Markdown and one self-contained page."""
