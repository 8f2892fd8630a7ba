"""Parameter-free distances: pure, batched, differentiable functions on features, and one registry of their names."""
