"""Data sets through the engine and the statistics to tables."""
