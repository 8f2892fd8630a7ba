"""`innersight app`: the page that scores two images in the browser."""

from __future__ import annotations

import threading
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from innersight.errors import ArgumentError


def app(
    *,
    port: Annotated[
        int, typer.Option(metavar="N", help="Port on the loopback address. Default: any free one.", show_default=False)
    ] = 0,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", metavar="", help="Do not open the page in a browser.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Write the page to this folder, for a server of static files, and serve nothing."
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", metavar="", help="Let --out replace files in its folder.")
    ] = False,
) -> None:
    """Show a page that scores two images in the browser, with the metric `lite`.

    The page is served on the loopback address, so only this machine can reach it. The browser computes the score, and
    the images do not leave it. Ctrl+C ends the command.

    With --out, the page is written to a folder with all it needs, for any server of static files.
    """
    if out is None and overwrite:
        raise ArgumentError("Option --overwrite needs --out FOLDER.")
    if out is not None:
        from innersight.browser.page_files import write_page

        write_page(out, overwrite=overwrite)
        print(f"page: {out}. Any server of static files can serve this folder.")
        return

    from innersight.browser.server import PageServer

    try:
        with PageServer(port) as server:
            print(f"Innersight is at {server.url} for this machine. Ctrl+C ends it.", flush=True)
            if not no_browser:
                # `open` waits for the end of a browser that runs in the terminal.
                threading.Thread(target=webbrowser.open, args=(server.url,), daemon=True).start()
            server.serve_forever()
    except KeyboardInterrupt:
        print()
