"""Fuzz one reader with coverage guidance: `python scripts/fuzz.py TARGET [--seconds 60]`.

It needs `pip install atheris`. `tests/fuzz/targets.py` has the targets, and `tests/fuzz/corpus/TARGET.zip` the inputs
from which the search starts. At the end the inputs that reach new lines are written back to that file, the smallest
first. An input that raises an unexpected error ends the run, and its file is named on the last lines of the output:
mend the reader, and add the input to the corpus with `--add FILE`. Such an input keeps the name of its file, and stays
in the corpus, even if it reaches no new line. `scripts/fuzz_seeds.py` makes those of the images.
`tests/fuzz/test_corpus.py` runs each target on each input of its corpus.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
CORPUS = ROOT / "tests" / "fuzz" / "corpus"
LONGEST = 4096  # bytes of an input
SLOWEST = 20  # seconds for an input


def unpack(target: str, folder: Path) -> None:
    """Write the corpus of a target to a folder."""
    if (packed := CORPUS / f"{target}.zip").is_file():
        zipfile.ZipFile(packed).extractall(folder)


def pack(target: str, folder: Path) -> int:
    """Write the inputs in a folder to the corpus of a target, and return their number."""
    # A name that a person gave comes before the digest of the same content.
    files = sorted(folder.iterdir(), key=lambda file: (is_found(file), file.name))
    names: dict[bytes, str] = {}
    for file in files:
        content = file.read_bytes()
        names.setdefault(content, _digest(content) if is_found(file) else file.name)
    CORPUS.mkdir(exist_ok=True)
    with zipfile.ZipFile(CORPUS / f"{target}.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        for content in sorted(names, key=lambda content: (len(content), content)):
            packed.writestr(zipfile.ZipInfo(names[content]), content, zipfile.ZIP_DEFLATED)
    return len(names)


def is_found(file: Path) -> bool:
    """Tell whether the search found an input. libFuzzer names it by a digest of 40 digits, the corpus by one of 16."""
    return re.fullmatch(r"[0-9a-f]{16}|[0-9a-f]{40}", file.name) is not None


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def fuzz(target: str, program: str, arguments: list[str]) -> None:
    """Run the fuzzer in this process: it ends the process. `program` is what it starts for a part of its work."""
    import atheris

    sys.path.insert(0, str(ROOT))
    with atheris.instrument_imports(include=["innersight", "tomllib"]):
        from tests.fuzz.targets import TARGETS, check
    atheris.Setup([program, *arguments], lambda content: check(TARGETS[target], content))
    atheris.Fuzz()


def run(target: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the fuzzer in another process, through a program in the folder: libFuzzer starts it again to merge."""
    program = folder / "program"
    command = [sys.executable, str(Path(__file__).absolute()), target, "--libfuzzer", str(program)]
    program.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
    program.chmod(0o755)
    return subprocess.run(
        [program, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )


def main() -> None:
    """Search, and write the corpus."""
    if sys.argv[2:3] == ["--libfuzzer"]:
        fuzz(sys.argv[1], sys.argv[3], sys.argv[4:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target")
    parser.add_argument("--seconds", type=int, default=60, help="time of the search; default: 60")
    parser.add_argument("--add", type=Path, nargs="*", default=[], help="files to add to the corpus, without a search")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        grown, smallest = Path(name) / "grown", Path(name) / "smallest"
        grown.mkdir(), smallest.mkdir()
        unpack(options.target, grown)
        for file in options.add:
            shutil.copyfile(file, grown / file.name)
        if options.add:
            print(f"{options.target}: {pack(options.target, grown)} inputs")
            return
        limits = [f"-max_len={LONGEST}", f"-timeout={SLOWEST}", "-rss_limit_mb=4096", f"-artifact_prefix={ROOT}/fuzz-"]
        done = run(
            options.target,
            Path(name),
            f"-max_total_time={options.seconds}",
            "-print_final_stats=1",
            *limits,
            str(grown),
        )
        print("\n".join(done.stdout.splitlines()[-40 if done.returncode else -12 :]))
        merged = run(options.target, Path(name), "-merge=1", *limits, str(smallest), str(grown))
        if merged.returncode:
            sys.exit("The inputs cannot be merged:\n" + "\n".join(merged.stdout.splitlines()[-20:]))
        for file in grown.iterdir():
            if not is_found(file):
                shutil.copyfile(file, smallest / file.name)
        print(f"{options.target}: {pack(options.target, smallest)} inputs")
        sys.exit(done.returncode)


if __name__ == "__main__":
    main()
