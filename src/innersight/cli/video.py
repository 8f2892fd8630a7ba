"""`innersight video`: two videos, frame by frame."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import tee
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from innersight.cli import options
from innersight.cli.progress import Progress
from innersight.errors import ArgumentError, ImageError, first_line

if TYPE_CHECKING:
    from innersight.io.video import Video

_SHOWN_WORST = 5


@options.with_changes
def video(
    *,
    reference: Annotated[Path, typer.Argument(metavar="REF", readable=False, help="Reference video file.")],
    distorted: Annotated[Path, typer.Argument(metavar="DIS", readable=False, help="Distorted video file.")],
    metric: Annotated[
        str,
        typer.Option(
            metavar="NAME|FOLDER|FILE[:PATH=VALUE]...",
            help="Metric: a name from `innersight metrics`, the folder of a bundle, or a .toml or .json file.",
        ),
    ] = "lite",
    changes: dict[str, object],
    every: Annotated[
        int, typer.Option(metavar="N", min=1, help="Score only the frames 0, N, 2 N and so on. All frames are decoded.")
    ] = 1,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv",
            readable=False,
            help="Write the score of each frame to this file: columns frame, seconds, score. Default: none.",
        ),
    ] = None,
    weights: options.Weights = None,
    device: options.Device = "auto",
    precision: options.Precision = "fp32",
    runtime: options.Runtime = "auto",
    mask: options.Mask = None,
    ignore: options.Ignore = None,
    crop_border: options.CropBorder = 0,
    as_json: Annotated[
        bool, typer.Option("--json", metavar="", help="Print the summary and the full configuration as a JSON object.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", metavar="", help="Print no progress.")] = False,
) -> None:
    """Score a distorted video against its reference, frame by frame.

    Frames are compared in their order. Both videos must have the same number of frames and the same frame size. It
    prints the mean, the percentiles and the worst frames. The extra `video` must be installed. The exit status is 0 if
    all frames were scored, else 2.
    """
    from innersight.inference.scorer import Scorer
    from innersight.inference.summary import ScoredPair, summarise
    from innersight.io.video import Video

    region = options.region(mask, ignore, crop_border)
    videos = [Video(path, every=every) for path in (reference, distorted)]
    _check_out(out, (reference, distorted, mask))
    scorer = Scorer(metric, weights=weights, device=device, precision=precision, runtime=runtime, changes=changes)
    options.disable_tf32()
    found = []
    with ExitStack() as stack:
        writer = None
        progress = Progress(0 if quiet else -(-(videos[0].stated_count() or 0) // every))
        stack.enter_context(progress)
        shown, listed = tee(videos[0].frames())  # holds one frame
        scores = scorer.score_frames(
            (frame.pixels for frame in shown),
            videos[1],
            mask=region.mask,
            ignore=region.ignore,
            crop_border=region.crop_border,
        )
        for score, frame in zip(scores, listed, strict=False):
            found.append((frame.index, frame.seconds, score))
            if out is not None:
                writer = writer or _writer(stack, out)  # an existing file is kept until the videos have been read
                time = "" if frame.seconds is None else f"{frame.seconds:.6f}"
                writer.writerow((frame.index, time, repr(score)))
            progress.show(len(found))
    _check_counts(*videos)

    pairs = [ScoredPair(str(reference), str(distorted), {scorer.name: score}) for _, _, score in found]
    summary = summarise(pairs, {scorer.name: scorer.higher_is_better})
    worst = sorted(found, key=lambda each: each[2], reverse=not scorer.higher_is_better)[:_SHOWN_WORST]
    if as_json:
        record: dict[str, Any] = {
            "reference": str(reference),
            "distorted": str(distorted),
            "frames": len(found),
            "every": every,
            **{key: summary[key] for key in ("mean", "median", "p5", "p95", "min", "max")},
            "worst": [{"frame": index, "seconds": seconds, "score": score} for index, seconds, score in worst],
            "higher_is_better": scorer.higher_is_better,
            "region": region.describe(),
            "metric": scorer.describe(),
        }
        print(json.dumps(record, indent=2, allow_nan=False))
        return
    meaning = "higher is more similar" if scorer.higher_is_better else "0 = identical, lower is more similar"
    print(f"{summary['mean']:.6f}   mean of {len(found)} frames ({meaning})")
    print("   ".join(f"{key} {summary[key]:.4f}" for key in ("median", "p5", "p95", "min", "max")))
    for index, seconds, score in worst:
        time = "" if seconds is None else f" at {seconds:.2f} s"
        print(f"  frame {index}{time}: {score:.4f}")
    print(scorer.citation)


def _check_counts(reference: Video, distorted: Video) -> None:
    if reference.decoded != distorted.decoded:
        raise ImageError(
            f"The videos differ in their number of frames: '{reference.path}' has {reference.decoded}, "
            f"'{distorted.path}' has {distorted.decoded}."
        )


def _check_out(out: Path | None, inputs: Sequence[Path | None]) -> None:
    from innersight.inference.summary import check_summary

    if out is None:
        return
    if out.resolve() in [path.resolve() for path in inputs if path is not None]:
        raise ArgumentError(f"Option --out: '{out}' is one of the inputs. Name another file.")
    check_summary(out)


def _writer(stack: ExitStack, out: Path) -> Any:
    try:
        file: TextIO = stack.enter_context(out.open("w", encoding="utf-8", newline=""))
    except OSError as error:
        raise ArgumentError(f"Option --out: '{out}' cannot be written: {first_line(error)}") from error
    writer = csv.writer(file)
    writer.writerow(("frame", "seconds", "score"))
    return writer
