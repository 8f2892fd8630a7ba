"""`innersight target`: the setting of an encoder for a wanted score."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from innersight.cli import options
from innersight.errors import ArgumentError, ImageError, first_line

_NOT_FOUND = 3  # exit status
_SUFFIXES = {
    "avifenc": ".avif",
    "cjpeg": ".jpg",
    "cjpegli": ".jpg",
    "cjxl": ".jxl",
    "cwebp": ".webp",
    "opj_compress": ".jp2",
}
"""The suffix of what known encoders write."""

_STDERR_LINES = 5


@options.with_changes
def target(
    *,
    score: Annotated[float, typer.Argument(metavar="SCORE", help="The wanted score.")],
    reference: Annotated[Path, typer.Argument(metavar="REF", readable=False, help="Reference image file.")],
    command: Annotated[
        list[str],
        typer.Argument(
            metavar="-- COMMAND...",
            help="Command of the encoder. {input} is replaced by the path of REF, {output} by that of a temporary "
            "file, {q} by the setting. No shell is used.",
        ),
    ],
    min_q: Annotated[float, typer.Option(metavar="Q", help="Lowest setting.")] = 1,
    max_q: Annotated[float, typer.Option(metavar="Q", help="Highest setting.")] = 100,
    step: Annotated[float, typer.Option(metavar="Q", help="Difference of neighbouring settings.")] = 1,
    tolerance: Annotated[
        float, typer.Option(metavar="SCORE", help="Difference from the wanted score that ends the search.")
    ] = 0.05,
    max_encodes: Annotated[int, typer.Option(metavar="N", help="Largest number of encodes.")] = 8,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", help="Longest time of one encode, seconds.")] = 600,
    suffix: Annotated[
        str | None,
        typer.Option(
            metavar=".EXT",
            help="Suffix of the output of the encoder. Default: what follows {output} in the command, as in "
            "{output}.png, or that of a known encoder (cjxl, avifenc, cwebp, cjpeg, cjpegli, opj_compress).",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", readable=False, help="Keep the best encoded file here. Default: it is deleted."),
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
    as_json: Annotated[
        bool, typer.Option("--json", metavar="", help="Print the result and all encodes as one JSON object.")
    ] = False,
) -> None:
    """Find the setting of an encoder for which the score is nearest to SCORE.

    Example: innersight target 5 photo.png --min-q 5 -- cjxl {input} {output} -q {q}

    The exit status is 0 if the score is within the tolerance or the setting is the nearest one, 3 if SCORE lies outside
    what the settings reach or the encodes were used up, and 2 if the encoder fails or the input cannot be used.
    """
    from innersight.inference.scorer import Scorer
    from innersight.inference.target_search import find_quality

    ending = _check_command(command, suffix)
    if out is not None and not out.parent.is_dir():
        raise ArgumentError(f"Option --out: there is no folder '{out.parent}'. Create it first.")
    scorer = Scorer(metric, weights=weights, device=device, precision=precision, runtime=runtime, changes=changes)
    options.disable_tf32()
    with tempfile.TemporaryDirectory(prefix="innersight-") as folder:

        def encode(quality: float) -> bytes:
            return _encode(command, reference, Path(folder) / "out", ending, quality, timeout)

        found = find_quality(
            scorer,
            reference,
            encode,
            score,
            lowest=min_q,
            highest=max_q,
            step=step,
            tolerance=tolerance,
            max_encodes=max_encodes,
        )
    best = found.best
    if out is not None:
        try:
            out.write_bytes(best.data)
        except OSError as error:
            raise ArgumentError(f"The encoded image cannot be written to '{out}': {first_line(error)}") from error
    if as_json:
        record = {
            "wanted": score,
            "status": found.status,
            "q": best.quality,
            "score": best.score,
            "bytes": len(best.data),
            "encodes": [{"q": one.quality, "score": one.score, "bytes": len(one.data)} for one in found.encodings],
            "metric": scorer.describe(),
        }
        print(json.dumps(record, indent=2, allow_nan=False))
    else:
        count = len(found.encodings)
        print(
            f"q {best.quality:g}   score {best.score:.4f}   {len(best.data):,} bytes   "
            f"({count} {'encode' if count == 1 else 'encodes'}, {found.status})"
        )
    if not found.found:
        reason = (
            f"settings from {min_q:g} to {max_q:g} do not reach the score {score:g}"
            if found.status == "outside"
            else f"{max_encodes} encodes did not find the score {score:g}"
        )
        print(f"innersight: {reason}; the nearest encode is shown", file=sys.stderr)
        raise typer.Exit(_NOT_FOUND)


def _check_command(command: list[str], suffix: str | None) -> str:
    """Check the placeholders of a command, and return the suffix of its output."""
    text = " ".join(command)
    missing = [name for name in ("{input}", "{output}", "{q}") if name not in text]
    if missing:
        raise ArgumentError(
            f"The command must hold {{input}}, {{output}} and {{q}}, but lacks {', '.join(missing)}. Example: cjxl "
            "{input} {output} -q {q}."
        )
    if suffix is not None:
        if re.fullmatch(r"\.\w+", suffix, re.ASCII) is None:
            raise ArgumentError(f"Option --suffix takes a suffix such as .jxl, but got {suffix!r}.")
        return suffix
    if (own := re.search(r"\{output\}(\.\w+)", text, re.ASCII)) is not None:
        return own[1]
    known = _SUFFIXES.get(Path(command[0]).stem)
    if known is None:
        raise ArgumentError(
            f"The suffix of the output of {command[0]!r} is not known. Pass it, as in --suffix .jxl, or write "
            "{output}.jxl in the command."
        )
    return known


def _encode(command: list[str], reference: Path, base: Path, suffix: str, quality: float, timeout: float) -> bytes:
    """Run an encoder, and return what it wrote.

    Raises:
        ArgumentError: If the encoder cannot be started.
        ImageError: If it fails, takes too long or writes nothing. The message has the end of its error output.
    """
    output = Path(f"{base}{suffix}")
    output.unlink(missing_ok=True)
    values = {"{input}": str(reference.absolute()), f"{{output}}{suffix}": str(output)}
    values |= {"{output}": str(output), "{q}": f"{quality:.10g}"}
    arguments = []
    for argument in command:
        for placeholder, value in values.items():
            argument = argument.replace(placeholder, value)
        arguments.append(argument)
    try:
        done = subprocess.run(  # noqa: S603 - the command is the user's own
            arguments, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, check=False
        )
    except (OSError, ValueError) as error:
        raise ArgumentError(f"The encoder {command[0]!r} cannot be started: {first_line(error)}") from None
    except subprocess.TimeoutExpired:
        raise ImageError(
            f"The encoder took more than {timeout:g} seconds at q {quality:g}. Pass a longer --timeout."
        ) from None
    said = (done.stderr or done.stdout).decode("utf-8", "replace").strip().splitlines()[-_STDERR_LINES:]
    if done.returncode != 0:
        raise ImageError(
            f"The encoder failed at q {quality:g} with exit status {done.returncode}: "
            f"{' | '.join(said) or 'no output'}. If the encoder does not accept this setting, pass --min-q and --max-q."
        )
    try:
        return output.read_bytes()
    except OSError:
        raise ImageError(
            f"The encoder wrote no file {{output}} at q {quality:g}, but said: {' | '.join(said) or 'nothing'}"
        ) from None
