"""Reports: figures."""
