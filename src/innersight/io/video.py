"""Reading of video files frame by frame, with the extra `video`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from innersight.errors import ArgumentError, ImageError
from innersight.extras import needed_for
from innersight.io.colour_tags import tags_of_cicp
from innersight.io.image_sources import capitalised

if TYPE_CHECKING:
    import av

_UNSPECIFIED, _RGB = 2, 0
_BT709, _BT601 = 1, 5
# Matrix coefficients of ITU-T H.273 -> the number that swscale knows them by.
_MATRICES = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9}
_NARROW, _FULL = 1, 2  # ranges of samples, as FFmpeg numbers them
_HD_WIDTH, _HD_HEIGHT = 1280, 576


@dataclass(frozen=True, eq=False)
class VideoFrame:
    """A frame of a video.

    Attributes:
        index: Its number in the file, from 0.
        seconds: Its time, seconds; None if the file does not say it.
        pixels: (H, W, 3), sRGB: uint8, or float32 in [0, 1] if the video has more than 8 bits.
    """

    index: int
    seconds: float | None
    pixels: npt.NDArray[Any]


class Video:
    """The frames of the first video stream of a file, read one at a time.

    Iterating it yields arrays (H, W, 3), which `Scorer.score_frames` takes; each iteration opens the file anew. The
    matrix and the range of the samples are those that the file states. Without a statement the matrix is that of BT.709
    for more than 576 lines or at least 1280 columns, else that of BT.601, and the range is narrow for YCbCr, as players
    assume. Frames with more than 8 bits are float32. A rotation that the file states is applied. Other
    primaries than those of BT.709 are converted to sRGB.

    Args:
        path: The file, of any format that FFmpeg reads.
        every: Only the frames 0, N, 2 N and so on are converted and returned, an integer from 1. Default: 1.

    Attributes:
        path: The file.
        every: Distance between the frames that are read, frames.
        decoded: Number of frames that the last iteration has decoded.

    Raises:
        ArgumentError: If PyAV is not installed, or `every` is not an integer from 1.
        ImageError: While it is iterated: if the file is no video or is damaged, or its frames have HDR colours or an
            alpha channel.
    """

    def __init__(self, path: str | os.PathLike[str], *, every: int = 1) -> None:
        if not isinstance(every, int) or isinstance(every, bool) or every < 1:
            raise ArgumentError(f"Argument `every` must be an integer from 1, but got {every!r}.")
        with needed_for("Reading a video"):
            import av  # noqa: F401 - a missing library is reported before the work
        self.path = Path(path)
        self.every = every
        self.decoded = 0

    def __iter__(self) -> Iterator[npt.NDArray[Any]]:
        return (frame.pixels for frame in self.frames())

    def frames(self) -> Iterator[VideoFrame]:
        """Yield the frames with their numbers and times."""
        import av

        name = f"'{self.path}'"
        if not self.path.is_file():
            is_folder, is_there = self.path.is_dir(), self.path.exists()
            raise ImageError(
                f"{name} is a folder, not a video file."
                if is_folder
                else f"{name} is a pipe or a device. Pass a video file."
                if is_there
                else f"No such file: {name}."
            )
        self.decoded = 0
        try:
            # FFmpeg takes the start of a relative path such as `a:b.mkv` for a protocol.
            with av.open(str(self.path.absolute())) as container:
                if not container.streams.video:
                    raise ImageError(f"{name} has no video stream.")
                stream = container.streams.video[0]
                stream.thread_type = "AUTO"
                for index, frame in enumerate(container.decode(stream)):
                    if frame.is_corrupt:
                        raise ImageError(f"Frame {index} of {name} is damaged.")
                    if index == 0:
                        _check_matrix(frame, name)
                    self.decoded = index + 1
                    if index % self.every == 0:
                        yield VideoFrame(index, frame.time, _pixels(frame, f"frame {index} of {name}"))
        except av.FFmpegError as error:
            raise ImageError(f"{name} cannot be decoded. It is no video, or damaged: {error.strerror}.") from error
        if not self.decoded:
            raise ImageError(f"{name} has no frames.")

    def stated_count(self) -> int | None:
        """Return the number of frames that the file states; None if it states none or cannot be read."""
        import av

        try:
            with av.open(str(self.path.absolute())) as container:
                return container.streams.video[0].frames or None
        except (av.FFmpegError, IndexError):
            return None


def _pixels(frame: av.VideoFrame, name: str) -> npt.NDArray[Any]:
    from av.video.reformatter import Interpolation

    components = frame.format.components
    if any(component.is_alpha for component in components):
        raise ImageError(f"{capitalised(name)} has an alpha channel, which is not read. Encode the video without it.")
    turns = _quarter_turns(frame)
    if frame.format.name.startswith("gray"):
        return np.rot90(_grey(frame), turns)
    matrix = _matrix(frame, name)
    full = frame.color_range == _FULL or (
        frame.color_range != _NARROW and (frame.format.is_rgb or frame.format.name.startswith("yuvj"))
    )
    bits = max(component.bits for component in components)
    # Without these flags swscale repeats chroma samples and rounds coarsely.
    precise = Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT | Interpolation.FULL_CHR_H_INP
    converted = frame.reformat(
        format="rgb48le" if bits > 8 else "rgb24",
        src_colorspace=matrix,
        src_color_range=_FULL if full else _NARROW,
        dst_color_range=_FULL,
        interpolation=Interpolation.BICUBIC | precise,
    )
    pixels: npt.NDArray[Any] = converted.to_ndarray()
    if bits > 8:
        pixels = np.minimum(pixels / np.float32(_white(bits, full=full, is_rgb=frame.format.is_rgb)), np.float32(1))
    pixels = np.rot90(pixels, turns) if turns else pixels
    tags = tags_of_cicp(int(frame.color_primaries) or _UNSPECIFIED, int(frame.color_trc) or _UNSPECIFIED, name)
    return pixels if tags is None else tags.to_srgb(pixels)


def _quarter_turns(frame: av.VideoFrame) -> int:
    """Return the counterclockwise quarter turns that the display matrix of a frame asks for."""
    return round(frame.rotation / 90) % 4


def _check_matrix(frame: av.VideoFrame, name: str) -> None:
    """Refuse a mirror image. Only the first frame is checked: PyAV frees no frame whose side data were read."""
    data: Any = frame.side_data.get("DISPLAYMATRIX")
    matrix = None if data is None else np.frombuffer(bytes(data), dtype="<i4")
    if matrix is not None and int(matrix[0]) * int(matrix[4]) - int(matrix[1]) * int(matrix[3]) < 0:
        raise ImageError(
            f"{capitalised(name)} is shown as a mirror image, which is not read. Encode it as it is shown."
        )


def _grey(frame: av.VideoFrame) -> npt.NDArray[Any]:
    """Return a grey frame with three channels. swscale takes grey samples for full range, whatever the file states."""
    bits = frame.format.components[0].bits
    deep = bits > 8
    samples = frame.reformat(format="gray16le" if deep else "gray").to_ndarray()
    largest = ((1 << bits) - 1) << (16 - bits) if deep else 255
    black, white = (16 << 8 * deep, 235 << 8 * deep) if frame.color_range == _NARROW else (0, largest)
    if not deep and black == 0:
        return np.broadcast_to(samples[..., None], (*samples.shape, 3))
    grey = ((samples.astype(np.float32) - np.float32(black)) / np.float32(white - black)).clip(0, 1)
    return np.broadcast_to(grey[..., None], (*grey.shape, 3))


def _white(bits: int, *, full: bool, is_rgb: bool) -> int:
    """Return the 16-bit sample that swscale makes of white: it shifts YCbCr samples to the left."""
    if is_rgb:
        return (1 << 16) - 1
    return ((1 << bits) - 1) << (16 - bits) if full else 255 << 8


def _matrix(frame: av.VideoFrame, name: str) -> int:
    stated = int(frame.colorspace)
    if stated == _UNSPECIFIED or (stated == _RGB and not frame.format.is_rgb):
        return _BT709 if frame.width >= _HD_WIDTH or frame.height > _HD_HEIGHT else _BT601
    if stated == _RGB:
        return _BT709  # no matrix is applied to RGB
    if stated not in _MATRICES:
        raise ImageError(
            f"{capitalised(name)} has the matrix {stated} of ITU-T H.273, for which there is no rule. Convert it to "
            "BT.709."
        )
    return _MATRICES[stated]
