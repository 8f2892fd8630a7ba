"""Lists scored by Ray: one actor for each worker, each with loaded scorers. Ray schedules and retries the shards."""

from __future__ import annotations

import hashlib
import json
import socket
import tempfile
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from innersight.distributed.plan import LIST, MANIFEST, PLAN, Plan, default_shards, make_plan, read_plan
from innersight.distributed.shard import ShardOptions, ShardResult, score_shard
from innersight.distributed.storage import Folder, in_use, is_url
from innersight.errors import ArgumentError, first_line
from innersight.extras import needed_for
from innersight.inference.batch import BatchOutcome
from innersight.inference.pair_lists import PairList, open_list
from innersight.inference.result_writer import result_columns
from innersight.inference.scorer import Scorer

if TYPE_CHECKING:
    from collections.abc import Iterator

_RETRIES = 5  # of a shard whose worker was killed
_CONNECTED_WITHIN = 10  # seconds


@dataclass(frozen=True)
class Cluster:
    """The Ray cluster of a run.

    Attributes:
        address: `auto`, `ray://HOST:PORT`, or None to start Ray on this machine. Default: None.
        workers: Number of actors. Each uses one core. `auto`, the default: the cores of the cluster.
    """

    address: str | None = None
    workers: int | Literal["auto"] = "auto"


def open_place(
    place: str, reference_column: str = "reference", distorted_column: str = "distorted"
) -> tuple[PairList, str]:
    """Open a list at a path or at a URL of fsspec.

    Args:
        place: The path or the URL of a .csv, .jsonl or .parquet file.
        reference_column: The column with the path or the URL of the reference. Relative ones start from the folder of
            the list.
        distorted_column: The same of the distorted image.

    Returns:
        The list, and the place that relative paths start from.

    Raises:
        ArgumentError: If it cannot be read, or no row can be scored.
    """
    folder, _, name = place.rpartition("/") if is_url(place) else (str(Path(place).parent), "", Path(place).name)
    if not is_url(place):
        return open_list(place, reference_column, distorted_column), str(Path(folder).absolute())
    try:
        content = Folder(folder).read(name)
    except FileNotFoundError:
        raise ArgumentError(f"No such list: '{place}'.") from None
    except OSError as error:
        raise ArgumentError(f"The list '{place}' cannot be read: {first_line(error)}") from error
    with tempfile.TemporaryDirectory(prefix="innersight-") as temporary:
        copy = Path(temporary) / name
        copy.write_bytes(content)
        found = open_list(copy, reference_column, distorted_column)
        # The rows are kept: the copy is not. Parquet types are those of Python values from here on.
        return replace(found, source=None, listed=tuple(row.values for row in found.rows())), folder


