"""Preparation of image tensors: validation, resizing, windows, chroma and perturbations."""
