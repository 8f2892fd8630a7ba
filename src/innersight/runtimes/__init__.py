"""Runtimes: libraries that run a network."""
