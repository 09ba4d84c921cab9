"""Operators: properties, one call, a report."""
