"""Where the network looks: the input policy, and windows laid over an image."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from innersight.errors import ArgumentError

_KEYS = ("short", "window", "stride")
_LONGEST = 100_000


@dataclass(frozen=True)
class InputPolicy:
    """What of an image the network sees, and at which size.

    First the image is resized so that its shorter side is `short_side` (or left at its native size), then the network
    sees it whole, or in square windows. Its text form is what the command line takes and the results hold:
    `native`, `short=256`, `window=224,stride=200`, `short=448,window=224,stride=200`.

    Attributes:
        short_side: Shorter side after an anti-aliased bilinear resize, pixels; None keeps the native size.
        window: Side of the square windows, pixels; None shows the image whole.
        stride: Step between windows, pixels; given exactly when `window` is.

    Raises:
        ArgumentError: If a number is not a whole one from 1 to 100,000, a window comes without a stride or the
            reverse, or the stride is larger than the window (pixels would go unseen).

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
            if value is not None and (type(value) is not int or not 1 <= value <= _LONGEST):
                raise ArgumentError(
                    f"Argument `input`: {key} must be a whole number of pixels from 1 to {_LONGEST}, but got {value!r}."
                )
        if (self.window is None) != (self.stride is None):
            raise ArgumentError("Argument `input`: window and stride go together, e.g. 'window=224,stride=200'.")
        if self.window is not None and self.stride is not None and self.stride > self.window:
            raise ArgumentError(
                f"Argument `input`: stride must be at most the window, or pixels go unseen, but got "
                f"stride={self.stride}, window={self.window}."
            )
        if self.window is not None and self.short_side is not None and self.short_side < self.window:
            raise ArgumentError(
                f"Argument `input`: short must be at least the window, but got short={self.short_side}, "
                f"window={self.window}."
            )

    @classmethod
    def parse(cls, text: str) -> InputPolicy:
        """Read the text form; the inverse of `str`.

        Raises:
            ArgumentError: If the text is not one, with the form it should have.

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
    r"""Return where windows start along one side.

    The paper's rule: :math:`0, s, 2s, \ldots` while less than :math:`L - w`, then :math:`L - w` itself, so the last
    window ends at the border and may overlap the one before it by more than the others do.

    Args:
        length: The side L, pixels.
        window: The window's side w, pixels.
        stride: The step s, pixels.

    Returns:
        Ascending, without repeats.

    Raises:
        ArgumentError: If the side is shorter than the window.

    Example:
        >>> [window_starts(length, 224, 200) for length in (224, 225, 425, 512)]
        [(0,), (0, 1), (0, 200, 201), (0, 200, 288)]
    """
    if length < window:
        raise ArgumentError(f"Argument `length` must be at least the window, {window} pixels, but got {length}.")
    return (*range(0, length - window, stride), length - window)


@dataclass(frozen=True)
class WindowGrid:
    """All windows of one image size, row by row.

    Attributes:
        rows: Where windows start from the top, pixels.
        columns: Where windows start from the left, pixels.
        window: Their side, pixels.

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
        """Lay windows over an image of this size; see `window_starts`."""
        return cls(window_starts(height, window, stride), window_starts(width, window, stride), window)

    @property
    def corners(self) -> tuple[tuple[int, int], ...]:
        """(top, left) of each window."""
        return tuple((top, left) for top in self.rows for left in self.columns)

    def __len__(self) -> int:
        return len(self.rows) * len(self.columns)

    def cut(self, images: torch.Tensor, corners: tuple[tuple[int, int], ...]) -> torch.Tensor:
        """Cut windows out of every image.

        Args:
            images: (N, C, H, W).
            corners: K of the grid's corners.

        Returns:
            (K * N, C, window, window), window by window: all images' first window, then all images' second.
        """
        side = self.window
        return torch.cat([images[..., top : top + side, left : left + side] for top, left in corners])
