"""`innersight bench`: metrics on a data set."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, cast

import typer

from innersight.cli import options
from innersight.cli.progress import Progress
from innersight.errors import ArgumentError, unknown_name
from innersight.extras import needed_for


def bench(
    dataset: Annotated[
        str,
        typer.Argument(
            metavar="SET",
            help="Data set: live, tid2013, pipal, kadid10k, csiq or one of another package; or a list of pairs with "
            "opinions, or of two-alternative forced choices (.csv, .jsonl or .parquet).",
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", readable=False, help="Folder for scores and tables.")],
    root: Annotated[
        Path | None,
        typer.Option(metavar="DIR", readable=False, help="Folder of the unpacked data set. Not allowed for a list."),
    ] = None,
    metric: options.Metrics = None,
    opinion_direction: Annotated[
        str | None,
        typer.Option(
            metavar="DIRECTION",
            help="Direction of the opinions: higher-is-better (MOS) or lower-is-better (DMOS). Needed for a list of "
            "pairs without the column opinion_direction.",
        ),
    ] = None,
    perturb: Annotated[
        list[str] | None,
        typer.Option(
            metavar="tra|sca|rot",
            help="Also score pairs with one image translated, scaled or rotated. Repeatable. Default: none.",
        ),
    ] = None,
    magnitude: Annotated[
        list[float] | None,
        typer.Option(
            metavar="M",
            help="Magnitude of --perturb: percent of the image size for tra and sca, degrees for rot; at most 45. "
            "Repeatable. Default: 1.",
        ),
    ] = None,
    weights: options.Weights = None,
    device: options.Device = "auto",
    precision: options.Precision = "fp32",
    runtime: options.Runtime = "auto",
    resume: Annotated[
        bool, typer.Option("--resume", metavar="", help="Continue an interrupted run with the same options.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", metavar="", help="Replace an earlier run.")] = False,
    resamples: Annotated[
        int,
        typer.Option(min=0, metavar="N", help="Number of bootstrap resamples for the 95 % intervals. 0: no intervals."),
    ] = 1000,
    votes: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Number of votes per opinion. The standard error of an opinion is its standard deviation / sqrt(N). "
            "Default: the column votes of a list.",
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(
            min=0, metavar="N", help="Seed of the resamples, and of the random subset of rows of the pair analysis."
        ),
    ] = 0,
    per_layer: Annotated[
        bool,
        typer.Option(
            "--per-layer",
            metavar="",
            help="Also write the contribution of each layer to each score. The report then has a curve of the layers.",
        ),
    ] = False,
    report: options.Report = None,
    quiet: Annotated[bool, typer.Option("--quiet", metavar="", help="Print no progress.")] = False,
) -> None:
    """Measure the agreement of metrics with human opinions on a data set.

    The scores and the tables of results are written to a folder. The tables are printed too.
    """
    with needed_for("The command `bench`"):
        from innersight.benchmark.run import create_available, run_bench
        from innersight.benchmark.tables import to_markdown, write_tables
    from innersight.datasets.dataset import DIRECTIONS, ChoiceSet
    from innersight.datasets.registry import open_dataset
    from innersight.report.page import check_report

    if report is not None:
        check_report(report)
    if opinion_direction is not None and opinion_direction not in DIRECTIONS:
        raise unknown_name("--opinion-direction", opinion_direction, DIRECTIONS)
    if magnitude and not perturb:
        raise ArgumentError("Option --magnitude needs --perturb tra|sca|rot: pass both, or neither.")
    opened = open_dataset(dataset, root, opinion_direction)
    if perturb and isinstance(opened, ChoiceSet):
        raise ArgumentError("Option --perturb is for rated pairs, not for choices between two images.")
    perturbations = []
    if perturb:
        with needed_for("Option --perturb"):
            from innersight.preprocess.perturbation import Kind, Perturbation
        perturbations = [
            Perturbation(cast("Kind", kind), size)
            for kind in dict.fromkeys(perturb)
            for size in dict.fromkeys(magnitude or [1.0])
        ]
    print(opened.summary, file=sys.stderr)
    scorers, unavailable = create_available(
        metric or ["lite"], weights=weights, device=device, precision=precision, runtime=runtime
    )
    options.disable_tf32()
    rows = 2 * len(opened.choices) if isinstance(opened, ChoiceSet) else len(opened.pairs)
    progress = Progress(0 if quiet else rows * (1 + len(perturbations)))
    try:
        with progress:
            result = run_bench(
                opened,
                scorers,
                out,
                unavailable=unavailable,
                perturbations=perturbations,
                resume=resume,
                overwrite=overwrite,
                resamples=resamples,
                votes=votes,
                seed=seed,
                with_layers=per_layer,
                on_row=progress.show,
            )
    except KeyboardInterrupt:
        print(f"innersight: interrupted; the completed rows are kept in {out}, and --resume continues", file=sys.stderr)
        raise typer.Exit(130) from None
    write_tables(result, out)
    print(to_markdown(result))
    if report is not None:
        from innersight.benchmark.page import report_of
        from innersight.cli.report import drawing_scorer, write

        write(report, report_of(result, scorers, out), drawing_scorer(scorers), quiet=quiet)
    failed = sum(outcome.failed for outcome in result.outcomes)
    if failed:
        print(
            f"innersight: {failed} rows could not be scored; the column error of {out}/scores*.csv says why",
            file=sys.stderr,
        )
        raise typer.Exit(1)