def score_with_ray(
    pairs: PairList,
    images: str,
    scorers: Mapping[str, Scorer],
    out: str,
    *,
    cluster: Cluster | None = None,
    shards: int | None = None,
    options: ShardOptions | None = None,
    resume: bool = False,
    overwrite: bool = False,
    on_rows: Callable[[int, int], None] = lambda _done, _failed: None,
) -> BatchOutcome:
    """Score a list on the actors of Ray, and write Parquet files to a folder.

    Each shard becomes a file `part-NUMBER-of-COUNT.parquet` with the columns of the list, the results of
    `innersight.inference.batch.score_list`, and `row`, the number of the row in the list. `_manifest.json` appears
    last, with what decided the scores and the counts of each file. If a worker is killed, Ray scores its shard again.
    If the whole run is killed, `resume=True` scores the missing shards. The scores are those of the local engine within
    1e-5.

    Args:
        pairs: The list, from `open_place` or `open_list`.
        images: The place that relative paths start from.
        scorers: The scorers by name, from `innersight.create_scorers`. They are copied to each worker.
        out: The output folder, a path or a URL of fsspec. All workers must reach it and the images.
        cluster: The Ray cluster. Default: Ray is started on this machine, with a worker for each core.
        shards: Number of shards. Default: about 1,000 rows each, at least four for each worker.
        options: How rows are scored. Default: that of `ShardOptions`.
        resume: Continue an earlier run with the same list and settings.
        overwrite: Delete an earlier run.
        on_rows: Called with the numbers of finished rows and of errors after each shard. Default: nothing.

    Returns:
        The counts.

    Raises:
        ArgumentError: If Ray is not installed or cannot be reached, the folder has an earlier run, its settings differ,
            another run writes to it, or a shard fails several times.
    """
    with needed_for("The engine `ray`"):
        import fsspec  # noqa: F401 - with its own line if it is missing
        import ray

    options = options or ShardOptions()
    cluster = cluster or Cluster()
    folder = Folder(out)
    run = {
        "list": pairs.digest,
        "metrics": {name: scorer.describe() for name, scorer in scorers.items()},
        "per_layer": options.with_layers,
        "region": options.region.describe(),
        "root": None if options.root is None else options.root.place,
        "background": None if options.background is None else list(options.background),
        "limits": None if options.limits is None else options.limits.describe(),
    }
    run = json.loads(json.dumps(run))  # as a plan has it that was read
    added = result_columns(list(scorers), options.with_layers)
    if repeated := [column for column in added if column in pairs.columns]:
        raise ArgumentError(f"The list has a column {repeated[0]!r} already, as the results would: rename it first.")
    _check_address(cluster.address)
    with folder.locked():
        plan = _earlier(folder, run, resume=resume, overwrite=overwrite)
        with _connected(ray, cluster), _claimed(ray, folder):
            if plan is None:
                folder.remove(_names_of_run(folder))
            workers = _count(ray, cluster)
            if plan is None:
                count = default_shards(pairs.count, workers) if shards is None else min(shards, pairs.count)
                plan = make_plan(pairs, images, run, count, folder)
            written = folder.names()
            finished = [number for number in range(len(plan.shards)) if plan.output_of(number) in written]
            results = {number: _count_of(plan, number, folder) for number in finished}
            rows, failed = resumed, _ = _sums(results)
            missing = [number for number in range(len(plan.shards)) if number not in results]
            for result in _scored(ray, missing, workers, plan, scorers, options, folder):
                results[result.number] = result
                rows, failed = rows + result.rows, failed + result.failed
                on_rows(rows, failed)
        return _finish(plan, results, resumed, folder)


def _finish(plan: Plan, results: Mapping[int, ShardResult], resumed: int, folder: Folder) -> BatchOutcome:
    """Write the manifest, and delete the lists of the shards."""
    rows, failed = _sums(results)
    files = [
        {"file": plan.output_of(number), "rows": results[number].rows, "failed": results[number].failed}
        for number in range(len(plan.shards))
    ]
    manifest = {"rows": rows, "failed": failed, "files": files, **plan.to_json()}
    folder.write(MANIFEST, (json.dumps(manifest, indent=2) + "\n").encode())
    folder.remove(set(map(plan.list_of, range(len(plan.shards)))) & folder.names())
    return BatchOutcome(rows, resumed, failed)


def _names_of_run(folder: Folder) -> list[str]:
    """Return the names of the files of an earlier run, the plan first: what is left without it counts as nothing."""
    own = [
        name
        for name in folder.names()
        if name in (PLAN, MANIFEST) or (name.startswith(("part-", LIST)) and "-of-" in name)
    ]
    return sorted(own, key=lambda name: name != PLAN)


def _earlier(folder: Folder, run: Mapping[str, Any], *, resume: bool, overwrite: bool) -> Plan | None:
    """Return the plan of the run to continue; None if there is none."""
    if resume and overwrite:
        raise ArgumentError("Options --resume and --overwrite exclude each other.")
    if overwrite or not _names_of_run(folder):
        return None
    if not resume:
        raise ArgumentError(f"'{folder.url}' has an earlier run. Use --resume to continue it, or --overwrite.")
    plan = read_plan(folder)
    if plan is not None and plan.run != run:
        changed = next(key for key in run if plan.run.get(key) != run[key])
        raise ArgumentError(
            f"The earlier run in '{folder.url}' had another {changed!r}. Use --overwrite to start anew."
        )
    return plan


