"""Lists that several machines score together."""
