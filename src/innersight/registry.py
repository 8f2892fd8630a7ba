"""A table of named objects that this package and other packages fill."""

from __future__ import annotations

import importlib
import pkgutil
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar

from innersight.errors import ArgumentError, first_line, unknown_name

T = TypeVar("T")
Item = TypeVar("Item")


class Registry(Mapping[str, T], Generic[T]):
    """A read-only mapping from names to objects in alphabetical order, filled at its first use.

    It imports every module of `package`, whose modules register their objects with `register` or `add`. It then loads
    the entry points of `group`, through which other installed packages add theirs. The name of an entry point is the
    name of the object that it loads. Names of this package cannot be replaced. An entry point that cannot be loaded is
    left out; `find` then says why.

    Args:
        noun: What the objects are, as an argument is called in an error message, such as `distance`.
        package: The package whose modules are imported, such as `innersight.distances`.
        group: The group of entry points, such as `innersight.distances`. None, the default, reads none.
        kind: The type that an object from an entry point must have, or None for any callable.

    Example:
        >>> colours: Registry[object] = Registry("colour", "innersight.report")
        >>> colours.add("red", (255, 0, 0))
        (255, 0, 0)
        >>> list(colours), colours.find("red")
        (['red'], (255, 0, 0))
        >>> colours.find("rad")
        Traceback (most recent call last):
        innersight.errors.ArgumentError: Argument `colour` must be one of (red), but got 'rad'. Did you mean red?
    """

    def __init__(self, noun: str, package: str, *, group: str | None = None, kind: type | None = None) -> None:
        self.noun = noun
        self._package = package
        self._group = group
        self._kind = kind
        self._items: dict[str, T] = {}
        self._broken: dict[str, str] = {}
        self._lock = threading.RLock()
        self._filled = False
        self._complete = False

    def add(self, name: str, item: Item) -> Item:
        """Register an object.

        Args:
            name: Its name, as a user writes it.
            item: The object.

        Returns:
            The object.

        Raises:
            ArgumentError: If the name is taken.
        """
        if name in self._items:
            raise ArgumentError(f"The {self.noun} {name!r} is registered already: choose another name.")
        self._items[name] = item  # type: ignore[assignment]  # the caller's type is kept, as a decorator must
        return item

    def register(self, name: str) -> Callable[[Item], Item]:
        """Return a decorator that registers a function or class under a name."""
        return lambda item: self.add(name, item)

    def find(self, name: object, *, argument: str | None = None, before: Iterable[str] = (), more: str = "") -> T:
        """Return the object of a name.

        Args:
            name: The name.
            argument: What the error calls the argument. Default: the registry's noun.
            before: Other names that the error lists first.
            more: A sentence that closes the error.

        Raises:
            ArgumentError: If there is no such name. The message lists the nearest ones.
        """
        if isinstance(name, str) and name not in self and name in self._broken:
            raise ArgumentError(self._broken[name])
        if not isinstance(name, str) or name not in self:
            raise unknown_name(argument or self.noun, name, (*before, *self), more)
        return self._items[name]

    def __getitem__(self, name: str) -> T:
        self._fill()
        return self._items[name]

    def __iter__(self) -> Iterator[str]:
        self._fill()
        return iter(sorted(self._items))

    def __len__(self) -> int:
        self._fill()
        return len(self._items)

    def _fill(self) -> None:
        if self._complete:  # without the lock, which torch.compile cannot trace
            return
        with self._lock:
            if self._filled:
                return
            self._filled = True  # before the imports: a module that reads the registry sees what is there so far
            package = importlib.import_module(self._package)
            for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda module: module.name):
                importlib.import_module(f"{self._package}.{module.name}")
            for point in entry_points(group=self._group) if self._group is not None else ():
                self._load(point)
            self._complete = True

    def _load(self, point: EntryPoint) -> None:
        """Register the object of an entry point. A defect of one package must not disable the others."""
        origin = f"The {self.noun} {point.name!r} of another package ({point.value})"
        if point.name in self._items:
            warnings.warn(f"{origin} is ignored: the name is taken.", stacklevel=2)
            return
        try:
            item = point.load()
        except Exception as error:  # noqa: BLE001 - another package's code can raise anything
            reason = f"{type(error).__name__}: {first_line(error)}"
            self._broken[point.name] = f"{origin} cannot be loaded ({reason}). Repair or uninstall that package."
            return
        if not isinstance(item, self._kind) if self._kind is not None else not callable(item):
            wanted = "a callable" if self._kind is None else f"an object of type {self._kind.__name__}"
            self._broken[point.name] = f"{origin} must be {wanted}, but is of type {type(item).__name__}."
            return
        self._items[point.name] = item
