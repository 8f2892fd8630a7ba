"""Measure the rounding of the gradients of `lite`, on a CPU or a GPU.

    python benchmarks/gradients.py
    python benchmarks/gradients.py --device cuda

A gradient is compared with another one of the same image by the norm of the difference, relative to the norm of the
float64 gradient on the CPU. Each line has the reference image first, then the distorted image. It measures:

* float64 after a change of the last bit of the pixels, on the CPU. A large difference means that rounding decides the
  gradient, as where two neighbours are equal and the maximum has either as its position;
* float64 of the device;
* float32 of the device, with TF32 off and, on a GPU, on.

The pairs "as drawn" have saturated pixels and chroma that is constant along borders. The pairs "without ties" are the
same images in the range from 0.175 to 0.825, with a little noise in each channel.
"""

from __future__ import annotations

import argparse

import torch

import innersight
from innersight.export.check import distort, photograph

SIZES = {0: (384, 512), 2: (101, 203)}
"""(height, width) by the number of the pair: a blurred image, and one of six levels in each channel."""

CHANGES: dict[str, dict[str, object]] = {
    "lite": {},
    "lite without chroma_range": {"terms.chroma.weight": 0},
    "lite without chroma_range, chroma=full": {"terms.chroma.weight": 0, "views.main.chroma": "full"},
}

Pair = list[torch.Tensor]


def gradients(metric: torch.nn.Module, images: Pair) -> Pair:
    free = [image.detach().clone().requires_grad_() for image in images]
    return [gradient.cpu().double() for gradient in torch.autograd.grad(metric(*free).sum(), free)]


def apart(found: Pair, expected: Pair) -> str:
    sides = list(zip(found, expected, strict=True))
    norms = [((mine - theirs).norm() / theirs.norm()).item() for mine, theirs in sides]
    cosines = [torch.nn.functional.cosine_similarity(m.flatten(), t.flatten(), dim=0).item() for m, t in sides]
    return f"{norms[0]:.1e}, {norms[1]:.1e} (cosine {cosines[0]:.4f}, {cosines[1]:.4f})"


def without_ties(images: Pair, seed: int) -> Pair:
    draw = torch.Generator().manual_seed(seed)
    return [
        0.2 + 0.6 * image + 0.05 * (torch.rand(image.shape, generator=draw, dtype=image.dtype) - 0.5)
        for image in images
    ]


def other_last_bit(images: Pair) -> Pair:
    draw, unit = torch.Generator().manual_seed(0), torch.finfo(torch.float64).eps
    steps = (torch.randint(-1, 2, image.shape, generator=draw).double() for image in images)
    return [(image * (1 + unit * step)).clamp(0, 1) for image, step in zip(images, steps, strict=True)]


def measure(name: str, images: Pair, device: torch.device) -> None:
    saturated = [((image == 0) | (image == 1)).double().mean().item() for image in images]
    print(f"{name}: {saturated[0]:.1%}, {saturated[1]:.1%} of the values are 0 or 1", flush=True)
    for text, changes in CHANGES.items():
        exact = innersight.create_metric("lite", precision="fp64", changes=changes)
        expected = gradients(exact, images)
        moved = gradients(exact, other_last_bit(images))
        print(f" {text}\n  float64, last bit changed   {apart(moved, expected)}", flush=True)
        there = [image.to(device) for image in images]
        if device.type != "cpu":
            print(f"  float64, {device}   {apart(gradients(exact.to(device), there), expected)}")
        metric = innersight.create_metric("lite", device=device, changes=changes)
        for tf32 in (False, True) if device.type == "cuda" else (False,):
            torch.backends.cudnn.allow_tf32 = tf32
            found = gradients(metric, [image.float() for image in there])
            print(f"  float32, {device}, TF32 {'on' if tf32 else 'off'}   {apart(found, expected)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", type=torch.device)
    options = parser.parse_args()
    print(f"torch {torch.__version__}, {options.device}")
    for index, size in SIZES.items():
        reference = photograph(index, *size)
        images = [reference.double(), distort(index, reference).clamp(0, 1).double()]
        measure(f"{size[1]} x {size[0]}, as drawn", images, options.device)
        measure(f"{size[1]} x {size[0]}, without ties", without_ties(images, index), options.device)


if __name__ == "__main__":
    main()
