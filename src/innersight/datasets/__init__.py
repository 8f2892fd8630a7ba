"""Image quality data sets: public ones, read from their own folders, and lists in the user's files."""
