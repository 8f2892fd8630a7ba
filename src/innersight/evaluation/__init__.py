"""Statistics of the agreement between scores and human opinions."""
