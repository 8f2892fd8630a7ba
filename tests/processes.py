"""What several processes of a group compute. Processes that are started import it by its name, unlike a test."""

from __future__ import annotations

import torch
from skimage import data
from torch import distributed, nn

from innersight import as_loss

TARGET = torch.rand(6, 3, 64, 80, generator=torch.Generator().manual_seed(0))
PREDS = (TARGET + 0.2 * torch.rand(TARGET.shape, generator=torch.Generator().manual_seed(1))).clamp(0, 1)
PHOTOGRAPH = torch.from_numpy(data.astronaut()[40:136, 150:246].copy()).permute(2, 0, 1)[None] / 255


def noisy(images: torch.Tensor, deviation: float = 0.1) -> torch.Tensor:
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(0))
    return (images + deviation * noise).clamp(0, 1)


def _join(folder: str, rank: int, world: int) -> None:
    distributed.init_process_group("gloo", init_method=f"file://{folder}/init{world}", rank=rank, world_size=world)
    torch.set_num_threads(1)


def compute_in_process(rank: int, folder: str, reduction: str) -> None:
    """Score images 0, 2, 4, 0 (process 0) or 1, 3, 5 (process 1), and write what `compute` returns."""
    from innersight.integrations.torchmetrics import Innersight

    _join(folder, rank, 2)
    metric = Innersight("lite", reduction=reduction)
    for index in range(rank, 6, 2):
        metric.update(PREDS[index][None], TARGET[index][None])
    if rank == 0:
        metric.update(PREDS[:1], TARGET[:1])  # the processes may have different numbers of images
    torch.save(metric.compute(), f"{folder}/{rank}.pt")
    distributed.destroy_process_group()


def step_in_process(rank: int, folder: str, world: int) -> None:
    """Write the gradient of a model after one step with its share of two images."""
    _join(folder, rank, world)
    torch.manual_seed(0)
    model = nn.parallel.DistributedDataParallel(nn.Conv2d(3, 3, 3, padding=1))
    loss = as_loss("lite")
    target = torch.cat((PHOTOGRAPH, PHOTOGRAPH.flip(-1)))
    loss(model(noisy(target)[rank::world]).sigmoid(), target[rank::world]).backward()
    torch.save([parameter.grad for parameter in model.parameters()], f"{folder}/{world}-{rank}.pt")
    distributed.destroy_process_group()
