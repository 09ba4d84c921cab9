"""The papers' metrics, as functions of surfaces."""
