"""Compare ONNX Runtime, OpenVINO and eager torch on the networks of the presets.

    python benchmarks/runtimes.py --weights FILE

The networks are that of `lite` (256 x 341), that of `vit` (308 x 406) and that of `paper` (6 windows of 224 x 224).
They return the layers that the preset compares. `--weights FILE` gives the weights of `vit`. Without it, and for
`paper`, they are random and take the same time. Each network is converted for this one size: with torch.onnx.export for
ONNX Runtime, with openvino.convert_model for OpenVINO.

A side computes the two images of a pair. All sides run in turns in each round. A turn takes half a second at least, and
gives the mean time of its pairs. First the images come one after the other and each may use all threads, as for a
single pair. Then both come at once and each uses half of the threads, as in a list. OpenVINO runs with one stream for
each thread, and with one stream for all threads, which is faster for one image at a time. The ratio is taken to the
faster setting of OpenVINO.

Each side has its own process. In one process the runtimes share memory and caches, and the time of a small network
varies by half.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import onnxruntime
import timm
import torch
from alternate import machine
from safetensors.torch import save_file
from torch import nn

from innersight import FeatureMetric, create_metric
from innersight.export.modules import view_graphs
from innersight.export.translations import translations

NETWORKS = {"lite": (1, 3, 256, 341), "vit": (1, 3, 308, 406), "paper": (6, 3, 224, 224)}
"""The presets, and the shape of the input of their networks for an image of 512 x 384 (width x height)."""

RANDOM = {"vit": "vit_small_patch14_dinov2.lvd142m", "paper": "vit_base_patch16_224.dino"}
"""The networks that get random weights if there is no file."""

_TURN = 0.5
"""Least seconds of a turn. A list computes without pauses, and the first pairs after a pause take longer."""

Array: TypeAlias = npt.NDArray[np.float32]
Run = Callable[[Array], Sequence[Array]]


class Network(nn.Module):
    """A backbone up to the last layer that a preset compares."""

    def __init__(self, backbone: Any, layers: tuple[int, ...], size: tuple[int, int]) -> None:
        super().__init__()
        self.backbone = backbone
        self.layers = layers
        if hasattr(backbone.model, "set_input_size"):
            # The table of positions is interpolated once, and not in each pass.
            backbone.model.set_input_size(img_size=size)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the outputs of the layers."""
        found: tuple[torch.Tensor, ...] = self.backbone.outputs(images, self.layers)
        return found


def write_onnx(metric: FeatureMetric, images: torch.Tensor, path: Path) -> None:
    """Export the network of a metric of one view for the size of the images."""
    (view,) = view_graphs(metric)
    network = Network(view.comparison.extractor.backbone, view.comparison.layers, images.shape[-2:]).eval()
    program = torch.onnx.export(network, (images,), dynamo=True, custom_translation_table=translations(), verbose=False)
    if program is None:
        raise SystemExit("torch exported nothing.")
    program.save(path)


def with_onnx(path: Path, threads: int) -> Run:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    session: Any = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    (image,) = session.get_inputs()

    def run(images: Array) -> list[Array]:
        outputs: list[Array] = session.run(None, {image.name: images})
        return outputs

    return run


def write_openvino(network: Network, example: torch.Tensor, path: Path) -> None:
    openvino = import_openvino()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's tracer: shapes become constants, as they should here
        model = openvino.convert_model(network, example_input=example)
    model.reshape(list(example.shape))
    openvino.save_model(model, path, compress_to_fp16=False)


def import_openvino() -> Any:
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type] - it reports its use to a server
    import openvino

    return openvino


def with_openvino(path: Path, threads: int, streams: int) -> Run:
    options = {
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": streams,
    }
    compiled = import_openvino().compile_model(path, "CPU", options)

    def run(images: Array) -> list[Array]:
        # A request is used by one caller at a time, so each call has its own.
        found = compiled.create_infer_request().infer({0: images}, share_inputs=True, share_outputs=True)
        return [found[index] for index in range(len(found))]

    return run


def with_torch(path: Path, threads: int) -> Run:
    network = torch.load(path, weights_only=False)

    def run(images: Array) -> list[Array]:
        torch.set_num_threads(threads)  # of this thread
        with torch.inference_mode():
            outputs: list[Array] = [output.numpy() for output in network(torch.from_numpy(images))]
            return outputs

    return run


