"""The terms of a metric, one a file."""
