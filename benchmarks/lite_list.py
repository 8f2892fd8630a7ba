"""Compare `lite` on a list with the cost of LPIPS and DISTS: `python benchmarks/lite_list.py [--rounds 5]`.

The list has 4 references of 512 x 384 with 50 distorted images each, as PNG files. The time to decode the files is
included except where the output says otherwise. LPIPS-Alex needs two passes of AlexNet for each pair, LPIPS-VGG and
DISTS need two passes of VGG16. They run as torchvision's networks with random weights in eager torch. VGG16 runs on an
eighth of the list, and its time is multiplied by eight.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import torch
import torchvision
from alternate import alternate, machine, ratios
from photographs import write_pairs

from innersight import create_metrics, create_scorers, read_image, score_pairs

PART = 8


@torch.inference_mode()
def two_passes(pairs: list[tuple[Path, Path]], network: torch.nn.Module) -> None:
    for pair in pairs:
        for path in pair:
            network(torch.from_numpy(read_image(path))[None])


def passes_alone(images: list[torch.Tensor], network: torch.nn.Module) -> None:
    with torch.inference_mode():
        for image in images:
            network(image)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    alexnet, vgg16 = torchvision.models.alexnet().features.eval(), torchvision.models.vgg16().features.eval()
    with tempfile.TemporaryDirectory() as folder:
        pairs = write_pairs(Path(folder), references=4, distorted_each=50)
        bundle = create_scorers(["lite"], runtime="onnx")
        plain = create_metrics(["lite"])
        decoded = [torch.from_numpy(read_image(path))[None] for pair in pairs[:: len(pairs) // 25] for path in pair]
        for metrics in (bundle, plain):
            list(score_pairs(pairs[:20], metrics))
        two_passes(pairs[:2], alexnet), two_passes(pairs[:2], vgg16)
        ours = "innersight lite, the bundle"
        sides = {
            ours: lambda: list(score_pairs(pairs, bundle)),
            "innersight lite, torch": lambda: list(score_pairs(pairs, plain)),
            "AlexNet, two passes a pair, files read": lambda: two_passes(pairs, alexnet),
            "AlexNet, two passes a pair, without reading": lambda: passes_alone(decoded, alexnet),
            "VGG16, two passes a pair, files read": lambda: two_passes(pairs[::PART], vgg16),
            "reading every file of every pair": lambda: [read_image(path) for pair in pairs for path in pair],
        }
        print(machine())
        print(f"{len(pairs)} pairs of 4 references, {rounds} rounds; seconds for the whole list")
        times = alternate(sides, rounds)
        times["VGG16, two passes a pair, files read"] *= PART
        times["AlexNet, two passes a pair, without reading"] *= 2 * len(pairs) / len(decoded)
        print(ratios(times, ours))


if __name__ == "__main__":
    main()
