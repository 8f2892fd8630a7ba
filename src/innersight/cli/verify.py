"""`innersight verify-paper`: comparison with the numbers that the paper published."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from innersight.cli.progress import Progress
from innersight.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from innersight.benchmark.paper_verification import Check


def verify_paper(
    out: Annotated[Path, typer.Option(metavar="DIR", readable=False, help="Folder for the scores and verify.json.")],
    live: Annotated[
        Path | None, typer.Option(metavar="DIR", readable=False, help="Folder of the unpacked data set LIVE.")
    ] = None,
    tid2013: Annotated[
        Path | None, typer.Option(metavar="DIR", readable=False, help="Folder of the unpacked data set TID2013.")
    ] = None,
    pipal: Annotated[
        Path | None,
        typer.Option(metavar="DIR", readable=False, help="Folder of the unpacked training part of the data set PIPAL."),
    ] = None,
    published: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            readable=False,
            help="Folder of the authors' files of scores. Each score is then compared too. Default: none.",
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Metric of the paper, such as dinov1_l2 or psnr. Repeatable. Default: all."),
    ] = None,
    runtime: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="What runs the network: torch or torch-compile.",
        ),
    ] = "torch",
    resume: Annotated[
        bool, typer.Option("--resume", metavar="", help="Continue an interrupted run with the same options.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", metavar="", help="Replace an earlier run.")] = False,
) -> None:
    """Compare scores and their SRCC with the numbers that the paper published.

    At least one data set is needed. The SRCC is compared if the data set is complete. Each score is compared if
    --published has a file with it. The exit status is 0 if all compared numbers agree, and 1 if one differs or none
    could be compared.
    """
    from innersight.benchmark.paper_verification import verify_paper as verify
    from innersight.cli import options
    from innersight.datasets.dataset import DataSet
    from innersight.datasets.registry import open_dataset

    roots = {"live": live, "tid2013": tid2013, "pipal": pipal}
    opened = [open_dataset(name, root) for name, root in roots.items() if root is not None]
    datasets = [dataset for dataset in opened if isinstance(dataset, DataSet)]
    if not datasets:
        raise ArgumentError("Pass at least one data set: --live DIR, --tid2013 DIR or --pipal DIR.")
    for dataset in datasets:
        print(dataset.summary, file=sys.stderr)
    options.disable_tf32()
    with (progress := Progress(max(len(dataset.pairs) for dataset in datasets))):
        checks = verify(
            datasets,
            out,
            published=published,
            only=only or (),
            resume=resume,
            overwrite=overwrite,
            runtime=runtime,
            on_row=progress.show,
        )
    written = [{**asdict(check), "verdict": check.verdict} for check in checks]
    out.mkdir(parents=True, exist_ok=True)
    (out / "verify.json").write_text(json.dumps(written, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    _print(checks)
    verdicts = [check.verdict for check in checks]
    if "differs" in verdicts or "agrees" not in verdicts:
        raise typer.Exit(1)


def _print(checks: Sequence[Check]) -> None:
    from rich.table import Table

    from innersight.cli.console import console

    columns = (
        "set", "metric", "pairs", "SRCC", "published SRCC", "SRCC of published scores", "equal scores",
        "largest difference", "result",
    )  # fmt: skip
    table = Table(
        *columns, title="largest difference: of a score from the published one, relative", title_justify="left"
    )
    for check in checks:
        table.add_row(
            check.dataset,
            check.claim,
            f"{check.pairs} of {check.of}",
            _number(check.srcc, 4),
            _number(check.srcc_published, 3),
            _number(check.srcc_of_published_scores, 4),
            f"{check.equal} of {check.compared}" if check.compared else "-",
            "-" if check.largest is None else f"{check.largest:.1e}",
            check.verdict.partition(":")[0],
        )
    console().print(table)
    for verdict in dict.fromkeys(check.verdict for check in checks if ":" in check.verdict):
        print(verdict)


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
