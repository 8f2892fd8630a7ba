"""The named configurations, one a file."""
