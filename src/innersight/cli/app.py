"""The `innersight` command."""

from __future__ import annotations

import errno
import inspect
import io
import logging
import os
import sys
import warnings
from collections.abc import Callable
from typing import Annotated

import typer

from innersight._version import __version__
from innersight.cli import (
    batch,
    bench,
    catalogues,
    evaluate,
    export,
    gate,
    page,
    plot,
    report,
    score,
    target,
    verify,
    video,
    weights,
)
from innersight.errors import InnersightError, first_line
from innersight.extras import missing_extra

_RESUME = "batch continues with --resume."

_REFUSED = ("can't start new thread", "can't allocate lock", "can't allocate read lock")
"""What Python says when the system refuses a thread, or the memory of a lock."""

app = typer.Typer(
    name="innersight",
    help="Full-reference image quality metrics that compare features of pretrained networks.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _add(name: str, command: Callable[..., None]) -> None:
    """Add a command. Its help is its docstring without the line breaks within paragraphs, which typer would keep."""
    paragraphs = (inspect.getdoc(command) or "").split("\n\n")
    app.command(name, help="\n\n".join(paragraph.replace("\n", " ") for paragraph in paragraphs))(command)


_add("score", score.score)
_add("batch", batch.batch)
_add("gate", gate.gate)
_add("target", target.target)
_add("video", video.video)
_add("app", page.app)
_add("bench", bench.bench)
_add("evaluate", evaluate.evaluate)
_add("report", report.report)
_add("export", export.export)
_add("verify-paper", verify.verify_paper)
_add("backbones", catalogues.backbones)
app.add_typer(catalogues.metrics_app, name="metrics")
app.add_typer(plot.app, name="plot")
app.add_typer(weights.app, name="weights")


def _print_version(asked: bool) -> None:
    if asked:
        print(f"innersight {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, metavar="", help="Print the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command. The exit status is 0, or 2 with one line on stderr if the input cannot be used."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(
                errors="backslashreplace"
            )  # a file name that the terminal cannot show must not end the run
    if not sys.warnoptions:
        # Pillow, tifffile and torch warn about unusual files; this package reports what matters in one line.
        warnings.simplefilter("ignore")
        logging.getLogger("tifffile").setLevel(logging.CRITICAL)
    try:
        try:
            app()
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()  # a full disk is reported here, before the exit status is set
    except InnersightError as error:
        print(f"innersight: {error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        _drop_output()
        if error.errno == errno.EPIPE:
            sys.exit(1)  # the reader of the output has ended, as `head` does
        place = f"'{error.filename}'" if error.filename is not None else "A file"
        said = f"{place} cannot be read or written: {error.strerror or error}."
        step = f"Check the path, its permissions and the free disk space, then run again; {_RESUME}"
        print(f"innersight: {said} {step}", file=sys.stderr)
        sys.exit(2)
    except ModuleNotFoundError as error:
        missing = missing_extra(error, "This command")
        if missing is error:
            raise
        print(f"innersight: {missing}", file=sys.stderr)
        sys.exit(2)
    except MemoryError as error:
        why = f" ({first_line(error)})" if str(error) else ""
        step = f"Free memory, or use fewer --workers or a smaller --memory-limit; {_RESUME}"
        print(f"innersight: The memory of this machine does not suffice{why}. {step}", file=sys.stderr)
        sys.exit(2)
    except RuntimeError as error:
        if str(error) in _REFUSED:
            step = f"Free memory, raise the limit of processes (ulimit -u), or use fewer --workers; {_RESUME}"
            print(f"innersight: The system refuses a thread or memory ({error}). {step}", file=sys.stderr)
            sys.exit(2)
        if not _is_device_failure(error):
            raise
        step = f"Free memory or choose another --device, then run again; {_RESUME}"
        print(f"innersight: The device failed: {first_line(error)} {step}", file=sys.stderr)
        sys.exit(2)


def _is_device_failure(error: RuntimeError) -> bool:
    """Return whether an error comes from the device. torch is not loaded for it: without torch there is no device."""
    if "torch" not in sys.modules:
        return False
    from innersight.backbones.features import is_device_failure

    return is_device_failure(error)


def _drop_output() -> None:
    """Discard the rest of standard output, since Python's own flush at exit would fail again."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
