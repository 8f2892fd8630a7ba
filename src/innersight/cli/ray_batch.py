"""`innersight batch --engine ray`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import typer

from innersight.cli.progress import Progress
from innersight.errors import ArgumentError

if TYPE_CHECKING:
    from innersight.distributed.shard import ShardOptions
    from innersight.inference.scorer import Scorer


def refuse(engine: str, given: Mapping[str, Any]) -> None:
    """Refuse options that an engine does not have.

    Raises:
        ArgumentError: If one is given.
    """
    used = [name for name, value in given.items() if value not in (None, False)]
    if used:
        raise ArgumentError(f"Option {used[0]} does not go with --engine {engine}. Leave it out.")


def run(
    place: str,
    columns: tuple[str, str],
    scorers: Mapping[str, Scorer],
    out: str,
    *,
    address: str | None,
    workers: int | Literal["auto"],
    shards: int | None,
    options: ShardOptions,
    resume: bool,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Score a list with Ray, and print the counts.

    Raises:
        typer.Exit: With the status 1 if a pair could not be scored, and 130 after an interruption.
    """
    from innersight.distributed.ray_engine import Cluster, open_place, score_with_ray

    pairs, images = open_place(place, *columns)
    progress = Progress(0 if quiet else pairs.count)
    try:
        with progress:
            outcome = score_with_ray(
                pairs,
                images,
                scorers,
                out,
                cluster=Cluster(address, workers),
                shards=shards,
                options=options,
                resume=resume,
                overwrite=overwrite,
                on_rows=progress.show,
            )
    except KeyboardInterrupt:
        print(
            f"innersight: interrupted; the finished shards are kept in {out}, and --resume continues", file=sys.stderr
        )
        raise typer.Exit(130) from None
    if not quiet:
        earlier = f" ({outcome.resumed} of them from an earlier run)" if outcome.resumed else ""
        print(f"{outcome.rows} rows{earlier}, {outcome.failed} with an error: {out} (ray)")
    if outcome.failed:
        said = f"{outcome.failed} of {outcome.rows} pairs could not be scored; the column error in {out} says why"
        print(f"innersight: {said}", file=sys.stderr)
        raise typer.Exit(1)
