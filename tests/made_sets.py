"""Small imitations of the public data sets in their folder layouts: complete opinion files and a few images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

LIVE_ROWS = {"jp2k": (227, 58), "jpeg": (233, 58), "wn": (174, 29), "gblur": (174, 29), "fastfading": (174, 29)}
CSIQ_TOKENS = {
    "noise": "AWGN",
    "jpeg": "JPEG",
    "jpeg 2000": "jpeg2000",
    "fnoise": "fnoise",
    "blur": "BLUR",
    "contrast": "contrast",
}
CSIQ_IMAGES = ["1600", *(f"photo_{number:02d}" for number in range(2, 31))]


def few_bytes(path: Path) -> None:
    """Write a file that is not an image. Loaders of data sets do not open the images."""
    path.write_bytes(b"image")


def make_live(
    root: Path, images: Callable[[Path], None] = few_bytes, references: int = 2, levels: int = 1, suffix: str = ".bmp"
) -> None:
    """Write all 982 rows, and `levels` images of each distortion type for each of the first `references` references."""
    from scipy.io import savemat

    names, opinions, originals = [], [], []
    for kind, (count, copies) in LIVE_ROWS.items():
        for index in range(count):
            reference = index % 29
            original = index >= count - copies  # in the published files they are at any position
            names.append(f"ref{reference + 1:02d}.bmp")
            opinions.append(0.0 if original else 20.0 + index / 10)
            originals.append(int(original))
            if reference < references and index // 29 < levels and not original:
                _write(root / kind / f"img{index + 1}{suffix}", images)
    for reference in range(references):
        _write(root / "refimgs" / f"ref{reference + 1:02d}{suffix}", images)
    cells = np.empty((1, 982), dtype=object)
    cells[0] = names
    savemat(root / "refnames_all.mat", {"refnames_all": cells})
    deviations = np.linspace(1, 2, 982)[None]
    savemat(
        root / "dmos_realigned.mat",
        {"dmos_new": np.array([opinions]), "dmos_std": deviations, "orgs": np.array([originals])},
    )


def make_tid2013(
    root: Path, images: Callable[[Path], None] = few_bytes, references: int = 2, levels: int = 1, suffix: str = ".bmp"
) -> None:
    """Write all 3000 lines, with names in upper and lower case as in the published file."""
    lines = []
    for reference in range(1, 26):
        if reference <= references:
            _write(
                root / "reference_images" / f"{'i' if reference == 25 else 'I'}{reference:02d}{suffix.upper()}", images
            )
        for kind in range(1, 25):
            for level in range(1, 6):
                initial = "I" if level == 1 else "i"
                lines.append(f"{7 - level + kind / 100:.5f} {initial}{reference:02d}_{kind:02d}_{level}.bmp\r\n")
                if reference <= references and level <= levels:
                    _write(root / "distorted_images" / f"i{reference:02d}_{kind:02d}_{level}{suffix}", images)
    (root / "mos_with_names.txt").write_bytes("".join(lines).encode())


def make_kadid10k(root: Path, images: Callable[[Path], None] = few_bytes, references: int = 2, levels: int = 1) -> None:
    """Write all 10125 rows."""
    lines = ["dist_img,ref_img,dmos,var"]
    for reference in range(1, 82):
        if reference <= references:
            _write(root / "images" / f"I{reference:02d}.png", images)
        for kind in range(1, 26):
            for level in range(1, 6):
                name = f"I{reference:02d}_{kind:02d}_{level:02d}.png"
                lines.append(f"{name},I{reference:02d}.png,{5 - level / 2 - kind / 100:.2f},0.{level}")
                if reference <= references and level <= levels:
                    _write(root / "images" / name, images)
    (root / "dmos.csv").write_text("\n".join(lines) + "\n")


def make_csiq(
    root: Path, images: Callable[[Path], None] = few_bytes, references: int = 2, levels: int = 1, text: bool = False
) -> None:
    """Write all 866 rows into the spreadsheet, or into the label file if `text` is true."""
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "all_by_image"
    for row in ([], ["CSIQ"], [], [None] * 3 + ["image", "dst_idx", "dst_type", "dst_lev", "dmos_std", "dmos"]):
        sheet.append(row)
    lines = []
    for number, image in enumerate(CSIQ_IMAGES):
        if number < references:
            _write(root / "src_imgs" / f"{image}.png", images)
        for index, (kind, token) in enumerate(CSIQ_TOKENS.items(), start=1):
            count = 5 if kind != "contrast" else 4 if number < 26 else 3
            for level in range(1, count + 1):
                opinion = level / 6 + index / 100
                cell = int(image) if image.isdigit() else image
                sheet.append([None, None, None, cell, index, kind, level, 0.05, opinion])
                lines.append(f"{image}.{token}.{level}.png {opinion:.3f}")
                if number < references and level <= levels:
                    _write(root / "dst_imgs" / token.lower() / f"{image}.{token}.{level}.png", images)
    if text:
        (root / "csiq_label.txt").write_text("\n".join(lines) + "\n")
    else:
        book.save(root / "csiq.DMOS.xlsx")


def make_pipal(
    root: Path, images: Callable[[Path], None] = few_bytes, references: int = 2, levels: int = 1, suffix: str = ".bmp"
) -> None:
    """Write the labels of `references` references, 116 lines each, and images in four folders."""
    (root / "Train_Label").mkdir(parents=True)
    for reference in range(1, references + 1):
        name = f"A{reference:04d}"
        _write(root / "Train_Ref" / f"{name}{suffix}", images)
        lines = []
        for index in range(116):
            level, kind = divmod(index, 7)
            lines.append(f"{name}_{kind:02d}_{level:02d}.bmp, {1600 - 10 * level - kind:.4f} \n")
            if level < levels:
                folder = f"Distortion_{index % 4 + 1}"
                _write(root / folder / f"{name}_{kind:02d}_{level:02d}{suffix}", images)
        (root / "Train_Label" / f"{name}.txt").write_text("".join(lines))


def _write(path: Path, images: Callable[[Path], None]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    images(path)