@contextmanager
def _connected(ray: Any, cluster: Cluster) -> Iterator[None]:
    """Connect to Ray, or start it on this machine until the end of the run."""
    if ray.is_initialized():
        yield
        return
    local = {} if cluster.address is not None else {"num_cpus": None if cluster.workers == "auto" else cluster.workers}
    try:
        ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR", include_dashboard=False, **local)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise ArgumentError(
            f"Ray cannot be reached at {cluster.address or 'this machine'}: {first_line(error)} Check --ray-address."
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


class _Claim:
    """An actor whose name says that a run writes to a folder. It ends with the run."""


@contextmanager
def _claimed(ray: Any, folder: Folder) -> Iterator[None]:
    """Refuse a second run of this cluster on a folder, whatever its store."""
    name = hashlib.sha256(folder.url.encode()).hexdigest()
    try:
        claim = ray.remote(num_cpus=0)(_Claim).options(name=name, namespace="innersight").remote()
    except ValueError:
        raise in_use(folder.url) from None
    try:
        yield
    finally:
        ray.kill(claim)


def _check_address(address: str | None) -> None:
    """Check that a server listens at HOST:PORT. Ray itself tries for minutes before it says that none does."""
    host, _, port = (address or "").removeprefix("ray://").rpartition(":")
    if not (host and port.isdecimal()):
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECTED_WITHIN).close()
    except (OSError, OverflowError) as error:
        raise ArgumentError(
            f"Ray cannot be reached at {address}: {first_line(error)}. Check --ray-address, and that the cluster runs."
        ) from error


def _count(ray: Any, cluster: Cluster) -> int:
    if cluster.workers != "auto":
        return cluster.workers
    return max(1, int(ray.cluster_resources().get("CPU", 1)))


def _scored(
    ray: Any,
    numbers: list[int],
    workers: int,
    plan: Plan,
    scorers: Mapping[str, Scorer],
    options: ShardOptions,
    out: Folder,
) -> Iterator[ShardResult]:
    """Score shards on actors, and yield each when it is finished."""
    if not numbers:
        return
    actor = ray.remote(num_cpus=1, max_restarts=-1, max_task_retries=_RETRIES)(_Worker)
    shared = ray.put((plan, dict(scorers), options, out))
    pool = ray.util.ActorPool([actor.remote() for _ in range(min(workers, len(numbers)))])
    try:
        # The reference is inside a list: a worker then fetches the object once, and not for each shard.
        yield from pool.map_unordered(lambda worker, number: worker.score.remote(number, [shared]), numbers)
    except ray.exceptions.RayTaskError as error:
        raise ArgumentError(
            f"A shard cannot be scored: {first_line(error.cause)} The other shards are kept; --resume continues."
        ) from error
    except ray.exceptions.RayError as error:
        raise ArgumentError(
            f"A worker was lost more than {_RETRIES} times: {first_line(error)} The finished shards are kept; --resume "
            "continues."
        ) from error


class _Worker:
    """An actor: it holds scorers, and scores one shard at a time."""

    def __init__(self) -> None:
        self._shared: tuple[Plan, dict[str, Scorer], ShardOptions, Folder] | None = None

    def score(self, number: int, shared: list[Any]) -> ShardResult:
        """Score a shard. After a restart, the scorers are loaded again."""
        if self._shared is None:
            import ray

            self._shared = ray.get(shared[0])
        return score_shard(number, *self._shared)


def _count_of(plan: Plan, number: int, folder: Folder) -> ShardResult:
    """Count the rows of a finished shard."""
    import io

    from pyarrow import parquet

    errors = parquet.read_table(io.BytesIO(folder.read(plan.output_of(number))), columns=["error"]).column(0)
    return ShardResult(number, len(errors), len(errors) - errors.null_count)


def _sums(results: Mapping[int, ShardResult]) -> tuple[int, int]:
    return sum(result.rows for result in results.values()), sum(result.failed for result in results.values())
