"""The suffixes of image files, to find the images of a folder. The content of a file decides its format."""

from __future__ import annotations

READ_SUFFIXES = frozenset({
    *(".png", ".jpg", ".jpeg", ".jfif", ".jpe", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".avif", ".jxl"),
    *(".jp2", ".j2k", ".j2c", ".jpf", ".jpx", ".pbm", ".pgm", ".ppm", ".pnm", ".pam", ".heic", ".heif", ".hif"),
})  # fmt: skip
"""Suffixes of the formats that `innersight.read_image` reads, in lower case."""

OTHER_SUFFIXES = frozenset({
    *(".apng", ".arw", ".cr2", ".cr3", ".dds", ".dng", ".exr", ".hdr", ".ico", ".nef"),
    *(".orf", ".pcx", ".pfm", ".psd", ".qoi", ".raf", ".raw", ".rw2", ".svg", ".tga"),
})  # fmt: skip
"""Suffixes of images in other formats. Further files, such as notes, can lie beside the images."""
