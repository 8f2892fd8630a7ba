"""Restore a noisy photograph by gradient descent, with a score as the loss.

The pixels are the parameters, and the clean photograph is the target. To train a network, put its output in the place
of `restored`. Needs: pip install 'innersight[torch]'
"""

from __future__ import annotations

from pathlib import Path

import torch

import innersight

STEPS = 30


def psnr(image: torch.Tensor, target: torch.Tensor) -> float:
    return float(-10 * torch.log10(((image - target) ** 2).mean()))


def main() -> None:
    path = Path(__file__).parent / "photographs" / "cat.jpg"
    target = torch.from_numpy(innersight.read_image(path))[None, :, 40:232, 130:322]
    grain = torch.randn((1, 1, 192, 192), generator=torch.Generator().manual_seed(0))  # the same in all channels
    noisy = (target + 0.1 * grain).clamp(0, 1)

    torch.manual_seed(0)  # of the jitter
    loss = innersight.as_loss("lite", jitter=32)
    score = innersight.create_metric("lite")
    restored = torch.nn.Parameter(noisy.clone())
    optimizer = torch.optim.Adam([restored], lr=0.02)
    for step in range(STEPS + 1):
        value = loss(restored, target)
        if step % 10 == 0:
            shown = restored.detach().clamp(0, 1)
            numbers = f"score {score(target, shown).item():.2f}  PSNR {psnr(shown, target):.2f} dB"
            print(f"step {step:2}  loss {value.item():.3f}  {numbers}")
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    print(f"{loss.clamped_share():.1%} of the values were outside [0, 1] and clamped")


if __name__ == "__main__":
    main()