def serve(make: Callable[[], Run], shape: tuple[int, ...], *, at_once: bool, pipe: Connection) -> None:
    """Load a side, send its output for the first image of the pair, then send the seconds of a pair on each request."""
    draw = np.random.default_rng(0)
    pair = [draw.random(shape, np.float32) for _ in range(2)]
    run = make()
    pipe.send([np.array(output) for output in run(pair[0])])
    with ThreadPoolExecutor(2) as pool:
        while pipe.recv():
            start, pairs, seconds = time.perf_counter(), 0, 0.0
            while seconds < _TURN:
                list(pool.map(run, pair) if at_once else map(run, pair))
                pairs, seconds = pairs + 1, time.perf_counter() - start
            pipe.send(seconds / pairs)


@contextmanager
def process(make: Callable[[], Run], shape: tuple[int, ...], *, at_once: bool) -> Iterator[Connection]:
    """Start a process for a side."""
    own, others = get_context("spawn").Pipe()
    started = get_context("spawn").Process(
        target=serve, args=(make, shape), kwargs={"at_once": at_once, "pipe": others}, daemon=True
    )
    started.start()
    yield own
    own.send(False)
    started.join()


def seconds_of(pipe: Connection) -> float:
    """Let a side have its turn."""
    pipe.send(True)
    seconds: float = pipe.recv()
    return seconds


def difference(found: Sequence[Array], expected: Sequence[Array]) -> float:
    """Return the largest difference of an output from torch's, relative to the largest value of that output."""
    return max(float(np.abs(f - e).max() / np.abs(e).max()) for f, e in zip(found, expected, strict=True))


def measure(name: str, weights: Path | None, folder: Path, threads: int, rounds: int) -> None:
    if name in RANDOM and (weights is None or name != "vit"):
        torch.manual_seed(0)
        weights = folder / f"{name}.safetensors"
        save_file(timm.create_model(RANDOM[name]).state_dict(), weights)
    metric = create_metric(name, weights=weights if name in RANDOM else None)
    if not isinstance(metric, FeatureMetric):
        raise TypeError(f"{name} is a metric of features")
    shape = NETWORKS[name]
    (comparison,) = metric.comparisons
    network = Network(copy.deepcopy(comparison.extractor.backbone), comparison.layers, shape[-2:]).eval()
    example = torch.rand(shape)
    onnx, intermediate, pickled = (folder / f"{name}.{ending}" for ending in ("onnx", "xml", "pt"))
    write_onnx(metric, example, onnx)
    write_openvino(network, example, intermediate)
    torch.save(network, pickled)
    print(f"{name}: {' x '.join(map(str, shape))}, layers {', '.join(map(str, comparison.layers))}")
    half = max(1, threads // 2)
    alone: dict[str, Callable[[], Run]] = {
        "torch": partial(with_torch, pickled, threads),
        "onnxruntime": partial(with_onnx, onnx, threads),
        "openvino, one stream for each thread": partial(with_openvino, intermediate, threads, threads),
        "openvino, one stream": partial(with_openvino, intermediate, threads, 1),
    }
    together: dict[str, Callable[[], Run]] = {
        "torch": partial(with_torch, pickled, half),
        "onnxruntime": partial(with_onnx, onnx, half),
        "openvino, one stream for each thread": partial(with_openvino, intermediate, threads, threads),
    }
    report(alone, shape, rounds, at_once=False)
    report(together, shape, rounds, at_once=True)


def report(sides: dict[str, Callable[[], Run]], shape: tuple[int, ...], rounds: int, *, at_once: bool) -> None:
    with ExitStack() as started:
        pipes = {side: started.enter_context(process(make, shape, at_once=at_once)) for side, make in sides.items()}
        outputs = {side: pipe.recv() for side, pipe in pipes.items()}
        turns = [{side: seconds_of(pipe) for side, pipe in pipes.items()} for _ in range(rounds + 1)]
    times = {side: statistics.median(turn[side] for turn in turns[1:]) for side in sides}
    print(f"  two images, {'both at once' if at_once else 'one after the other'}:")
    for side, seconds in times.items():
        apart = difference(outputs[side], outputs["torch"])
        print(f"    {side:<38} {1000 * seconds:8.1f} ms, differs from torch by {apart:.1e}")
    fastest = min(seconds for side, seconds in times.items() if side.startswith("openvino"))
    print(f"    time of OpenVINO / time of ONNX Runtime: {fastest / times['onnxruntime']:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, help="file of weights of vit; default: random weights")
    parser.add_argument("--networks", nargs="+", choices=tuple(NETWORKS), default=tuple(NETWORKS))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    print(f"{machine()}, onnxruntime {onnxruntime.__version__}")
    print(f"{given.rounds} rounds, medians; above 1, ONNX Runtime is the faster one")
    with tempfile.TemporaryDirectory() as folder:
        for name in given.networks:
            measure(name, given.weights, Path(folder), given.threads, given.rounds)


if __name__ == "__main__":
    main()
