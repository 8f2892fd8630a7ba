"""Image tensors before the network: validation, resizing, windows, chroma and perturbations."""
