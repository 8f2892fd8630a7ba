"""What is fuzzed: one function for each kind of input. It takes bytes, and lets only unexpected errors pass."""

from __future__ import annotations

import hashlib
import os
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from innersight.backbones.checkpoint import load_weights
from innersight.backbones.hub import WeightsFile
from innersight.bundles.bundle import Bundle
from innersight.bundles.description import DESCRIPTION
from innersight.distributed.plan import PLAN, read_plan
from innersight.distributed.storage import Folder
from innersight.errors import ImageError, InnersightError
from innersight.gate.cases import read_cases
from innersight.inference.feature_cache import FeatureCache
from innersight.inference.journal import Journal, journal_of, read_record, record_of
from innersight.inference.pair_lists import open_list
from innersight.io.image_sources import ImageSource, at_frame
from innersight.io.images import read_picture, read_size
from innersight.metrics.serialization import read_config

PIXELS = 1 << 20
LIMIT = 1 << 20  # bytes of a cache
RUN = {"list": "sha256:0", "metrics": {"lite": {}}}


@contextmanager
def file_of(content: bytes, name: str) -> Iterator[Path]:
    """Write the bytes to a file in a folder of their own."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder:  # noqa: PTH112
        path = Path(folder) / name
        path.write_bytes(content)
        yield path


def image(content: bytes) -> None:
    """An image or a mask of any format is finite and in [0, 1], or an ImageError."""
    _picture(content)


def png(content: bytes) -> None:
    """A PNG whose checksums are made right, so that the search gets beyond them, as `image`."""
    _picture(_with_checksums(content))


def frame(content: bytes) -> None:
    """The second image of a file is finite and in [0, 1], or an ImageError."""
    _picture(at_frame(content, 1))


def _with_checksums(content: bytes) -> bytes:
    repaired, position = bytearray(content), 8
    while position + 12 <= len(repaired):
        end = position + 8 + int.from_bytes(repaired[position : position + 4], "big")
        if end + 4 > len(repaired):
            break
        repaired[end : end + 4] = zlib.crc32(repaired[position + 4 : end]).to_bytes(4, "big")
        position = end + 4
    return bytes(repaired)


def _picture(source: ImageSource) -> None:
    try:
        picture = read_picture(source, max_pixels=PIXELS)
    except ImageError:
        return
    pixels = picture.on((1.0, 1.0, 1.0))
    assert pixels.shape[0] == 3
    assert pixels.shape[1] * pixels.shape[2] <= PIXELS
    assert np.isfinite(pixels).all()
    assert pixels.min() >= 0
    assert pixels.max() <= 1


def size(content: bytes) -> None:
    """A size that is found is that of the decoded image, apart from its orientation."""
    found = read_size(content)
    assert found is None or min(found) >= 0, found


def _rows(content: bytes, name: str) -> None:
    with file_of(content, name) as path:
        pairs = open_list(path)
        assert sum(1 for _ in pairs.rows()) == pairs.count


def table_csv(content: bytes) -> None:
    """A list in .csv has as many rows as it says, or is refused."""
    _rows(content, "list.csv")


def table_jsonl(content: bytes) -> None:
    """A list in .jsonl has as many rows as it says, or is refused."""
    _rows(content, "list.jsonl")


def table_parquet(content: bytes) -> None:
    """A list in .parquet has as many rows as it says, or is refused."""
    _rows(content, "list.parquet")


def config_toml(content: bytes) -> None:
    """A configuration in TOML is read or refused."""
    with file_of(content, "config.toml") as path:
        read_config(path)


def config_json(content: bytes) -> None:
    """A configuration in JSON is read or refused."""
    with file_of(content, "config.json") as path:
        read_config(path)


def cases(content: bytes) -> None:
    """The cases of the gate are read or refused."""
    with file_of(content, "cases.toml") as path:
        read_cases(path)


def bundle(content: bytes) -> None:
    """The description of a bundle is read or refused."""
    with file_of(content, DESCRIPTION) as path:
        Bundle.load(path.parent).describe()


def plan(content: bytes) -> None:
    """The plan of a run with Ray is read or refused."""
    with file_of(content, PLAN) as path:
        read_plan(Folder(str(path.parent)))


def journal(content: bytes) -> None:
    """A journal is resumed or refused, and can be read after it was resumed."""
    with file_of(content, "out.csv.journal") as path:
        out = path.with_name("out.csv")
        assert path == journal_of(out)
        opened = Journal(out, RUN, resume=True, overwrite=False)
        try:
            assert sum(1 for _ in opened.results()) >= 0
        finally:
            opened.close()


def record(content: bytes) -> None:
    """The record of an output is read or refused."""
    with file_of(content, "out.csv.run.json") as path:
        out = path.with_name("out.csv")
        out.write_bytes(b"")
        assert path == record_of(out)
        read_record(out, RUN)


def cache(content: bytes) -> None:
    """A damaged file of the cache counts as absent."""
    with file_of(content, "none") as path:
        features = FeatureCache(path.parent, LIMIT)
        key = hashlib.sha256(b"key").hexdigest()
        features._path(key).write_bytes(content)
        features.load(key)


def _weights(content: bytes, name: str) -> None:
    import torch

    with file_of(content, name) as path:
        load_weights(torch.nn.Linear(2, 2), WeightsFile.of(path, "file"))


def weights_safetensors(content: bytes) -> None:
    """Weights in safetensors are loaded or refused."""
    _weights(content, "weights.safetensors")


def weights_pth(content: bytes) -> None:
    """Weights that torch.save wrote are loaded or refused, and run no code."""
    _weights(content, "weights.pth")


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target
    for target in (
        image, png, frame, size, table_csv, table_jsonl, table_parquet, config_toml, config_json, cases, bundle, plan, journal,
        record, cache, weights_safetensors, weights_pth,
    )
}  # fmt: skip


def check(target: Callable[[bytes], None], content: bytes) -> None:
    """Run a target. Errors that the package raises on purpose are one line; others pass."""
    try:
        target(content)
    except InnersightError as error:
        said = str(error)
    else:
        return
    assert said.isprintable()
