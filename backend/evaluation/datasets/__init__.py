"""Readers of data sets: every one turns a folder as published into cases (``evaluation.case.Case``)."""
