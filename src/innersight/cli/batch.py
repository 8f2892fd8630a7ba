"""`innersight batch`: a list of pairs, or two folders."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from innersight.cli import options
from innersight.cli.progress import Progress
from innersight.errors import ArgumentError

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "KI": 2**10, "MI": 2**20, "GI": 2**30}


@options.with_changes
def batch(
    *,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Output file: .csv, .jsonl or .parquet.")],
    pairs: Annotated[
        Path | None, typer.Argument(metavar="PAIRS", readable=False, help="List of pairs: .csv, .jsonl or .parquet.")
    ] = None,
    reference_dir: Annotated[
        Path | None, typer.Option(readable=False, help="Folder of reference images, in place of a list.")
    ] = None,
    distorted_dir: Annotated[
        Path | None, typer.Option(readable=False, help="Folder of distorted images with the names of the references.")
    ] = None,
    metric: options.Metrics = None,
    reference_column: Annotated[str, typer.Option(help="Column of the list with reference files.")] = "reference",
    distorted_column: Annotated[str, typer.Option(help="Column of the list with distorted files.")] = "distorted",
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted run.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier output.")] = False,
    changes: dict[str, object],
    weights: options.Weights = None,
    device: options.Device = "auto",
    precision: options.Precision = "fp32",
    runtime: options.Runtime = "auto",
    workers: Annotated[
        str, typer.Option(metavar="N|auto", help="Number of threads that read and score; auto: one for each core.")
    ] = "auto",
    batch_size: Annotated[
        str, typer.Option(metavar="N|auto", help="Images in one pass of the network; auto: 1 on a CPU, 16 on a GPU.")
    ] = "auto",
    memory_limit: Annotated[
        str, typer.Option(metavar="SIZE", help="Memory for images and features, such as 500MB or 2GiB.")
    ] = "2GB",
    cache: Annotated[
        Path | None,
        typer.Option(metavar="DIR", readable=False, help="Folder in which features are kept for later runs."),
    ] = None,
    cache_limit: Annotated[str, typer.Option(metavar="SIZE", help="Largest size of the cache.")] = "10GB",
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="Stop at the first pair that cannot be scored.")
    ] = False,
    per_layer: Annotated[bool, typer.Option("--per-layer", help="Also write each layer's part of the score.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print no progress.")] = False,
) -> None:
    """Score a list of pairs, or two folders.

    The output has every row of the list, in its order, with the score or the error of the pair. The exit status is 0,
    or 1 if a pair could not be scored.
    """
    from innersight.inference.batch import score_list
    from innersight.inference.feature_cache import FeatureCache
    from innersight.inference.pair_lists import open_list, pair_folders
    from innersight.metrics.factory import create_metrics

    options.disable_tf32()
    limit = _bytes("--memory-limit", memory_limit)
    threads, together = _number("--workers", workers), _number("--batch-size", batch_size)
    kept = FeatureCache(cache, _bytes("--cache-limit", cache_limit)) if cache is not None else None
    if pairs is not None and reference_dir is None and distorted_dir is None:
        listed = open_list(pairs, reference_column, distorted_column)
    elif pairs is None and reference_dir is not None and distorted_dir is not None:
        listed = pair_folders(reference_dir, distorted_dir)
    else:
        raise ArgumentError("Pass a list of pairs, or both --reference-dir and --distorted-dir.")
    metrics = create_metrics(
        metric or ["lite"], weights=weights, device=device, precision=precision, runtime=runtime, changes=changes
    )
    progress = Progress(0 if quiet else listed.count)
    try:
        with progress:
            outcome = score_list(
                listed,
                metrics,
                out,
                resume=resume,
                overwrite=overwrite,
                with_layers=per_layer,
                fail_fast=fail_fast,
                memory_limit=limit,
                workers=threads,
                batch_size=together,
                cache=kept,
                on_row=progress.show,
            )
    except KeyboardInterrupt:
        print(
            f"innersight: interrupted; the completed rows are kept beside {out}, and --resume continues",
            file=sys.stderr,
        )
        raise typer.Exit(130) from None
    if not quiet:
        earlier = f" ({outcome.resumed} of them from an earlier run)" if outcome.resumed else ""
        runtimes = ", ".join(dict.fromkeys(made.runtime_name for made in metrics.values()))
        print(f"{outcome.rows} rows{earlier}, {outcome.failed} with an error: {out} ({runtimes})")
    if outcome.failed:
        said = f"{outcome.failed} of {outcome.rows} pairs could not be scored; the column error of {out} says why"
        print(f"innersight: {said}", file=sys.stderr)
        raise typer.Exit(1)


def _bytes(option: str, text: str) -> int:
    match = re.fullmatch(r"([0-9]{1,12})\s*(|K|M|G|KI|MI|GI)B?", text.strip().upper())
    if match is None:
        raise ArgumentError(f"Option {option} takes a size such as 500MB, 2GB or 1GiB, but got {text!r}.")
    return int(match[1]) * _UNITS[match[2]]


def _number(option: str, text: str) -> int | Literal["auto"]:
    if text == "auto":
        return "auto"
    if re.fullmatch(r"[1-9][0-9]{0,5}", text) is None:
        raise ArgumentError(f"Option {option} takes auto or a whole number from 1, but got {text!r}.")
    return int(text)
