"""Scoring of image files: single pairs and lists, with reuse of features, a cache and resumable output."""
