"""Backbones: which networks there are (data), where their weights come from, and their features by one contract."""
