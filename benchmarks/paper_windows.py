"""Compare `paper` on a list with a plain loop and with the network alone: `python benchmarks/paper_windows.py`.

The list has 2 references of 512 x 384 with 20 distorted images each, and the backbone is dinov1-vitb16. The plain loop
does what the code of the paper does: it computes each window of both images alone, in batches of 1, in eager torch, and
keeps no features. The bare forward runs the network over the same unique windows, 16 at once, and does nothing else.
`--weights FILE` gives the weights. The default is random weights, which take the same time.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import timm
import torch
from alternate import alternate, machine, ratios
from photographs import write_pairs
from safetensors.torch import save_file

from innersight import FeatureMetric, create_metrics, read_image, score_pairs
from innersight.metrics.base import FullReferenceMetric
from innersight.preprocess.input_policy import WindowGrid
from innersight.preprocess.windows import cut_windows

DISTANCES = ("l2", "cos", "skld", "jsd", "wsd")
AT_ONCE = 16  # windows in one call
Pairs = list[tuple[Path, Path]]


def windows_of(path: Path) -> list[torch.Tensor]:
    image = torch.from_numpy(read_image(path))
    grid = WindowGrid.over(image.shape[-2], image.shape[-1], 224, 200)
    return [cut_windows(image[None], [corner], grid.window) for corner in grid.corners]


@torch.inference_mode()
def plain_loop(pairs: Pairs, metric: FullReferenceMetric) -> list[float]:
    scores = []
    for pair in pairs:
        both = [windows_of(path) for path in pair]
        values = [metric(reference, distorted).item() for reference, distorted in zip(*both, strict=True)]
        scores.append(sum(values) / len(values))
    return scores


@torch.inference_mode()
def bare_forward(windows: torch.Tensor, metric: FullReferenceMetric) -> None:
    """Run the network alone."""
    if not isinstance(metric, FeatureMetric):
        raise TypeError("paper is a metric of features")
    comparison = metric.comparisons[0]
    for some in windows.split(AT_ONCE):
        comparison.extractor.runtime(some, comparison.layers)


def engine(pairs: Pairs, metrics: dict[str, FullReferenceMetric]) -> list[dict[str, float]]:
    return [dict(result.scores) for result in score_pairs(pairs, metrics)]


def write_random_weights(path: Path) -> None:
    torch.manual_seed(0)
    save_file(timm.create_model("vit_base_patch16_224.dino").state_dict(), path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--five", action="store_true", help="compare all five distances at once with five plain loops")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, weights = Path(name), given.weights
        if weights is None:
            write_random_weights(weights := folder / "random.safetensors")
        pairs = write_pairs(folder, references=2, distorted_each=20)
        asked = [f"paper:distance={distance}" for distance in (DISTANCES if given.five else ("l2",))]
        torches = create_metrics(asked, weights=weights)
        lead = torches["paper:distance=l2"]
        files = list(dict.fromkeys(path for pair in pairs for path in pair))
        windows = torch.cat([window for path in files for window in windows_of(path)])
        engine(pairs[:1], torches)  # torch chooses kernels
        loops = {f"plain loop, {text}, torch": lambda text=text: plain_loop(pairs, torches[text]) for text in asked}
        ours = f"innersight, {len(asked)} distance(s), torch"
        sides = {
            **loops,
            ours: lambda: engine(pairs, torches),
            "bare forward, torch": lambda: bare_forward(windows, lead),
        }
        print(machine())
        print(f"{len(pairs)} pairs of {len(files)} images, {len(windows)} unique windows; {given.rounds} rounds")
        times = alternate(sides, given.rounds)
        print(ratios(times, ours))
        whole = sum(times[loop] for loop in loops)
        print(f"plain loops / ours: {whole / times[ours]:.2f}x")
        print(f"ours / bare forward: {times[ours] / times['bare forward, torch']:.3f}x")
        scores = engine(pairs, torches)
        for text in asked:
            plain = plain_loop(pairs, torches[text])
            apart = max(abs(row[text] / there - 1) for row, there in zip(scores, plain, strict=True))
            print(f"scores of {text} differ from the plain loop's by at most {apart:.1e}")


if __name__ == "__main__":
    main()
