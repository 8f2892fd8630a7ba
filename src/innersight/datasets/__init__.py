"""Images people have judged: the public data sets from their own folders, and lists in the user's files."""
