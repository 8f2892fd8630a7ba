"""Images decoded within limits are those of `read_image`, and an image beyond a limit is an error of its own only."""

from __future__ import annotations

import io
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from image_files import GREY8, RGB8, RGB16, RNG, exif, write_png16
from innersight import ArgumentError, Decoder, DecodingLimits, ImageError, Scorer, read_image
from innersight.io import decoder as decoder_module
from innersight.io.images import read_picture

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc, and limits memory")


@pytest.fixture(scope="module")
def decoder() -> Decoder:
    return Decoder()


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image of 36 million pixels, which takes 108 MB and more than a millisecond."""
    path = tmp_path_factory.mktemp("large") / "large.png"
    Image.new("RGB", (6000, 6000)).save(path)
    return path


def save_all(folder: Path) -> list[Path]:
    alpha = RNG.integers(0, 256, (5, 7, 1), dtype=np.uint8)
    Image.fromarray(RGB8).save(folder / "a.jpg", exif=exif(6))
    Image.fromarray(np.concatenate((RGB8, alpha), axis=2)).save(folder / "alpha.png")
    Image.fromarray(RGB8).save(folder / "a.tif")
    Image.fromarray(GREY8).save(folder / "grey.webp", lossless=True)
    write_png16(folder / "deep.png", RGB16)
    return sorted(folder.iterdir())


def test_pictures_are_those_of_this_process(tmp_path: Path, decoder: Decoder) -> None:
    for path in save_all(tmp_path):
        for source in (path, str(path), path.read_bytes(), io.BytesIO(path.read_bytes())):
            found, expected = read_picture(decoder.limit(source)), read_picture(path)
            assert found.colour.dtype == expected.colour.dtype
            np.testing.assert_array_equal(found.colour, expected.colour)
            assert (found.alpha is None) == (expected.alpha is None)
            if found.alpha is not None:
                np.testing.assert_array_equal(found.alpha, expected.alpha)


@pytest.mark.parametrize("memory", [64 << 20, 4 << 30])
def test_errors_are_those_of_this_process(tmp_path: Path, memory: int) -> None:
    """With the lowest limit of memory too."""
    decoder = Decoder(DecodingLimits(memory=memory))
    whole = tmp_path / "whole.png"
    Image.fromarray(RGB8).save(whole)
    (tmp_path / "cut.png").write_bytes(whole.read_bytes()[:-20])
    (tmp_path / "text\n.png").write_text("text")
    (tmp_path / "empty.png").touch()
    Image.fromarray(RGB8).save(tmp_path / "cut.webp")
    (tmp_path / "cut.webp").write_bytes((tmp_path / "cut.webp").read_bytes()[:-20])
    for path in (tmp_path / "none.png", tmp_path, *tmp_path.iterdir()):
        if path == whole:
            continue
        with pytest.raises(ImageError) as expected:
            read_image(path)
        with pytest.raises(ImageError) as found:
            read_image(decoder.limit(path))
        assert str(found.value) == str(expected.value)


def test_a_name_that_is_no_text_is_read(tmp_path: Path, decoder: Decoder) -> None:
    path = tmp_path / os.fsdecode(b"\xff\n.png")
    Image.fromarray(RGB8).save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(path)
    np.testing.assert_array_equal(read_image(decoder.limit(path)), read_image(path))


def test_a_path_is_relative_to_the_folder_at_the_time(
    tmp_path: Path, decoder: Decoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, level in (("one", 10), ("two", 20)):
        (tmp_path / name).mkdir()
        Image.new("RGB", (3, 2), (level,) * 3).save(tmp_path / name / "a.png")
        monkeypatch.chdir(tmp_path / name)
        assert read_image(decoder.limit("a.png")).max() * 255 == pytest.approx(level)


def test_arrays_and_pil_images_are_decoded_already(decoder: Decoder) -> None:
    image = Image.fromarray(RGB8)
    assert decoder.limit(image) is image
    assert decoder.limit(RGB8) is RGB8
    with pytest.raises(ArgumentError, match="must be a path"):
        decoder.limit(5)  # type: ignore[arg-type]


def test_an_image_with_more_pixels_is_refused(large: Path) -> None:
    decoder = Decoder(DecodingLimits(pixels=35))
    with pytest.raises(ImageError, match=r"has 6000 x 6000 pixels, more than the limit of 35\. .*--max-pixels"):
        read_image(decoder.limit(large))
    buffer = io.BytesIO()
    Image.fromarray(RGB8).save(buffer, "PNG")
    assert read_image(decoder.limit(buffer.getvalue())).shape == (3, 5, 7)


@pytest.mark.thorough
def test_an_image_beyond_the_limit_of_pillow_is_read_if_the_limits_allow_it(tmp_path: Path) -> None:
    Image.new("1", (40_000, 5_000)).save(tmp_path / "wide.png")
    with pytest.raises(ImageError, match="more pixels than Pillow reads"):
        read_image(tmp_path / "wide.png")
    picture = read_picture(Decoder(DecodingLimits(pixels=200_000_000)).limit(tmp_path / "wide.png"))
    assert picture.size == (5_000, 40_000)


def test_an_image_that_takes_longer_is_refused(large: Path) -> None:
    with pytest.raises(
        ImageError, match=r"takes longer to decode than the limit of 0\.001 seconds.*--max-decode-seconds"
    ):
        read_image(Decoder(DecodingLimits(seconds=0.001)).limit(large))


SLOW = """import time
from innersight.io import decoder_process
read = decoder_process.read_picture
def read_slowly(file, **options):
    if "slow" in file.name:
        time.sleep(600)
    return read(file, **options)
