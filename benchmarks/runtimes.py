"""Compare ONNX Runtime, OpenVINO and eager torch on the networks of the presets.

    python benchmarks/runtimes.py --weights FILE

The networks are that of `lite` (256 x 341), that of `vit` (308 x 406) and that of `paper` (6 windows of 224 x 224).
They return the layers that the preset compares. `--weights FILE` gives the weights of `vit`. Without it, and for
`paper`, they are random and take the same time. Each network is converted for this one size: with torch.onnx.export for
ONNX Runtime, with openvino.convert_model for OpenVINO.

A side computes the two images of a pair. All sides run in turns in each round. First the images come one after the
other and each may use all threads, as for a single pair. Then both come at once and each uses half of the threads, as
in a list. OpenVINO runs with one stream for each thread, as the runtime of this package does, and with one stream for
all threads, which is faster for one image at a time. The ratio is taken to the faster setting of OpenVINO.
"""

from __future__ import annotations

import argparse
import copy
import sys
import tempfile
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import onnxruntime
import timm
import torch
from alternate import alternate, machine
from safetensors.torch import save_file
from torch import nn

from innersight import FeatureMetric, create_metric
from innersight.export.modules import view_graphs
from innersight.export.translations import translations

NETWORKS = {"lite": (1, 3, 256, 341), "vit": (1, 3, 308, 406), "paper": (6, 3, 224, 224)}
"""The presets, and the shape of the input of their networks for an image of 512 x 384 (width x height)."""

RANDOM = {"vit": "vit_small_patch14_dinov2.lvd142m", "paper": "vit_base_patch16_224.dino"}
"""The networks that get random weights if there is no file."""

Run = Callable[[torch.Tensor], Any]


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
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    (image,) = session.get_inputs()
    return lambda images: session.run(None, {image.name: images.numpy()})


def with_openvino(network: Network, example: torch.Tensor, threads: int, streams: int) -> Run:
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type] - it reports its use to a server
    import openvino

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's tracer: shapes become constants, as they should here
        model = openvino.convert_model(network, example_input=example)
    model.reshape(list(example.shape))
    options = {
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": streams,
    }
    compiled = openvino.compile_model(model, "CPU", options)

    def run(images: torch.Tensor) -> list[Any]:
        # A request is used by one caller at a time, so each call has its own.
        found = compiled.create_infer_request().infer({0: images.numpy()}, share_inputs=True, share_outputs=True)
        return [found[index] for index in range(len(found))]

    return run


def with_torch(network: Network, threads: int | None = None) -> Run:
    def run(images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        if threads is not None:
            torch.set_num_threads(threads)  # of this thread
        with torch.inference_mode():
            found: tuple[torch.Tensor, ...] = network(images)
        return found

    return run


def one_after_the_other(run: Run, pair: list[torch.Tensor]) -> None:
    for images in pair:
        run(images)


def both_at_once(run: Run, pair: list[torch.Tensor], pool: ThreadPoolExecutor) -> None:
    list(pool.map(run, pair))


def difference(run: Run, expected: tuple[torch.Tensor, ...], images: torch.Tensor) -> float:
    """Return the largest difference of an output from torch's, relative to the largest value of that output."""
    found = [torch.as_tensor(output) for output in run(images)]
    return max(((f - e).abs().max() / e.abs().max()).item() for f, e in zip(found, expected, strict=True))


def measure(name: str, weights: Path | None, folder: Path, threads: int, rounds: int) -> None:
    if name in RANDOM and (weights is None or name != "vit"):
        torch.manual_seed(0)
        weights = folder / f"{name}.safetensors"
        save_file(timm.create_model(RANDOM[name]).state_dict(), weights)
    metric = create_metric(name, weights=weights if name in RANDOM else None)
    if not isinstance(metric, FeatureMetric):
        raise TypeError(f"{name} is a metric of features")
    shape = NETWORKS[name]
    draw = torch.Generator().manual_seed(0)
    pair = [torch.rand(shape, generator=draw) for _ in range(2)]
    (comparison,) = metric.comparisons
    network = Network(copy.deepcopy(comparison.extractor.backbone), comparison.layers, shape[-2:]).eval()
    write_onnx(metric, pair[0], folder / f"{name}.onnx")
    with torch.inference_mode():
        expected = network(pair[0])
    half = max(1, threads // 2)
    streamed = with_openvino(network, pair[0], threads, threads)
    alone: dict[str, Run] = {
        "onnxruntime": with_onnx(folder / f"{name}.onnx", threads),
        "openvino, one stream for each thread": streamed,
        "openvino, one stream": with_openvino(network, pair[0], threads, 1),
        "torch": with_torch(network),
    }
    together: dict[str, Run] = {
        "onnxruntime": with_onnx(folder / f"{name}.onnx", half),
        "openvino, one stream for each thread": streamed,
        "torch": with_torch(network, half),
    }
    print(f"{name}: {' x '.join(map(str, shape))}, layers {', '.join(map(str, comparison.layers))}")
    for side, run in alone.items():
        print(f"  {side:<40} differs from torch by {difference(run, expected, pair[0]):.1e}")
    with ThreadPoolExecutor(2) as pool:
        report("one after the other", {s: partial(one_after_the_other, r, pair) for s, r in alone.items()}, rounds)
        report("both at once", {s: partial(both_at_once, r, pair, pool) for s, r in together.items()}, rounds)


def report(how: str, sides: dict[str, Callable[[], object]], rounds: int) -> None:
    for side in sides.values():
        side()
        side()
    times = alternate(sides, rounds)
    print(f"  two images, {how}:")
    for name, seconds in times.items():
        print(f"    {name:<38} {1000 * seconds:8.1f} ms")
    fastest = min(seconds for name, seconds in times.items() if name.startswith("openvino"))
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
