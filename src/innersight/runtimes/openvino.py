"""OpenVINO as the runtime. On a CPU it is two to four times as fast as torch.

A network is traced by torch and converted at its first use. The converted network is used only if its outputs equal
those of torch within a tolerance. Without this check, an error of the converter would change scores unnoticed.
"""

from __future__ import annotations

import copy
import importlib.util
import sys
import threading
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from innersight.backbones.features import Backbone
from innersight.errors import ArgumentError, InnersightError, first_line
from innersight.runtimes.choice import RUNTIMES

_TOLERANCE = 1e-4
"""Largest allowed difference of an output from that of torch, relative to the largest value of its layer."""

_LARGEST_SIZE_COUNT = 4
"""Largest number of image sizes that a network is converted for one by one. Each conversion copies the weights."""

_USES_BEFORE_COMPILATION = 16
"""Number of images of one size after which a network for all sizes is compiled for that size too.

To compile takes as long as about 30 images. After this many, more of the same size are likely.
"""

_TRACED_SIZE, _CHECKED_SIZE = (160, 192), (173, 231)
"""Image sizes of the trace and of the check of a network for all sizes: one even, one odd, with no common side."""


class OpenVINO:
    """Runs a network with OpenVINO in float32 on the CPU. If a gradient is needed, torch runs it.

    A convolutional network is converted once for all image sizes, if that conversion passes the check. Any other
    network is converted for each of the first four sizes. torch runs further sizes, since a conversion takes seconds.

    Args:
        backbone: The network.
        fallback: Whether torch runs the network if the conversion fails. Otherwise a failure is an error.
    """

    def __init__(self, backbone: Backbone, *, fallback: bool) -> None:
        self._backbone = backbone
        self._fallback = fallback
        self._threads = torch.get_num_threads()  # of the thread that makes it: each worker of a batch has one
        self._failed = False
        self._start()

    def _start(self) -> None:
        """Create the lock and the empty tables of converted networks."""
        self._lock = threading.RLock()
        self._any_size: dict[tuple[int, ...] | None, _Program | None] = {}
        self._one_size: dict[tuple[tuple[int, ...] | None, int, int], _Program] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without converted networks, which cannot be copied. A copy converts its own network."""
        return {name: value for name, value in self.__dict__.items() if name not in ("_lock", "_any_size", "_one_size")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._start()

    @property
    def name(self) -> str:
        """`openvino` with its version, or `torch` after the conversion failed."""
        return "torch" if self._failed else f"openvino {_load().__version__.partition('-')[0]}"

    @property
    def differentiable(self) -> bool:
        """Whether gradients flow through the network: only after the conversion failed, since torch runs it then."""
        return self._failed

    @property
    def reduced(self) -> None:
        """None, since the network computes in the dtype of the images."""

    def __call__(self, images: torch.Tensor, layers: tuple[int, ...] | None) -> tuple[torch.Tensor, ...]:
        """Run the network.

        Args:
            images: (N, 3, H, W) in float32 on the CPU, normalised as the network expects.
            layers: Indices of the layers to return, ascending, or None for the embedding.

        Returns:
            The outputs of the layers, or the embedding alone.

        Raises:
            ArgumentError: If the images are not in float32 on the CPU, or the network cannot be converted.
        """
        if self._failed or (torch.is_grad_enabled() and images.requires_grad):
            return self._backbone.outputs(images, layers)
        if images.device.type != "cpu" or images.dtype != torch.float32:
            raise ArgumentError(
                f"Argument `runtime`: openvino computes in torch.float32 on the CPU, but got {images.dtype} on "
                f"{images.device}. Make the metric with runtime='torch'."
            )
        program = self._program(layers, images.shape[-2], images.shape[-1])
        return self._backbone.outputs(images, layers) if program is None else program(images)

    def _program(self, layers: tuple[int, ...] | None, height: int, width: int) -> _Program | None:
        """Return the converted network for this image size, after its conversion if needed, or None to use torch."""
        with self._lock:
            try:
                if layers not in self._any_size:
                    self._any_size[layers] = (
                        self._convert_for_all_sizes(layers) if self._backbone.kind == "maps" else None
                    )
                program = self._any_size[layers] or self._one_size.get((layers, height, width))
                if program is None and len(self._one_size) < _LARGEST_SIZE_COUNT:
                    program = self._convert(layers, (height, width), (height, width), dynamic=False)
                    self._one_size[layers, height, width] = program
            except InnersightError:
                raise  # the images do not fit the network, so torch would fail too
            except Exception as error:
                # The tracer, the converter and the compiler report failures by any type of error.
                if not self._fallback:
                    raise ArgumentError(
                        f"Argument `runtime`: openvino cannot run {self._backbone.entry.alias}: {first_line(error)} "
                        "Use runtime='torch'."
                    ) from error
                self._failed = True
                return None
        return program

    def _convert_for_all_sizes(self, layers: tuple[int, ...] | None) -> _Program | None:
        try:
            return self._convert(layers, _TRACED_SIZE, _CHECKED_SIZE, dynamic=True)
        except Exception:  # noqa: BLE001 - the errors of `_program`; the network is then converted for each size
            return None

    def _convert(
        self, layers: tuple[int, ...] | None, traced: tuple[int, int], checked: tuple[int, int], *, dynamic: bool
    ) -> _Program:
        draw = torch.Generator().manual_seed(0)
        example, other = (torch.rand(count, 3, *size, generator=draw) for count, size in ((2, traced), (1, checked)))
        with torch.inference_mode(False), torch.no_grad():
            self._backbone.check_size(*checked)
            network = self._backbone
            if not dynamic and hasattr(network.model, "set_input_size"):
                # torch interpolates the position table once. The converted interpolation differs by 5e-3.
                network = copy.deepcopy(network)
                model: Any = network.model
                model.set_input_size(img_size=checked)
            program = _Program(_Outputs(network, layers), example, dynamic=dynamic, threads=self._threads)
            for here, there in zip(program(other), self._backbone.outputs(other, layers), strict=True):
                error = (here - there).abs().max() / there.abs().max().clamp(min=torch.finfo(there.dtype).tiny)
                if not error <= _TOLERANCE:
                    raise RuntimeError(
                        f"the output of a layer differs from that of torch by {error:.1e} of its largest value."
                    )
        return program


class _Outputs(nn.Module):
    """A module with the outputs of a backbone as its forward pass, for the tracer."""

    def __init__(self, backbone: Backbone, layers: tuple[int, ...] | None) -> None:
        super().__init__()
        self._backbone = backbone
        self._layers = layers

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return self._backbone.outputs(images, self._layers)


class _Program:
    """A converted and compiled network. Each thread has its own buffers.

    A dynamic one accepts all image sizes. It is compiled again for a frequent size, which saves a fifth of the time.
    """

    def __init__(self, network: nn.Module, example: torch.Tensor, *, dynamic: bool, threads: int) -> None:
        self._threads = threads
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # the tracer warns that it treats shapes as constants; the check finds errors
            self._model: Any = _load().convert_model(network, example_input=example)
        self._general = self._compile([-1, 3, -1, -1] if dynamic else [-1, *example.shape[1:]])
        self._dynamic = dynamic
        self._seen: Counter[torch.Size] = Counter()
        self._special: dict[torch.Size, Any] = {}
        self._lock = threading.Lock()
        self._own = threading.local()

    def __call__(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        request = self._request(images.shape)
        array = images.detach().contiguous().numpy()
        results = request.infer({0: array}, share_inputs=True, share_outputs=True)
        # The next call writes into the same memory, so the results are copied.
        return tuple(torch.from_numpy(results[index]).clone() for index in range(len(results)))

    def _request(self, shape: torch.Size) -> Any:
        if not hasattr(self._own, "requests"):
            self._own.requests = {}
        compiled = self._compiled_for(shape)
        requests: dict[int, Any] = self._own.requests
        if id(compiled) not in requests:
            requests[id(compiled)] = compiled.create_infer_request()
        return requests[id(compiled)]

    def _compiled_for(self, shape: torch.Size) -> Any:
        if not self._dynamic or shape in self._special:
            return self._special.get(shape, self._general)
        with self._lock:
            self._seen[shape] += 1
            if self._seen[shape] == _USES_BEFORE_COMPILATION and len(self._special) < _LARGEST_SIZE_COUNT:
                self._special[shape] = self._compile(list(shape))
            return self._special.get(shape, self._general)

    def _compile(self, shape: list[int]) -> Any:
        model = self._model.clone()
        model.reshape(shape)
        # One stream per thread: several images are scored at the same time, each by one thread.
        options = {
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": self._threads,
            "NUM_STREAMS": self._threads,
        }
        return _load().compile_model(model, "CPU", options)


def _load() -> Any:
    with _without_telemetry():
        import openvino
    return openvino


@contextmanager
def _without_telemetry() -> Iterator[None]:
    """Prevent the first import of OpenVINO from reporting its use to a server. Without the module it uses a stub."""
    if "openvino" in sys.modules:
        yield
        return
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules["openvino_telemetry"]


@RUNTIMES.register("openvino")
def _start_openvino(backbone: Backbone, precision: str, device: torch.device, *, fallback: bool) -> OpenVINO:
    if device.type != "cpu" or precision != "fp32":
        raise ArgumentError(
            f"Argument `runtime`: openvino computes in fp32 on a CPU, but got {precision} on {device}. Use torch."
        )
    if importlib.util.find_spec("openvino") is None:
        raise ArgumentError(
            "Argument `runtime`: openvino is not installed. Run: pip install 'innersight[openvino]', or use torch."
        )
    return OpenVINO(backbone, fallback=fallback)
