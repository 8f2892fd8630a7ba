"""Agreement of metrics with human opinion on data sets, and verification against the paper."""
