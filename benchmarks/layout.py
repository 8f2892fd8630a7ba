"""Compare the channels-last and the contiguous memory layout on the CPU: `python benchmarks/layout.py [--runs 15]`."""

from __future__ import annotations

import argparse
import copy
import statistics
import time

import timm
import torch

CASES = (
    ("tf_efficientnet_lite0", (1, 3, 256, 341)),
    ("tf_efficientnet_lite0", (8, 3, 256, 341)),
    ("resnet50_clip.openai", (4, 3, 224, 224)),
    ("resnet18", (4, 3, 224, 224)),
    ("convnext_base.clip_laion2b", (4, 3, 224, 224)),
)


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    torch.manual_seed(0)
    for name, shape in CASES:
        contiguous = timm.create_model(name, pretrained=False).eval()
        last = copy.deepcopy(contiguous).to(memory_format=torch.channels_last)
        images, times = torch.rand(shape), {}
        for run in range(runs + 2):
            for label, model in (("contiguous", contiguous), ("channels last", last)):
                start = time.perf_counter()
                model.forward_intermediates(images, intermediates_only=True)
                if run >= 2:  # in the first runs torch chooses kernels
                    times.setdefault(label, []).append(time.perf_counter() - start)
        medians = {label: 1000 * statistics.median(values) for label, values in times.items()}
        ratio = medians["contiguous"] / medians["channels last"]
        print(
            f"{name:<28} {shape!s:<20} " + ", ".join(f"{k} {v:.0f} ms" for k, v in medians.items()) + f", {ratio:.2f}x"
        )


if __name__ == "__main__":
    main()
