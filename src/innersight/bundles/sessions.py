"""The graphs of a folder, loaded by ONNX Runtime at their first use."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from innersight.errors import first_line

_NO_MEMORY = re.compile("bad_alloc|allocate memory|map segment", re.IGNORECASE)


class Sessions:
    """Runs the graphs of a folder. Safe to use from several threads; a copy by pickle loads the graphs again.

    Args:
        folder: The folder with the graphs.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._loaded: dict[tuple[str, int | None], Any] = {}

    def __reduce__(self) -> tuple[type[Sessions], tuple[Path]]:
        return Sessions, (self._folder,)

    def run(self, graph: str, inputs: Mapping[str, Any], *, threads: int | None) -> dict[str, npt.NDArray[np.float32]]:
        """Run a graph.

        Args:
            graph: The name of its file.
            inputs: Arrays by the names of the inputs. Others can be among them.
            threads: Number of threads; None for the choice of ONNX Runtime.

        Returns:
            The outputs by their names.

        Raises:
            MemoryError: If there is too little memory.
        """
        with _memory_errors():
            return self._run(graph, inputs, threads)

    def _run(self, graph: str, inputs: Mapping[str, Any], threads: int | None) -> dict[str, npt.NDArray[np.float32]]:
        session = self._session(graph, threads)
        wanted = [value.name for value in session.get_inputs()]
        outputs = [value.name for value in session.get_outputs()]
        found = session.run(outputs, {name: inputs[name] for name in wanted})
        return dict(zip(outputs, found, strict=True))

    def _session(self, graph: str, threads: int | None) -> Any:
        with self._lock:
            if (graph, threads) not in self._loaded:
                import onnxruntime as library  # here, since its import takes long

                onnxruntime: Any = library  # it declares no types
                options = onnxruntime.SessionOptions()
                options.log_severity_level = 3  # errors; an exception reports those that matter
                # Threads that wait for work would otherwise take time from those of other graphs.
                options.add_session_config_entry("session.intra_op.allow_spinning", "0")
                if threads is not None:
                    options.intra_op_num_threads = threads
                self._loaded[graph, threads] = onnxruntime.InferenceSession(
                    self._folder / graph, options, providers=["CPUExecutionProvider"]
                )
            return self._loaded[graph, threads]


@contextmanager
def _memory_errors() -> Iterator[None]:
    """ONNX Runtime has no exception of its own for too little memory, neither when it is loaded nor when it runs."""
    try:
        yield
    except Exception as error:
        if isinstance(error, MemoryError) or not _NO_MEMORY.search(str(error)):
            raise
        raise MemoryError(f"too little memory for ONNX Runtime: {first_line(error)}") from error