decoder_process.read_picture = read_slowly
time.sleep(4)
"""
"""A process that starts in 4 seconds, and decodes some images slowly."""


@pytest.mark.thorough
def test_the_image_after_one_that_takes_longer_is_read_and_the_start_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, end = decoder_module._PROGRAM.split("from innersight")  # between, the folders of the modules are known
    monkeypatch.setattr(decoder_module, "_PROGRAM", f"{begin}\n{SLOW}\nfrom innersight{end}")
    for name in ("slow", "a"):
        Image.fromarray(RGB8).save(tmp_path / f"{name}.png")
    decoder = Decoder(DecodingLimits(seconds=3))
    with pytest.raises(ImageError, match=r"takes longer to decode than the limit of 3 seconds"):
        read_image(decoder.limit(tmp_path / "slow.png"))
    assert read_image(decoder.limit(tmp_path / "a.png")).shape == (3, 5, 7)


def test_an_image_that_takes_more_memory_is_refused_and_the_next_one_is_read(large: Path, tmp_path: Path) -> None:
    decoder = Decoder(DecodingLimits(memory=64 << 20))
    Image.fromarray(RGB8).save(tmp_path / "a.png")
    with pytest.raises(
        ImageError, match=r"needs more memory to be decoded than the limit of 64 MiB\..*--max-decode-mem"
    ):
        read_image(decoder.limit(large))
    assert read_image(decoder.limit(tmp_path / "a.png")).shape == (3, 5, 7)


def test_a_decoder_that_is_killed_is_the_error_of_its_image(large: Path, tmp_path: Path) -> None:
    decoder = Decoder()
    Image.fromarray(RGB8).save(tmp_path / "a.png")
    read_image(decoder.limit(tmp_path / "a.png"))
    threading.Timer(0.05, os.kill, (decoder._idle[0]._process.pid, signal.SIGKILL)).start()
    with pytest.raises(ImageError, match=r"ends the process that decodes it \(status -9\)\. It is damaged, or needs"):
        for _ in range(100):
            read_picture(decoder.limit(large))
    assert read_image(decoder.limit(tmp_path / "a.png")).shape == (3, 5, 7)


def test_a_decoder_that_is_killed_between_images_is_started_again(tmp_path: Path) -> None:
    decoder = Decoder()
    Image.fromarray(RGB8).save(tmp_path / "a.png")
    read_image(decoder.limit(tmp_path / "a.png"))
    process = decoder._idle[0]._process
    process.kill()
    process.wait()
    assert read_image(decoder.limit(tmp_path / "a.png")).shape == (3, 5, 7)


def test_threads_have_processes_of_their_own_which_end_with_the_decoder(tmp_path: Path) -> None:
    for index in range(6):
        Image.new("RGB", (400, 300), (index, 0, 0)).save(tmp_path / f"{index}.png")
    decoder = Decoder()

    images = [decoder.limit(tmp_path / f"{index % 6}.png") for index in range(60)]
    with ThreadPoolExecutor(3) as pool:
        levels = [float(image[0].max()) for image in pool.map(read_image, images)]
    assert [round(255 * level) for level in levels] == [index % 6 for index in range(60)]
    started = [process._process for process in decoder._idle]
    assert 1 <= len(started) <= 3
    del decoder, images  # an image holds its decoder
    assert [process.poll() for process in started] == [-signal.SIGKILL] * len(started)


def test_the_process_ends_when_its_starter_is_killed(tmp_path: Path) -> None:
    Image.fromarray(RGB8).save(tmp_path / "a.png")
    program = """import sys, time
from innersight import Decoder, read_image
decoder = Decoder()
read_image(decoder.limit(sys.argv[1]))
print(decoder._idle[0]._process.pid, flush=True)
time.sleep(300)"""
    with subprocess.Popen([sys.executable, "-c", program, tmp_path / "a.png"], stdout=subprocess.PIPE) as starter:
        assert starter.stdout is not None
        decoding = int(starter.stdout.readline())
        starter.kill()
    for _ in range(600):
        if not Path(f"/proc/{decoding}").exists() or " Z " in Path(f"/proc/{decoding}/stat").read_text():
            return
        time.sleep(0.1)
    pytest.fail("the process still runs after a minute")


def test_a_python_that_cannot_be_started_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    Image.fromarray(RGB8).save(tmp_path / "a.png")
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(ImageError, match=r"cannot be started with '/bin/false' \(status 1\)"):
        read_image(Decoder().limit(tmp_path / "a.png"))


def test_modules_of_the_current_folder_are_not_loaded(tmp_path: Path) -> None:
    """An image folder can hold a file `json.py`."""
    (tmp_path / "json.py").write_text("open('loaded', 'w')")
    Image.fromarray(RGB8).save(tmp_path / "a.png")
    command = [Path(sys.executable).parent / "innersight", "score", "a.png", "a.png", "--max-pixels", "100"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("0.0")
    assert not (tmp_path / "loaded").exists()


def test_a_decoder_can_be_pickled_and_scorers_take_its_images(tmp_path: Path) -> None:
    for name, level in (("a", 40), ("b", 60)):
        Image.effect_noise((64, 64), level).save(tmp_path / f"{name}.png")
    decoder = pickle.loads(pickle.dumps(Decoder(DecodingLimits(seconds=30))))
    assert decoder.limits == DecodingLimits(seconds=30)
    scorer, paths = Scorer("lite"), [tmp_path / "a.png", tmp_path / "b.png"]
    limited = [decoder.limit(path) for path in paths]
    assert scorer(*limited) == scorer(*paths) > 0
    assert scorer(limited[0], limited[0]) == 0
    assert scorer(scorer.reference(limited[0]), limited[1]) == pytest.approx(scorer(*paths), abs=1e-5)
