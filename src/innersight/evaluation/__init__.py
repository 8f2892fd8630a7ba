"""How well scores agree with people: statistics on arrays, which know no image and no network."""
