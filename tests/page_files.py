"""The files and the variables that the pages name and do not make themselves."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from standins import write_weights

ROOT = Path(__file__).parent.parent
PHOTOGRAPH = ROOT / "examples" / "photographs" / "cat.jpg"


def lay_out(folder: Path) -> None:
    """Make what every page finds: the photographs, and pairs of images by the names that pages use."""
    (folder / "examples").symlink_to(ROOT / "examples")
    (folder / "src").symlink_to(ROOT / "src")
    (folder / ".pages").mkdir()  # the home folder: caches and settings of the user have no effect
    reference = Image.open(PHOTOGRAPH).resize((320, 240))
    distorted = Image.fromarray((np.asarray(reference) // 8 * 8).astype(np.uint8))
    for first, second in (("a", "b"), ("reference", "distorted"), ("golden", "new"), ("ref", "dis")):
        reference.save(folder / f"{first}.png")
        distorted.save(folder / f"{second}.png")
    reference.save(folder / "photo.png")
    Image.new("L", reference.size, 255).save(folder / "content.png")
    (folder / "pairs.csv").write_text("reference,distorted\na.png,b.png\nreference.png,distorted.png\n")


def _gate(folder: Path) -> None:
    """Two folders, the cases that the page shows further down, and the runs of an unchanged system."""
    toml = (ROOT / "docs" / "gate.md").read_text().split("```toml\n")[1].split("```")[0]
    (folder / "cases.toml").write_text(toml)
    for place in ("golden", "new", "runs/1", "runs/2", "brand", "build"):
        (folder / place).mkdir(parents=True)
    for place in ("golden", "new", "runs/1", "runs/2"):
        for name in ("home", "settings"):
            shutil.copy(folder / "reference.png", folder / place / f"{name}.png")
    shutil.copy(folder / "reference.png", folder / "brand" / "logo.png")
    shutil.copy(folder / "content.png", folder / "brand" / "logo-mask.png")
    Image.open(folder / "reference.png").save(folder / "build" / "logo.webp", lossless=True)
    shutil.copy(folder / "reference.png", folder / "new.png")


def _video(folder: Path) -> None:
    import av

    frames = np.stack([np.asarray(Image.open(folder / "reference.png").rotate(angle)) for angle in range(6)])
    for name, rate in (("reference", 8_000_000), ("coded", 300_000)):
        with av.open(str(folder / f"{name}.mp4"), "w") as container:
            stream = container.add_stream("mpeg4", rate=25)
            stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 320, 240, "yuv420p", rate
            for frame in frames:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            container.mux(stream.encode())


def _weights(folder: Path) -> None:
    """Stand-in weights of the network of `vit`, where the pages expect a file that the user has."""
    (folder / "weights").mkdir()
    path = write_weights("vit_small_patch14_dinov2.lvd142m", folder)
    shutil.copy(path, folder / "weights" / "dinov2-vits14.safetensors")
    path.rename(folder / "dinov2-vits14.safetensors")
    (folder / ".pages" / "weights").symlink_to(folder / "weights")


def _bundle(folder: Path, name: str) -> None:
    """The bundle of `lite`, under the name of one that a page has exported."""
    shutil.copytree(ROOT / "src" / "innersight" / "bundles" / "lite", folder / name)


def _offline(folder: Path) -> None:
    _weights(folder)
    _bundle(folder, "bundle")


EXTRA_FILES: dict[str, Callable[[Path], None]] = {
    "README": _weights,
    "bundles": lambda folder: _bundle(folder, "vit-bundle"),
    "gate": _gate,
    "offline": _offline,
    "video": _video,
    "weights": _weights,
}

VARIABLES = {
    "README": "import os, torch\n"
    "os.environ['INNERSIGHT_WEIGHTS_DIR'] = 'weights'\n"
    "reference = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))\n"
    "distorted = reference.round()\n"
    "pairs = [('a.png', 'b.png')]\n",
}
"""Python that runs before the blocks of a page: its examples use names for the images of the reader."""
