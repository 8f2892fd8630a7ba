"""Files that are written as a whole."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from innersight.errors import ArgumentError, first_line


def write_file(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old content or all of the new one, also if several processes write it.

    Args:
        path: The file. It is replaced if it exists.
        content: Its bytes.

    Raises:
        ArgumentError: If it cannot be written. The old content then stays.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "summary.json"
        >>> write_file(path, b"{}")
        >>> path.read_bytes()
        b'{}'
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise ArgumentError(f"The file '{path}' cannot be written: {first_line(error)}") from error
