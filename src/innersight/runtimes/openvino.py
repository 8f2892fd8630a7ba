"""OpenVINO: the same network compiled for the CPU, two to four times faster than torch there.

A network is traced by torch and converted on its first use, and takes part only after its numbers were found to be
torch's: a converter that misread an operation would otherwise change scores in silence.
"""

from __future__ import annotations

import copy
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

_TOLERANCE = 1e-4
"""How far an output may lie from torch's, relative to the largest value of its layer."""

_SIZES_KEPT = 4
"""Image sizes that a network of one size at a time is converted for; each holds a copy of the weights."""

_OFTEN = 16  # images of one size after which to compile for it, about as long as 30 of them, has paid

_TRACED, _CHECKED = (160, 192), (173, 231)  # two sizes with nothing in common, even and odd


class OpenVINO:
    """Runs a network with OpenVINO in float32 on the CPU; with torch where a gradient is wanted.

    Convolutional networks are converted once for all sizes if that proves right. Others, transformers among them, are
    converted for each size they see, up to four; torch runs any further size, since to convert takes seconds.

    Args:
        backbone: The network.
        or_torch: Whether torch runs in its place where the conversion fails; else that is an error.
    """

    def __init__(self, backbone: Backbone, *, or_torch: bool) -> None:
        self._backbone = backbone
        self._or_torch = or_torch
        self._threads = torch.get_num_threads()  # of the thread that makes it: workers of a batch have one each
        self._failed = False
        self._start()

    def _start(self) -> None:
        """Begin without any converted network."""
        self._lock = threading.RLock()
        self._any_size: dict[tuple[int, ...] | None, _Program | None] = {}
        self._one_size: dict[tuple[tuple[int, ...] | None, int, int], _Program] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Leave out converted networks, which can't be copied: a copy converts its own network."""
        return {name: value for name, value in self.__dict__.items() if name not in ("_lock", "_any_size", "_one_size")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._start()

    @property
    def name(self) -> str:
        """`openvino` and its version; `torch` once that runs in its place."""
        return "torch" if self._failed else f"openvino {_load().__version__.partition('-')[0]}"

    @property
    def differentiable(self) -> bool:
        """False; True once torch runs in its place."""
        return self._failed

    @property
    def reduced(self) -> None:
        """None: what runs, runs in the images' precision."""

    def __call__(self, images: torch.Tensor, layers: tuple[int, ...] | None) -> tuple[torch.Tensor, ...]:
        """Run the network, see `Backbone.outputs`.

        Raises:
            ArgumentError: If the metric was moved from the CPU or from float32, or the network can't be converted.
        """
        if self._failed or (torch.is_grad_enabled() and images.requires_grad):
            return self._backbone.outputs(images, layers)
        if images.device.type != "cpu" or images.dtype != torch.float32:
            raise ArgumentError(
                f"OpenVINO computes in torch.float32 on the CPU, but got {images.dtype} on {images.device}: make the "
                "metric with runtime='torch'."
            )
        program = self._program(layers, images.shape[-2], images.shape[-1])
        return self._backbone.outputs(images, layers) if program is None else program(images)

    def _program(self, layers: tuple[int, ...] | None, height: int, width: int) -> _Program | None:
        """Return what runs images of this size, converting it if there is none yet; None leaves them to torch."""
        with self._lock:
            try:
                if layers not in self._any_size:
                    self._any_size[layers] = self._for_any_size(layers) if self._backbone.kind == "maps" else None
                program = self._any_size[layers] or self._one_size.get((layers, height, width))
                if program is None and len(self._one_size) < _SIZES_KEPT:
                    program = self._convert(layers, (height, width), (height, width), dynamic=False)
                    self._one_size[layers, height, width] = program
            except InnersightError:
                raise  # the images are at fault, whatever runs the network
            except Exception as error:
                # Tracer, converter and compiler signal what they can't do with any type of error.
                if not self._or_torch:
                    raise ArgumentError(
                        f"OpenVINO can't run {self._backbone.entry.alias}: {first_line(error)} Use runtime='torch'."
                    ) from error
                self._failed = True
                return None
        return program

    def _for_any_size(self, layers: tuple[int, ...] | None) -> _Program | None:
        try:
            return self._convert(layers, _TRACED, _CHECKED, dynamic=True)
        except Exception:  # noqa: BLE001 - the same errors as above; one size at a time is the way that is left
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
                # Its position table is interpolated by torch, once: the converted interpolation differs by 5e-3.
                network = copy.deepcopy(network)
                model: Any = network.model
                model.set_input_size(img_size=checked)
            program = _Program(_Outputs(network, layers), example, dynamic=dynamic, threads=self._threads)
            for here, there in zip(program(other), self._backbone.outputs(other, layers), strict=True):
                error = (here - there).abs().max() / there.abs().max().clamp(min=torch.finfo(there.dtype).tiny)
                if not error <= _TOLERANCE:
                    raise RuntimeError(f"a layer differs from torch's by {error:.1e} of its largest value.")
        return program


class _Outputs(nn.Module):
    """One forward with one result, as the tracer wants it."""

    def __init__(self, backbone: Backbone, layers: tuple[int, ...] | None) -> None:
        super().__init__()
        self._backbone = backbone
        self._layers = layers

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return self._backbone.outputs(images, self._layers)


class _Program:
    """A converted network, compiled; every thread has buffers of its own.

    A dynamic one takes any size. A size that keeps coming is compiled for by itself, which saves a fifth of its time.
    """

    def __init__(self, network: nn.Module, example: torch.Tensor, *, dynamic: bool, threads: int) -> None:
        self._threads = threads
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the tracer's, about shapes it takes for constants: the check decides
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
        # Copied, since the next call writes into the same memory.
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
            if self._seen[shape] == _OFTEN and len(self._special) < _SIZES_KEPT:
                self._special[shape] = self._compile(list(shape))
            return self._special.get(shape, self._general)

    def _compile(self, shape: list[int]) -> Any:
        model = self._model.clone()
        model.reshape(shape)
        # One stream a thread: images are scored side by side, each by one thread, which wastes least.
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
    """Keep OpenVINO's first import from reporting its use to a server: without that module it uses a stub."""
    if "openvino" in sys.modules:
        yield
        return
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules["openvino_telemetry"]
