"""`innersight batch`: a list of pairs, or two folders."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from innersight.cli import decoding, options
from innersight.cli.progress import Progress
from innersight.cli.ray_batch import refuse
from innersight.errors import ArgumentError, unknown_name
from innersight.io.limits import DecodingLimits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from innersight.inference.pair_lists import PairList
    from innersight.inference.regions import Region
    from innersight.inference.scorer import Scorer
    from innersight.io.pictures import Colour

_ENGINES = ("local", "ray")


@decoding.with_limits
@options.with_changes
def batch(
    *,
    out: Annotated[
        str,
        typer.Option(
            metavar="FILE|FOLDER",
            help="Output file: .csv, .jsonl or .parquet. With --engine ray: a folder for files of Parquet, or a URL.",
        ),
    ],
    pairs: Annotated[
        str | None,
        typer.Argument(
            metavar="PAIRS",
            help="List of pairs: a .csv, .jsonl or .parquet file. Paths in it are relative to its folder. The column "
            "mask, if there is one, holds the path of the mask of each pair, see --mask.",
        ),
    ] = None,
    reference_dir: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", readable=False, help="Folder of reference images. Needs --distorted-dir and no list."
        ),
    ] = None,
    distorted_dir: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            readable=False,
            help="Folder of distorted images. Each has the name of its reference; suffixes may differ.",
        ),
    ] = None,
    metric: options.Metrics = None,
    reference_column: Annotated[
        str, typer.Option(metavar="COLUMN", help="Column of the list with the paths of the reference images.")
    ] = "reference",
    distorted_column: Annotated[
        str, typer.Option(metavar="COLUMN", help="Column of the list with the paths of the distorted images.")
    ] = "distorted",
    root: options.Root = None,
    resume: Annotated[
        bool, typer.Option("--resume", metavar="", help="Continue an interrupted run with the same options.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", metavar="", help="Replace an earlier output.")] = False,
    changes: dict[str, object],
    weights: options.Weights = None,
    device: options.Device = "auto",
    precision: options.Precision = "fp32",
    runtime: options.Runtime = "auto",
    mask: options.Mask = None,
    ignore: options.Ignore = None,
    crop_border: options.CropBorder = 0,
    background: options.Background = None,
    limits: DecodingLimits | None,
    workers: Annotated[
        str,
        typer.Option(
            metavar="N|auto",
            help="Number of threads that read images and compute scores. auto: one for each CPU core.",
        ),
    ] = "auto",
    batch_size: Annotated[
        str,
        typer.Option(
            metavar="N|auto", help="Number of images in one pass of the network. auto: 1 on a CPU, 16 on a GPU."
        ),
    ] = "auto",
    memory_limit: Annotated[
        str,
        typer.Option(metavar="SIZE", help="Limit of the memory for images and features, such as 500MB or 2GiB."),
    ] = "2GB",
    cache: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", readable=False, help="Folder that stores features for later runs. Default: no cache."
        ),
    ] = None,
    cache_limit: Annotated[
        str, typer.Option(metavar="SIZE", help="Maximum size of the cache, such as 500MB or 2GiB.")
    ] = "10GB",
    fail_fast: Annotated[
        bool,
        typer.Option(
            "--fail-fast",
            metavar="",
            help="Stop at the first pair that cannot be scored. Default: write its error and continue.",
        ),
    ] = False,
    per_layer: Annotated[
        bool,
        typer.Option(
            "--per-layer",
            metavar="",
            help="Also write the contribution to the score of each layer, and of each term without layers.",
        ),
    ] = False,
    summary: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.json",
            readable=False,
            help="Also write a summary of the scores to this file: counts, mean, percentiles, worst pairs. Default: "
            "none.",
        ),
    ] = None,
    report: options.Report = None,
    engine: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="What runs the work: local (threads of this process), or ray (processes of one or more machines; the "
            "list and the paths in it can be URLs such as s3://bucket/list.csv).",
        ),
    ] = "local",
    ray_address: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Ray cluster: auto, or ray://HOST:PORT. Default: Ray is started on this machine, and ends with the "
            "run.",
        ),
    ] = None,
    shards: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Number of files that --engine ray writes; each is the work of one worker at a time. Default: one for "
            "1,000 rows, and at least four for each worker.",
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", metavar="", help="Print no progress and no summary.")] = False,
) -> None:
    """Score a list of image pairs, or two folders with the same file names.

    The output has one row for each pair, in the order of the list, with the columns of the list and the score or the
    error. The exit status is 0 if all pairs were scored, 1 if a pair could not be scored, and 2 if the input cannot be
    used.
    """
    from innersight.inference.batch import score_list
    from innersight.inference.folders import pair_folders
    from innersight.inference.pair_lists import open_list
    from innersight.inference.scorers import create_scorers
    from innersight.io.confinement import Root

    region = options.region(mask, ignore, crop_border)
    shown_on = options.parse_background(background)
    if engine not in _ENGINES:
        raise unknown_name("--engine", engine, _ENGINES)
    if engine == "local":
        refuse("local", {"--ray-address": ray_address, "--shards": shards})
    else:
        given = {
            "--reference-dir": reference_dir, "--distorted-dir": distorted_dir, "--cache": cache, "--summary": summary,
            "--report": report, "--fail-fast": fail_fast, "--batch-size": None if batch_size == "auto" else batch_size,
        }  # fmt: skip
        refuse("ray", given)
    if summary is not None:
        from innersight.inference.summary import check_summary

        check_summary(summary)
    if report is not None:
        from innersight.report.page import check_report

        check_report(report)
    inside = None if root is None else Root(root)
    limits = decoding.limits_within(inside, limits)
    limit = options.parse_size("--memory-limit", memory_limit)
    threads, together = _number("--workers", workers), _number("--batch-size", batch_size)
    kept = None
    if cache is not None:
        from innersight.inference.feature_cache import FeatureCache

        kept = FeatureCache(cache, options.parse_size("--cache-limit", cache_limit))

    def made() -> dict[str, Scorer]:
        scorers = create_scorers(
            metric or ["lite"], weights=weights, device=device, precision=precision, runtime=runtime, changes=changes
        )
        options.disable_tf32()
        return scorers

    if engine == "ray":
        from innersight.cli import ray_batch
        from innersight.distributed.shard import ShardOptions

        if pairs is None:
            raise ArgumentError("Option --engine ray needs a list of pairs.")
        ray_batch.run(
            pairs,
            (reference_column, distorted_column),
            made(),
            out,
            address=ray_address,
            workers=threads,
            shards=shards,
            options=ShardOptions(per_layer, limit, region, shown_on, inside, limits),
            resume=resume,
            overwrite=overwrite,
            quiet=quiet,
        )
        return
    if pairs is not None and reference_dir is None and distorted_dir is None:
        listed = open_list(pairs, reference_column, distorted_column, root=inside)
    elif inside is not None:
        raise ArgumentError("Option --root needs a list of pairs. Leave it out for two folders.")
    elif pairs is None and reference_dir is not None and distorted_dir is not None:
        listed = pair_folders(reference_dir, distorted_dir)
    else:
        raise ArgumentError("Pass either a list of pairs, or both --reference-dir and --distorted-dir.")
    scorers = made()
    progress = Progress(0 if quiet else listed.count)
    try:
        with progress:
            outcome = score_list(
                listed,
                scorers,
                out,
                resume=resume,
                overwrite=overwrite,
                with_layers=per_layer,
                fail_fast=fail_fast,
                memory_limit=limit,
                workers=threads,
                batch_size=together,
                cache=kept,
                region=region,
                background=shown_on,
                limits=limits,
                on_row=progress.show,
            )
    except KeyboardInterrupt:
        print(
            f"innersight: interrupted; the completed rows are kept beside {out}, and --resume continues",
            file=sys.stderr,
        )
        raise typer.Exit(130) from None
    if summary is not None:
        from innersight.inference.summary import pairs_of_output, summarise, write_summary

        columns = listed.reference_column, listed.distorted_column
        better = {name: scorer.higher_is_better for name, scorer in scorers.items()}
        write_summary(summary, summarise(pairs_of_output(Path(out), list(scorers), columns), better))
    if report is not None:
        _write_report(report, Path(out), listed, scorers, region, shown_on, limits, quiet=quiet)
    if not quiet:
        earlier = f" ({outcome.resumed} of them from an earlier run)" if outcome.resumed else ""
        runtimes = ", ".join(dict.fromkeys(scorer.runtime_name for scorer in scorers.values()))
        print(f"{outcome.rows} rows{earlier}, {outcome.failed} with an error: {out} ({runtimes})")
    if outcome.transparent and not quiet:
        how = f"on {background}" if background else "by the larger difference on white and on black"
        said = f"{outcome.transparent} of the pairs have transparent pixels. They are scored {how}"
        print(f"innersight: note: {said}.", file=sys.stderr)
    if outcome.failed:
        said = f"{outcome.failed} of {outcome.rows} pairs could not be scored; the column error of {out} says why"
        print(f"innersight: {said}", file=sys.stderr)
        raise typer.Exit(1)


def _write_report(
    report: Path,
    out: Path,
    listed: PairList,
    scorers: Mapping[str, Scorer],
    region: Region,
    background: Colour | None,
    limits: DecodingLimits | None,
    *,
    quiet: bool,
) -> None:
    from innersight.cli.report import drawing_scorer, write
    from innersight.report.content import Report, ReportMetric
    from innersight.report.tables import read_scores

    metrics = [ReportMetric.of(scorer) for scorer in scorers.values()]
    rows = read_scores(
        out,
        metrics,
        root=listed.folder,
        reference_column=listed.reference_column,
        distorted_column=listed.distorted_column,
        region=region,
        inside=listed.root,
    )
    content = Report(out.name, metrics, rows)
    write(report, content, drawing_scorer(scorers), background=background, limits=limits, quiet=quiet)


def _number(option: str, text: str) -> int | Literal["auto"]:
    if text == "auto":
        return "auto"
    if re.fullmatch(r"[1-9][0-9]{0,5}", text) is None:
        raise ArgumentError(f"Option {option} takes auto or a whole number from 1, but got {text!r}.")
    return int(text)
