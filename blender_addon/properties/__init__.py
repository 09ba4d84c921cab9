"""Settings that live in the file, with an object, or with the window."""
