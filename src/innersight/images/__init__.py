"""Images: read a file into sRGB floats, check what came, resize."""
