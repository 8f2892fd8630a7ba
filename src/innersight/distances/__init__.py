"""Parameter-free distances: pure, batched, differentiable functions of features, and the table of their names."""
