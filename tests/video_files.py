"""Video files that several tests make."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

av = pytest.importorskip("av")

HEIGHT, WIDTH = 96, 128


def moving(count: int = 3, height: int = HEIGHT, width: int = WIDTH) -> npt.NDArray[np.uint8]:
    """Return (T, H, W, 3): smooth colours that move."""
    y, x = np.mgrid[0:height, 0:width]
    frames = [np.stack(((2 * x + 9 * t) % 256, (2 * y + 5 * t) % 256, (x + y) % 256), axis=-1) for t in range(count)]
    return (np.stack(frames) // 2 + 60).astype(np.uint8)


def write_video(path: Path, frames: Any, codec: str = "ffv1", format: str = "bgr0", **settings: Any) -> Path:
    """Write frames: (H, W, 3) RGB; (3, H, W) uint16 YCbCr of 10 bits; or samples as PyAV takes them for `format`.

    `settings` are attributes of the codec context, such as `colorspace=1`.
    """
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.pix_fmt = format
        for name, value in settings.items():
            setattr(stream.codec_context, name, value)
        for samples in frames:
            if samples.dtype == np.uint16:
                frame = av.VideoFrame(samples.shape[2], samples.shape[1], format)
                for plane, values in zip(frame.planes, samples, strict=True):
                    rows = np.zeros((plane.height, plane.line_size // 2), dtype="<u2")
                    rows[:, : plane.width] = values
                    plane.update(rows.tobytes())
            else:
                is_rgb = samples.ndim == 3 and samples.shape[-1] == 3
                frame = av.VideoFrame.from_ndarray(samples, format="rgb24" if is_rgb else format)
            if not stream.codec_context.is_open:
                stream.height, stream.width = frame.height, frame.width
            for name in ("colorspace", "color_range", "color_primaries", "color_trc"):
                if name in settings and hasattr(frame, name):
                    setattr(frame, name, settings[name])
            container.mux(stream.encode(frame if frame.format.name == format else frame.reformat(format=format)))
        container.mux(stream.encode())
    return path
