"""Scoring files: one pair."""
