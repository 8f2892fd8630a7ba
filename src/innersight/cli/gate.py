"""`innersight gate`: pairs of images with limits."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from innersight.cli import options
from innersight.errors import ArgumentError

if TYPE_CHECKING:
    from innersight.gate import Case, CaseResult, Limits
    from innersight.inference.regions import Region

_BEYOND = 3  # exit status: some pair is not within its limits


@options.with_changes
def gate(
    *,
    reference: Annotated[
        Path | None,
        typer.Argument(metavar="REF|CASES.toml", readable=False, help="Reference image file, or a file of cases."),
    ] = None,
    distorted: Annotated[Path | None, typer.Argument(metavar="DIS", readable=False, help="Image to check.")] = None,
    reference_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", readable=False, help="Folder of reference images, in place of REF.")
    ] = None,
    distorted_dir: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            readable=False,
            help="Folder of images to check; files are paired by name without the suffix.",
        ),
    ] = None,
    max_: Annotated[
        float | None,
        typer.Option(
            "--max",
            metavar="SCORE",
            help="Highest score that passes, for metrics of which a lower score is more similar. Default: no such "
            "limit.",
        ),
    ] = None,
    min_: Annotated[
        float | None,
        typer.Option(
            "--min",
            metavar="SCORE",
            help="Lowest score that passes, for metrics of which a higher score is more similar. Default: no such "
            "limit.",
        ),
    ] = None,
    max_map: Annotated[
        float | None,
        typer.Option(
            metavar="VALUE", help="Highest value of the map of the differences that passes. Default: no such limit."
        ),
    ] = None,
    jpeg_equivalent: Annotated[
        int | None,
        typer.Option(
            metavar="Q",
            help="Pass if the difference is at most that of the JPEG of the reference itself at this quality, 1 to "
            "100. Default: no such limit.",
        ),
    ] = None,
    metric: Annotated[
        str,
        typer.Option(
            metavar="NAME|FOLDER|FILE[:PATH=VALUE]...",
            help="Metric: a name from `innersight metrics`, the folder of a bundle, or a .toml or .json file.",
        ),
    ] = "lite",
    changes: dict[str, object],
    weights: options.Weights = None,
    device: options.Device = "auto",
    precision: options.Precision = "fp32",
    runtime: options.Runtime = "auto",
    mask: options.Mask = None,
    ignore: options.Ignore = None,
    crop_border: options.CropBorder = 0,
    background: options.Background = None,
    summary: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.json", readable=False, help="Write the numbers of the run to this file. Default: none."
        ),
    ] = None,
    junit: Annotated[
        Path | None,
        typer.Option(metavar="FILE.xml", readable=False, help="Write a JUnit report to this file. Default: none."),
    ] = None,
    artifacts: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            readable=False,
            help="Folder for both images and the heat map of each failing pair. Default: none is written.",
        ),
    ] = None,
    report: options.Report = None,
    calibrate: Annotated[
        Path | None,
        typer.Option(
            metavar="RUNS_DIR",
            readable=False,
            help="Check nothing; propose limits from repeated runs of an unchanged system, one folder each, and print "
            "them as CASES.toml.",
        ),
    ] = None,
) -> None:
    """Check that images are within limits of their references: one pair, two folders, or a file of cases.

    The exit status is 0 if all pairs are within their limits, 3 if some are not, and 2 if the gate cannot run. A pair
    that cannot be scored, since an image is missing, damaged or of another size, is not within its limits.
    """
    from innersight.gate import Limits, run_gate
    from innersight.inference.scorer import Scorer
    from innersight.inference.summary import check_summary, write_summary
    from innersight.report.page import check_report

    shown_on = options.parse_background(background)
    for file in (summary, junit):
        if file is not None:
            check_summary(file)
    if report is not None:
        check_report(report)

    def scorer() -> Scorer:
        made = Scorer(metric, weights=weights, device=device, precision=precision, runtime=runtime, changes=changes)
        options.disable_tf32()
        return made

    if calibrate is not None:
        from innersight.gate.calibrate import calibrate as propose

        given = {
            "--max": max_, "--min": min_, "--max-map": max_map, "--jpeg-equivalent": jpeg_equivalent, "--mask": mask,
            "--ignore": ignore, "--crop-border": crop_border or None, "--background": background,
            "--summary": summary, "--junit": junit, "--artifacts": artifacts, "--report": report,
        }  # fmt: skip
        if used := [name for name, value in given.items() if value is not None]:
            raise ArgumentError(
                f"Option --calibrate compares whole images and writes no report, so it does not go with {used[0]}. "
                "Leave that out."
            )
        print(propose(calibrate, scorer()).to_toml(distorted_dir or "new"), end="")
        return
    limits = Limits(max_, min_, max_map, jpeg_equivalent)
    cases = _cases(
        reference, distorted, reference_dir, distorted_dir, limits, options.region(mask, ignore, crop_border)
    )
    used_scorer = scorer()
    found = run_gate(cases, used_scorer, background=shown_on, artifacts=artifacts, on_case=_print)
    if summary is not None:
        write_summary(summary, found.summary())
    if junit is not None:
        from innersight.gate.junit import junit_xml
        from innersight.io.whole_files import write_file

        write_file(junit, junit_xml(found).encode())
    if report is not None:
        from innersight.cli.report import write
        from innersight.gate.page import report_of

        write(report, report_of(found, used_scorer), used_scorer, background=shown_on)
    count, failed = len(found.results), len(found.failed)
    print(f"{count} {'case' if count == 1 else 'cases'}: {count - failed} passed, {failed} failed")
    if failed:
        sys.exit(_BEYOND)


def _cases(
    reference: Path | None,
    distorted: Path | None,
    reference_dir: Path | None,
    distorted_dir: Path | None,
    limits: Limits,
    region: Region,
) -> list[Case]:
    from innersight.gate import Case, cases_of_folders, read_cases

    given = tuple(value is not None for value in (reference, distorted, reference_dir, distorted_dir))
    if reference is not None and given == (True, False, False, False) and reference.suffix.lower() == ".toml":
        return read_cases(reference, limits, region)
    if reference is not None and distorted is not None and given == (True, True, False, False):
        return [Case(str(distorted), reference, distorted, limits, region)]
    if reference_dir is not None and distorted_dir is not None and given == (False, False, True, True):
        return cases_of_folders(reference_dir, distorted_dir, limits, region)
    raise ArgumentError("Pass REF and DIS, or a file CASES.toml, or both --reference-dir and --distorted-dir.")


def _print(result: CaseResult) -> None:
    if not result.passed:
        files = "" if result.artifacts is None else f" Files: {result.artifacts}"
        print(f"FAIL {result.case.name}: {' '.join(result.reasons)}{files}", flush=True)
