"""Frames of video files: their samples, colours, numbers and times, and what is refused."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from innersight import Video
from innersight.errors import ArgumentError, ImageError
from video_files import moving, write_video

# A colour as YCbCr of narrow range, from the tables of ITU-R BT.709 and BT.601 (colour bars of 100 %), and as RGB.
BT709, BT601 = 1, 5
NARROW, FULL = 1, 2
BARS = {
    BT709: {(63, 102, 240): (255, 0, 0), (173, 42, 26): (0, 255, 0), (32, 240, 118): (0, 0, 255)},
    BT601: {(81, 90, 240): (255, 0, 0), (145, 54, 34): (0, 255, 0), (41, 240, 110): (0, 0, 255)},
}


def flat(sample: tuple[int, int, int], dtype: Any = np.uint8, height: int = 64, width: int = 64) -> npt.NDArray[Any]:
    """Return a frame of one colour in yuv444p: planes one after the other."""
    return np.broadcast_to(np.array(sample, dtype=dtype)[:, None, None], (3, height, width)).copy()


def colour_of(path: Path) -> npt.NDArray[Any]:
    (frame,) = Video(path)
    assert (frame == frame[0, 0]).all()
    return frame[0, 0]


class TestColours:
    @pytest.mark.parametrize("matrix", [BT709, BT601])
    def test_the_matrix_that_the_file_states(self, tmp_path: Path, matrix: int) -> None:
        for sample, rgb in BARS[matrix].items():
            settings = {"colorspace": matrix, "color_range": NARROW}
            path = write_video(tmp_path / "a.mkv", [flat(sample)], format="yuv444p", **settings)
            np.testing.assert_allclose(colour_of(path), rgb, atol=2)

    def test_the_range_that_the_file_states(self, tmp_path: Path) -> None:
        for given, grey in ((NARROW, 255), (FULL, 235)):
            settings = {"colorspace": BT709, "color_range": given}
            path = write_video(tmp_path / "a.mkv", [flat((235, 128, 128))], format="yuv444p", **settings)
            np.testing.assert_allclose(colour_of(path), (grey,) * 3, atol=1)

    @pytest.mark.parametrize(("height", "width", "matrix"), [(64, 64, BT601), (64, 1280, BT709), (578, 64, BT709)])
    def test_without_a_statement_the_size_decides_the_matrix(
        self, tmp_path: Path, height: int, width: int, matrix: int
    ) -> None:
        for sample, rgb in BARS[matrix].items():
            path = write_video(tmp_path / "a.mkv", [flat(sample, height=height, width=width)], format="yuv444p")
            np.testing.assert_allclose(colour_of(path), rgb, atol=2)

    @pytest.mark.parametrize(("given", "black", "white"), [(NARROW, 64, 940), (FULL, 0, 1023)])
    def test_ten_bits_keep_their_precision(self, tmp_path: Path, given: int, black: int, white: int) -> None:
        settings = {"colorspace": BT709, "color_range": given}
        levels = []
        for luma in (black, 500, 501, 502, 503, white):
            frame = flat((luma, 512, 512), dtype=np.uint16)
            path = write_video(tmp_path / "a.mkv", [frame], format="yuv444p10le", **settings)
            found = colour_of(path)
            assert found.dtype == np.float32
            np.testing.assert_allclose(found, (luma - black) / (white - black), atol=2e-4)
            levels.append(float(found[0]))
        assert len(set(levels)) == 6

    def test_lossless_rgb_is_exact(self, tmp_path: Path) -> None:
        frames = moving(3)
        found = list(Video(write_video(tmp_path / "a.mkv", frames)))
        np.testing.assert_array_equal(np.stack(found), frames)

    @pytest.mark.parametrize("format", ["yuv420p", "yuv422p"])
    def test_smooth_content_survives_subsampling(self, tmp_path: Path, format: str) -> None:
        frames = moving(1)
        path = write_video(tmp_path / "a.mkv", frames, format=format)
        (found,) = Video(path)
        assert np.abs(found.astype(int) - frames[0]).mean() < 4

    @pytest.mark.parametrize(("given", "black", "white"), [(NARROW, 16, 235), (FULL, 0, 255)])
    def test_grey_has_the_range_that_the_file_states(self, tmp_path: Path, given: int, black: int, white: int) -> None:
        ramp = np.tile(np.arange(256, dtype=np.uint8), (64, 1))
        (frame,) = Video(write_video(tmp_path / "a.mkv", [ramp], format="gray", color_range=given))
        found = frame[0, :, 0] / (255 if frame.dtype == np.uint8 else 1)
        expected = ((np.arange(256) - black) / (white - black)).clip(0, 1)
        np.testing.assert_allclose(found, expected, atol=1e-6)

    def test_hdr_and_alpha_are_refused(self, tmp_path: Path) -> None:
        settings = {"colorspace": 9, "color_range": NARROW, "color_primaries": 9, "color_trc": 16}
        path = write_video(tmp_path / "pq.mkv", [flat((500, 512, 512), np.uint16)], format="yuv444p10le", **settings)
        with pytest.raises(ImageError, match=r"Frame 0 of '.*pq\.mkv' has HDR colours \(PQ\)"):
            list(Video(path))
        rgba = np.full((64, 64, 4), 99, dtype=np.uint8)
        path = write_video(tmp_path / "alpha.mkv", [rgba], format="bgra")
        with pytest.raises(ImageError, match="has an alpha channel, which is not read"):
            list(Video(path))

    def test_wide_primaries_are_converted(self, tmp_path: Path) -> None:
        settings = {"colorspace": 9, "color_range": NARROW, "color_primaries": 9, "color_trc": 14}
        path = write_video(tmp_path / "a.mkv", [flat((600, 400, 500), np.uint16)], format="yuv444p10le", **settings)
        wide = colour_of(path)
        settings |= {"color_primaries": 1}
        narrow = colour_of(write_video(path, [flat((600, 400, 500), np.uint16)], format="yuv444p10le", **settings))
        assert wide.dtype == np.float32
        assert np.abs(wide - narrow).max() > 0.02


class TestFrames:
    def test_numbers_times_and_every(self, tmp_path: Path) -> None:
        frames = moving(7)
        video = Video(write_video(tmp_path / "a.mkv", frames), every=3)
        found = list(video.frames())
        assert [frame.index for frame in found] == [0, 3, 6]
        assert [frame.seconds for frame in found] == pytest.approx([0, 0.12, 0.24])
        np.testing.assert_array_equal(found[1].pixels, frames[3])
        assert video.decoded == 7

    def test_a_relative_path_with_a_colon(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write_video(tmp_path / "a.mkv", moving(1)).rename(tmp_path / "a:b.mkv")
        monkeypatch.chdir(tmp_path)
        assert len(list(Video("a:b.mkv"))) == 1

    def test_it_can_be_iterated_again(self, tmp_path: Path) -> None:
        video = Video(write_video(tmp_path / "a.mkv", moving(2)))
        assert len(list(video)) == len(list(video)) == 2

    def test_the_stated_count(self, tmp_path: Path) -> None:
        assert Video(write_video(tmp_path / "a.mp4", moving(4), "mpeg4", "yuv420p")).stated_count() == 4
        assert Video(tmp_path / "none.mp4").stated_count() is None

    def test_a_rotation_in_the_file_is_applied(self, tmp_path: Path) -> None:
        frames = moving(1)
        path = write_video(tmp_path / "a.mp4", frames, "mpeg4", "yuv420p", bit_rate=10_000_000)
        (plain,) = Video(path)
        data = bytearray(path.read_bytes())
        at = data.index(b"tkhd") + 4 + 40  # the matrix, in 16.16 fixed point: a quarter turn clockwise
        matrix = np.array([0, 1 << 16, 0, -1 << 16, 0, 0, 96 << 16, 0, 1 << 30], dtype=">i4").tobytes()
        data[at : at + 36] = matrix
        path.write_bytes(data)
        (turned,) = Video(path)
        np.testing.assert_array_equal(turned, np.rot90(plain, -1))


class TestRefused:
    def test_a_mirror_image(self, tmp_path: Path) -> None:
        path = write_video(tmp_path / "a.mp4", moving(1), "mpeg4", "yuv420p")
        data = bytearray(path.read_bytes())
        at = data.index(b"tkhd") + 4 + 40
        data[at : at + 4] = np.array([-1 << 16], dtype=">i4").tobytes()
        path.write_bytes(data)
        with pytest.raises(ImageError, match="is shown as a mirror image, which is not read"):
            list(Video(path))

    def test_a_pipe(self, tmp_path: Path) -> None:
        os.mkfifo(path := tmp_path / "a.mkv")
        with pytest.raises(ImageError, match="is a pipe or a device"):
            list(Video(path))

    def test_files_that_are_no_videos(self, tmp_path: Path) -> None:
        (text := tmp_path / "a.mp4").write_text("no video")
        cut = write_video(tmp_path / "cut.mp4", moving(5), "mpeg4", "yuv420p")
        cut.write_bytes(cut.read_bytes()[:-300])
        for path, message in (
            (text, r"cannot be decoded\. It is no video, or damaged"),
            (cut, r"cannot be decoded\. It is no video, or damaged"),
            (tmp_path / "none.mp4", "No such file"),
            (tmp_path, "is a folder, not a video file"),
        ):
            with pytest.raises(ImageError, match=message):
                list(Video(path))

    @pytest.mark.parametrize("every", [0, -1, 1.5, True])
    def test_every(self, every: Any) -> None:
        with pytest.raises(ArgumentError, match="Argument `every` must be an integer from 1"):
            Video("a.mp4", every=every)

    def test_a_missing_library_names_the_extra(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "av", None)
        with pytest.raises(ArgumentError, match=r"Reading a video needs av.*innersight\[video\]"):
            Video("a.mp4")
