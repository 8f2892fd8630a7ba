"""Fuzz one reader with coverage guidance: `python scripts/fuzz.py TARGET [--seconds 60]`.

It needs `pip install atheris`. `tests/fuzz/targets.py` has the targets, and `tests/fuzz/corpus/TARGET.zip` the inputs
from which the search starts. At the end the inputs that reach new lines are written back to that file, the smallest
first. An input that raises an unexpected error ends the run, and its file is named on the last lines of the output:
mend the reader, and add the input to the corpus with `--add FILE`. `tests/fuzz/test_corpus.py` runs each target on each
input of its corpus.
"""

from __future__ import annotations

import argparse
import hashlib
import shlex
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
    contents = sorted({file.read_bytes() for file in folder.iterdir()}, key=lambda content: (len(content), content))
    CORPUS.mkdir(exist_ok=True)
    with zipfile.ZipFile(CORPUS / f"{target}.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        for content in contents:
            packed.writestr(zipfile.ZipInfo(hashlib.sha256(content).hexdigest()[:16]), content, zipfile.ZIP_DEFLATED)
    return len(contents)


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
            (grown / hashlib.sha256(file.read_bytes()).hexdigest()[:16]).write_bytes(file.read_bytes())
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
        print(f"{options.target}: {pack(options.target, smallest)} inputs")
        sys.exit(done.returncode)


if __name__ == "__main__":
    main()
