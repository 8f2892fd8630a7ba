"""The metric: its configuration (frozen data), the named presets, and the module that computes it."""
