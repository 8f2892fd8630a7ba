"""Resize policy and sliding windows: the sizes and positions. This module does not need torch."""

from __future__ import annotations

from dataclasses import dataclass

from innersight.errors import ArgumentError

_KEYS = ("short", "window", "stride")
_MAX_PIXELS = 2**24
"""Largest number of pixels of a resized image."""
_MAX_SIDE = 100_000
"""Largest value of a side or a stride, pixels."""


@dataclass(frozen=True)
class InputPolicy:
    """Resize policy and sliding windows: how an image is given to the network.

    The image is resized to a shorter side of `short_side`, or keeps its size. Then the network gets the whole image, or
    square windows of it. The text form is used on the command line and in results: `native`, `short=256`,
    `window=224,stride=200`, `short=448,window=224,stride=200`.

    Attributes:
        short_side: Shorter side after an anti-aliased bilinear resize, pixels. Default: None, no resize.
        window: Side of the square windows, pixels. Default: None, the whole image.
        stride: Step between windows, pixels. It is needed with `window`, and not allowed without. Default: None.

    Raises:
        ArgumentError: If a number is not an integer from 1 to 100,000, only one of `window` and `stride` is given, the
            stride is larger than the window, or the window is larger than the shorter side.

    Example:
        >>> InputPolicy.parse("window=224,stride=200")
        InputPolicy(short_side=None, window=224, stride=200)
        >>> str(InputPolicy(short_side=256))
        'short=256'
    """

    short_side: int | None = None
    window: int | None = None
    stride: int | None = None

    def __post_init__(self) -> None:
        for key, value in zip(_KEYS, (self.short_side, self.window, self.stride), strict=True):
            if value is not None and (type(value) is not int or not 1 <= value <= _MAX_SIDE):
                raise ArgumentError(
                    f"Argument `input`: {key} must be an integer from 1 to {_MAX_SIDE}, but got {value!r}."
                )
        if (self.window is None) != (self.stride is None):
            raise ArgumentError(
                "Argument `input` must have both window and stride, or none. Use for example 'window=224,stride=200'."
            )
        if self.window is not None and self.stride is not None and self.stride > self.window:
            raise ArgumentError(
                f"Argument `input`: stride must be at most the window, but got stride={self.stride}, "
                f"window={self.window}. A larger stride leaves out pixels."
            )
        if self.window is not None and self.short_side is not None and self.short_side < self.window:
            raise ArgumentError(
                f"Argument `input`: short must be at least the window, but got short={self.short_side}, "
                f"window={self.window}."
            )

    def prepared_size(self, height: int, width: int, multiple: int = 1) -> tuple[int, int]:
        """Compute the size of an image after the resize.

        Args:
            height: Height of the image, pixels.
            width: Width of the image, pixels.
            multiple: Number that must divide the sides of a whole image, pixels; see `fit_short_side`. Default: 1.

        Returns:
            (height, width).

        Raises:
            ArgumentError: If the result has more than 2^24 pixels.
        """
        if self.short_side is None:
            return height, width
        # Windows have the network's size already; whole images must fit its patches.
        return fit_short_side(height, width, self.short_side, multiple if self.window is None else 1)

    def grid(self, height: int, width: int, view: str) -> WindowGrid | None:
        """Return the windows over prepared images of a size; None where images are used whole.

        Args:
            height: Height of the prepared image, pixels.
            width: Width of the prepared image, pixels.
            view: Name of the view, for the error.

        Raises:
            ArgumentError: If the images are smaller than a window.
        """
        if self.window is None or self.stride is None:
            return None
        if min(height, width) < self.window:
            raise ArgumentError(
                f"The view {view!r} uses windows of {self.window} x {self.window} pixels (input '{self}'), but the "
                f"images are {height} x {width} (height x width). Enlarge them with "
                f"input='short={self.window},{self}', or use the metric 'lite', which takes any size."
            )
        return WindowGrid.over(height, width, self.window, self.stride)

    @classmethod
    def parse(cls, text: str) -> InputPolicy:
        """Read the text form. It is the inverse of `str`.

        Args:
            text: The text form, such as `short=256`.

        Raises:
            ArgumentError: If the text does not have this form.

        Example:
            >>> InputPolicy.parse("256")
            Traceback (most recent call last):
            innersight.errors.ArgumentError: Argument `input` must be 'native' or a list such as 'short=256',
            'window=224,stride=200', but got '256'.
        """
        if text.strip() == "native":
            return cls()
        values: dict[str, int] = {}
        for part in text.split(","):
            key, _, number = (piece.strip() for piece in part.partition("="))
            if key not in _KEYS or key in values or not (number.isascii() and number.isdecimal()) or len(number) > 9:
                raise ArgumentError(
                    "Argument `input` must be 'native' or a list such as 'short=256', 'window=224,stride=200', "
                    f"but got {text!r}."
                )
            values[key] = int(number)
        return cls(values.get("short"), values.get("window"), values.get("stride"))

    def __str__(self) -> str:
        values = zip(_KEYS, (self.short_side, self.window, self.stride), strict=True)
        return ",".join(f"{key}={value}" for key, value in values if value is not None) or "native"


