"""Node groups of dynamic detail, built by code: one group per idea, one module per group."""
