"""`innersight batch`: a list of pairs, or two folders."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from innersight.cli import options
from innersight.cli.progress import Progress
from innersight.errors import ArgumentError

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "KI": 2**10, "MI": 2**20, "GI": 2**30}


@options.with_fields
def batch(
    *,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where to write: .csv, .jsonl or .parquet.")],
    pairs: Annotated[
        Path | None, typer.Argument(metavar="PAIRS", readable=False, help="List: .csv, .jsonl or .parquet.")
    ] = None,
    reference_dir: Annotated[Path | None, typer.Option(readable=False, help="Originals, instead of a list.")] = None,
    distorted_dir: Annotated[Path | None, typer.Option(readable=False, help="Distorted, paired by name.")] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME[:FIELD=VALUE]...", help="Preset, fields changed in it; repeatable."),
    ] = None,
    reference_column: Annotated[str, typer.Option(help="The list's column of originals.")] = "reference",
    distorted_column: Annotated[str, typer.Option(help="The list's column of distorted images.")] = "distorted",
    resume: Annotated[bool, typer.Option("--resume", help="Go on from a run that was ended early.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Drop an earlier output.")] = False,
    fields: dict[str, Any],
    weights: options.Weights = None,
    device: options.Device = "auto",
    precision: options.Precision = "fp32",
    runtime: Annotated[str, typer.Option(help="auto (OpenVINO on a CPU if installed), torch, ...")] = "auto",
    workers: Annotated[str, typer.Option(metavar="N|auto", help="Threads that read and score.")] = "auto",
    batch_size: Annotated[str, typer.Option(metavar="N|auto", help="Images in the network at once.")] = "auto",
    memory_limit: Annotated[str, typer.Option(metavar="SIZE", help="For images and features, e.g. 500MB.")] = "2GB",
    cache: Annotated[
        Path | None, typer.Option(metavar="DIR", readable=False, help="Keep features for later runs.")
    ] = None,
    cache_limit: Annotated[str, typer.Option(metavar="SIZE", help="What the cache may grow to.")] = "10GB",
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="Stop at the first pair that can't be scored.")
    ] = False,
    per_layer: Annotated[bool, typer.Option("--per-layer", help="Write each layer's part of the score too.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print no progress.")] = False,
) -> None:
    """Score many pairs: every row of the list comes out in order with its score, or the error that kept it from one.

    Exit status 0, or 1 if some pairs could not be scored.
    """
    from innersight.inference.batch import score_list
    from innersight.inference.feature_cache import FeatureCache
    from innersight.inference.pair_lists import open_list, pair_folders
    from innersight.metrics.combined import members_of
    from innersight.metrics.create import create_metrics

    options.compute_exactly()
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
        metric or ["lite"], weights=weights, device=device, precision=precision, runtime=runtime, **fields
    )
    progress = Progress(0 if quiet else sum(1 for _ in listed.rows()))
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
        print(f"innersight: interrupted; what is done is kept beside {out}, --resume goes on from it", file=sys.stderr)
        raise typer.Exit(130) from None
    if not quiet:
        earlier = f" ({outcome.resumed} of them by an earlier run)" if outcome.resumed else ""
        runtimes = ", ".join(
            dict.fromkeys(part.runtime.name for ready in metrics.values() for part in members_of(ready))
        )
        print(f"{outcome.rows} rows{earlier}, {outcome.failed} with an error: {out} ({runtimes})")
    if outcome.failed:
        said = f"{outcome.failed} of {outcome.rows} pairs could not be scored: see the column error of {out}"
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