def window_starts(length: int, window: int, stride: int) -> tuple[int, ...]:
    r"""Compute the first pixels of the windows along one side.

    They are :math:`0, s, 2s, \ldots` below :math:`L - w`, then :math:`L - w` itself (Ghildyal et al., ICASSP 2025). The
    last window ends at the border, so that it can have a larger overlap with the window before it.

    Args:
        length: Side L of the image, pixels.
        window: Side w of the windows, pixels.
        stride: Step s between windows, pixels.

    Returns:
        The first pixels, ascending and distinct.

    Raises:
        ArgumentError: If the side is shorter than the window.

    Example:
        >>> [window_starts(length, 224, 200) for length in (224, 225, 425, 512)]
        [(0,), (0, 1), (0, 200, 201), (0, 200, 288)]
    """
    if length < window:
        raise ArgumentError(f"Argument `length` must be at least the window, {window} pixels, but got {length}.")
    return (*range(0, length - window, stride), length - window)


def fit_short_side(height: int, width: int, short_side: int, multiple: int = 1) -> tuple[int, int]:
    """Compute the size with a given shorter side and the same aspect ratio.

    Args:
        height: Height of the image, pixels.
        width: Width of the image, pixels.
        short_side: Shorter side of the result, pixels.
        multiple: Each side is rounded to a multiple of this, pixels, with halves up. For a transformer it is the side
            of its patches. Default: 1.

    Returns:
        (height, width), each at least `multiple`.

    Raises:
        ArgumentError: If the result has more than 2^24 pixels, as for a long and narrow image.

    Example:
        >>> fit_short_side(384, 512, 256)
        (256, 341)
        >>> fit_short_side(384, 512, 256, multiple=14)
        (252, 336)
    """
    shorter = min(height, width)

    def fit(side: int) -> int:
        # In integers, so that a half is exact: ONNX bundles compute the same size.
        return max(1, (2 * side * short_side + shorter * multiple) // (2 * shorter * multiple)) * multiple

    fitted = fit(height), fit(width)
    if fitted[0] * fitted[1] > _MAX_PIXELS:
        raise ArgumentError(
            f"Images of {height} x {width} (height x width) with a shorter side of {short_side} have "
            f"{fitted[0]} x {fitted[1]} pixels, more than the limit of {_MAX_PIXELS:,}. Crop them, or use "
            "input='native'."
        )
    return fitted


@dataclass(frozen=True)
class WindowGrid:
    """All windows of an image size, row by row.

    Attributes:
        rows: First pixel rows of the windows.
        columns: First pixel columns of the windows.
        window: Side of the windows, pixels.

    Example:
        >>> grid = WindowGrid.over(384, 512, window=224, stride=200)
        >>> len(grid), grid.corners[:4]
        (6, ((0, 0), (0, 200), (0, 288), (160, 0)))
    """

    rows: tuple[int, ...]
    columns: tuple[int, ...]
    window: int

    @classmethod
    def over(cls, height: int, width: int, window: int, stride: int) -> WindowGrid:
        """Make the grid of an image size.

        Args:
            height: Height of the image, pixels.
            width: Width of the image, pixels.
            window: Side of the windows, pixels.
            stride: Step between windows, pixels.

        Raises:
            ArgumentError: If a side of the image is shorter than the window.
        """
        return cls(window_starts(height, window, stride), window_starts(width, window, stride), window)

    @property
    def corners(self) -> tuple[tuple[int, int], ...]:
        """First pixel row and column of each window."""
        return tuple((top, left) for top in self.rows for left in self.columns)

    def __len__(self) -> int:
        return len(self.rows) * len(self.columns)
