"""Search for patterns that `as_loss` does not see: errors as large as possible at a low loss.

    python benchmarks/loss_patterns.py

The search maximizes the squared error of an image while its loss is at most that of the same photograph with white
noise of PSNR 30 dB, or coded as JPEG of quality 30. It is Adam from small noise, on all pixels, or on one square tile
of free pixels without a mean, which is repeated over the image: all patterns of this period, of all channels and
phases. Among the periods are the strides of convolutional networks (2 to 32) and the patch of a ViT (14). The network
gets the images at their own size, so that patterns meet its strides. Each line has the lowest PSNR of the
photographs.

Then it starts from the pattern that it found without the term of pixels, and lowers the loss by gradient descent,
once without and once with this term.
"""

from __future__ import annotations

import argparse
import io
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from innersight import as_loss
from innersight.metrics.loss import MetricLoss

PHOTOGRAPHS = Path(__file__).parents[1] / "examples" / "photographs"
PERIODS = (2, 4, 8, 14, 16, 32)


def psnr(images: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Compute the PSNR of each image, dB."""
    return -10 * (images - target).square().mean((1, 2, 3)).log10()


def noisy(images: torch.Tensor, decibels: float) -> torch.Tensor:
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(0))
    return (images + 10 ** (-decibels / 20) * noise).clamp(0, 1)


def search(
    loss: MetricLoss, target: torch.Tensor, limit: torch.Tensor, period: int | None, *, steps: int, rate: float = 0.01
) -> torch.Tensor:
    """Find images of a large error and a loss of at most `limit`.

    Args:
        loss: The loss, with `reduction="none"`.
        target: (N, 3, H, W).
        limit: (N,).
        period: Side of the tile, pixels; None for the whole image.
        steps: Number of steps of Adam.
        rate: Learning rate at the start. It falls to 5 % as a cosine.
    """
    height, width = target.shape[-2:]
    rows, columns = (height, width) if period is None else (period, period)
    draw = torch.Generator().manual_seed(1)
    error = 0.02 * torch.randn(len(target), 3, rows, columns, generator=draw)

    def add(error: torch.Tensor) -> torch.Tensor:
        if period is not None:
            tile = error - error.mean((2, 3), keepdim=True)
            error = tile.repeat(1, 1, -(-height // period), -(-width // period))[..., :height, :width]
        return (target + error).clamp(0, 1)

    error.requires_grad_()
    optimizer = torch.optim.Adam([error], lr=rate)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = rate * (0.525 + 0.475 * math.cos(math.pi * step / steps))
        images = add(error)
        excess = (loss(images, target) / limit).log().clamp(min=0)
        optimizer.zero_grad()
        (4 * excess - (images - target).square().mean((1, 2, 3)).log()).sum().backward()
        optimizer.step()
    # The largest multiple of the error that keeps the limit, for each image.
    found, lower, upper = error.detach(), torch.zeros(len(target)), torch.full((len(target),), 1.5)
    with torch.no_grad():
        for _ in range(10):
            middle = (lower + upper) / 2
            below = loss(add(middle[:, None, None, None] * found), target) <= limit
            lower, upper = torch.where(below, middle, lower), torch.where(below, upper, middle)
    return add(lower[:, None, None, None] * found)


def descend(loss: MetricLoss, start: torch.Tensor, target: torch.Tensor, *, steps: int) -> torch.Tensor:
    """Lower the loss by Adam, and return the images at the end."""
    images = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([images], lr=0.01)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 0.01 * (0.525 + 0.475 * math.cos(math.pi * step / steps))
        optimizer.zero_grad()
        loss(images, target).sum().backward()
        optimizer.step()
    return images.detach().clamp(0, 1)


def read(size: int) -> torch.Tensor:
    """Read the middle of the photographs, resized: (3, 3, size, size)."""
    found = []
    for name in ("astronaut", "cat", "coffee"):
        with Image.open(PHOTOGRAPHS / f"{name}.jpg") as image:
            side = min(image.size)
            left, top = ((length - side) // 2 for length in image.size)
            square = image.convert("RGB").resize((size, size), box=(left, top, left + side, top + side))
        found.append(np.asarray(square))
    return torch.from_numpy(np.stack(found)).permute(0, 3, 1, 2) / 255


def coded(images: torch.Tensor, quality: int) -> torch.Tensor:
    """Code images as JPEG 4:2:0, and decode them."""
    found = []
    for pixels in (255 * images).round().byte().permute(0, 2, 3, 1).numpy():
        Image.fromarray(pixels).save(stream := io.BytesIO(), "JPEG", quality=quality)
        found.append(np.asarray(Image.open(stream)))
    return torch.from_numpy(np.stack(found)).permute(0, 3, 1, 2) / 255


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--metric", default="lite", help="a preset of one view")
    parser.add_argument("--weights", default=None, help="a file of its weights")
    parser.add_argument("--pixels", type=float, nargs="+", default=[0, 0.2], help="shares of the term of pixels")
    parser.add_argument("--chroma", default=None, choices=["half", "full"], help="of the view; that of the preset")
    parser.add_argument("--jitter", type=int, default=0)
    parser.add_argument("--size", type=int, default=96, help="side of the images, pixels")
    parser.add_argument("--steps", type=int, default=80)
    options = parser.parse_args()
    target = read(options.size)
    changes = {"views.main.input": f"short={options.size}"}
    if options.chroma:
        changes["views.main.chroma"] = options.chroma
    losses = {}
    for share in options.pixels:
        losses[share] = as_loss(
            options.metric, weights=options.weights, reduction="none", jitter=options.jitter, pixels=share,
            changes=changes,
        )  # fmt: skip
    lowest: Callable[[torch.Tensor], str] = lambda images: f"{psnr(images, target).min():.1f}"  # noqa: E731
    hidden: dict[int | None, torch.Tensor] = {}
    for share, loss in losses.items():
        for name, images in (("noise 30 dB", noisy(target, 30)), ("JPEG 30", coded(target, 30))):
            with torch.no_grad():
                limit = loss(images, target)
            bound = 10 * (loss.pixel_weight / limit).log10().min()
            print(f"pixels={share}, loss of {name}: its PSNR {lowest(images)}, bound {bound:.1f}", flush=True)
            for period in (None, *PERIODS):
                found = search(loss, target, limit, period, steps=options.steps)
                print(f"  {period or 'free'}: {lowest(found)}", flush=True)
                if not share and name == "JPEG 30":
                    hidden[period] = found
    for period, start in hidden.items():
        print(f"descent from pattern {period or 'free'}, PSNR {lowest(start)}", flush=True)
        for share, loss in losses.items():
            end = descend(loss, start, target, steps=options.steps)
            with torch.no_grad():
                ratio = (loss(end, target) / loss(start, target)).max()
            print(f"  pixels={share}: PSNR {lowest(end)}, loss times {ratio:.3f}", flush=True)


if __name__ == "__main__":
    main()
