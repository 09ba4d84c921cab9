"""The head bundle: what is written to disk, and its preview."""
