"""`innersight bench`: metrics on a data set."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, cast

import typer

from innersight.cli import options
from innersight.cli.progress import Progress
from innersight.errors import unknown_name


def bench(
    dataset: Annotated[
        str,
        typer.Argument(metavar="SET", help="live, tid2013, pipal, kadid10k, csiq, or a list: .csv, .jsonl, .parquet."),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", readable=False, help="Where scores and tables go.")],
    root: Annotated[
        Path | None, typer.Option(metavar="DIR", readable=False, help="Where the set is unpacked; not for a list.")
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME[:FIELD=VALUE]...", help="Preset, or psnr, ssim, fsim, ... (piq); repeatable."),
    ] = None,
    opinion_direction: Annotated[
        str | None, typer.Option(metavar="DIRECTION", help="Of a list without the column opinion_direction.")
    ] = None,
    perturb: Annotated[list[str] | None, typer.Option(metavar="tra|sca|rot", help="Repeatable.")] = None,
    magnitude: Annotated[
        list[float] | None, typer.Option(help="Of --perturb, percent or degrees; repeatable, for a curve. 1.")
    ] = None,
    weights: options.Weights = None,
    device: options.Device = "auto",
    precision: options.Precision = "fp32",
    runtime: Annotated[str, typer.Option(help="auto (OpenVINO on a CPU if installed), torch, ...")] = "auto",
    resume: Annotated[bool, typer.Option("--resume", help="Go on from a run that was ended early.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Drop an earlier run.")] = False,
    resamples: Annotated[int, typer.Option(min=0, help="For the 95 % intervals; 0 for none.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Of the resamples.")] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print no progress.")] = False,
) -> None:
    """Measure how well metrics agree with people on a data set; scores and tables go to a folder."""
    from innersight.benchmark.run import create_contestants, run_bench
    from innersight.benchmark.tables import to_markdown, write_tables
    from innersight.datasets.dataset import DIRECTIONS, ChoiceSet
    from innersight.datasets.registry import open_dataset
    from innersight.errors import ArgumentError
    from innersight.preprocess.perturbation import Kind, Perturbation

    if opinion_direction is not None and opinion_direction not in DIRECTIONS:
        raise unknown_name("--opinion-direction", opinion_direction, DIRECTIONS)
    if magnitude and not perturb:
        raise ArgumentError("Option --magnitude is that of --perturb tra|sca|rot: pass both, or neither.")
    opened = open_dataset(dataset, root, opinion_direction)
    if perturb and isinstance(opened, ChoiceSet):
        raise ArgumentError("Option --perturb is for rated pairs, not for choices between two images.")
    perturbations = [
        Perturbation(cast("Kind", kind), size)
        for kind in dict.fromkeys(perturb or [])
        for size in dict.fromkeys(magnitude or [1.0])
    ]
    print(opened.summary, file=sys.stderr)
    options.compute_exactly()
    metrics, unavailable = create_contestants(
        metric or ["lite"], weights=weights, device=device, precision=precision, runtime=runtime
    )
    rows = 2 * len(opened.choices) if isinstance(opened, ChoiceSet) else len(opened.pairs)
    progress = Progress(0 if quiet else rows * (1 + len(perturbations)))
    try:
        with progress:
            result = run_bench(
                opened,
                metrics,
                out,
                unavailable=unavailable,
                perturbations=perturbations,
                resume=resume,
                overwrite=overwrite,
                resamples=resamples,
                seed=seed,
                on_row=progress.show,
            )
    except KeyboardInterrupt:
        print(f"innersight: interrupted; what is done is kept in {out}, --resume goes on from it", file=sys.stderr)
        raise typer.Exit(130) from None
    write_tables(result, out)
    print(to_markdown(result))
    failed = sum(outcome.failed for outcome in result.outcomes)
    if failed:
        print(
            f"innersight: {failed} rows could not be scored: see the column error of {out}/scores*.csv", file=sys.stderr
        )
        raise typer.Exit(1)
