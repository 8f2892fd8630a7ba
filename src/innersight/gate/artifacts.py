"""The files of failing cases: both images and a heat map."""

from __future__ import annotations

import re
import shutil
import threading
from pathlib import Path

from innersight.errors import ArgumentError, InnersightError, first_line
from innersight.gate.cases import Case
from innersight.inference.scorer import Scorer
from innersight.io.images import read_image
from innersight.io.pictures import WHITE, Colour
from innersight.report.heatmap import draw_heatmap


class Artifacts:
    """Writes a folder for each failing case: `reference.*`, `distorted.*` and `map.png`. Safe for several threads.

    Args:
        folder: The folder of all cases. It is made with the first failing case.
        scorer: The scorer, for the maps.
        background: The background of transparent pixels. Default: white and black.

    Raises:
        ArgumentError: If the folder is a file.
    """

    def __init__(self, folder: Path, scorer: Scorer, background: Colour | None) -> None:
        if folder.exists() and not folder.is_dir():
            raise ArgumentError(f"Argument `artifacts`: '{folder}' is a file. Name a folder.")
        self._folder = folder
        self._scorer = scorer
        self._background = background
        self._taken: set[str] = set()
        self._lock = threading.Lock()

    def write(self, case: Case) -> Path:
        """Write the files of a case. A file that is missing or damaged is left out, and so is a map of it.

        Returns:
            The folder of the case.

        Raises:
            ArgumentError: If the folder cannot be written.
        """
        folder = self._folder / self._name(case.name)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for old in folder.iterdir():  # of an earlier run
                if old.is_file():
                    old.unlink()
            for name, path in (("reference", case.reference), ("distorted", case.distorted)):
                if path is not None and path.is_file():
                    shutil.copyfile(path, folder / f"{name}{path.suffix}")
            self._write_map(case, folder / "map.png")
        except OSError as error:
            raise ArgumentError(f"The artifacts cannot be written to '{folder}': {first_line(error)}") from error
        return folder

    def _write_map(self, case: Case, file: Path) -> None:
        if not self._scorer.has_map or case.reference is None or case.distorted is None:
            return
        region = case.region
        try:
            found = self._scorer.score(
                case.reference,
                case.distorted,
                map=True,
                mask=region.mask,
                ignore=region.ignore,
                crop_border=region.crop_border,
                background=self._background,
            )
            shown = read_image(case.distorted, background=found.background or WHITE)
        except InnersightError:  # the reason is that of the case
            return
        if found.map is not None:
            draw_heatmap(found.map, shown).save(file)

    def _name(self, name: str) -> str:
        """Return a name of a folder that no other case has, without characters that a file system may refuse."""
        safe = re.sub(r"[^\w.-]+", "_", name).strip("._")[:100] or "case"
        with self._lock:
            found, number = safe, 2
            while found.casefold() in self._taken:
                found, number = f"{safe}_{number}", number + 1
            self._taken.add(found.casefold())
        return found
