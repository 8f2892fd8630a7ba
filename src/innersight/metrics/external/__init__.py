"""Metrics of other libraries under the contract of this package, one library a file."""
