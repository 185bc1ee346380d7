"""The models of the reference table, and their float files, fetched and checked: octavo zoo list, info, pull."""

from __future__ import annotations

import dataclasses
import json
import os
from typing import Any, Sequence, overload

from .program import Progress, Result, _ask, _flags, _path


class _Row:
    """A dataclass made of a row of JSON; keys that it does not know are newer than it."""

    @classmethod
    def of(cls, row: dict[str, Any]) -> Any:
        return cls(**{field.name: row.get(field.name) for field in dataclasses.fields(cls)})  # type: ignore[arg-type]

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self))  # type: ignore[call-overload]


@dataclasses.dataclass(frozen=True)
class Entry(_Row):
    """A model of the table. `recipe` is its preprocessing (size and crop in pixels, mean and std in 0..255 units),
    `reference` what the reference board's table states of it; None where nothing is known."""

    name: str
    family: str
    architecture: str
    library: str
    model: str
    file: str
    licence: str
    input: int
    classes: int
    recipe: dict[str, Any]
    parameters_m: float | None
    published_top1: float | None
    published_source: str
    reference: dict[str, float] | None
    doubts: str


@dataclasses.dataclass(frozen=True)
class Fetched(_Row):
    """A float file in the cache, whole and with the digest that the index states."""

    name: str
    path: str
    bytes: int
    sha256: str
    weights: str
    was_cached: bool


@dataclasses.dataclass(frozen=True)
class _Models(Result):
    models: list[dict[str, Any]]


@dataclasses.dataclass(frozen=True)
class _Files(Result):
    files: list[dict[str, Any]]


def models(family: str | Sequence[str] | None = None, licence: str | Sequence[str] | None = None,
           max_parameters: float | None = None) -> list[Entry]:
    """The table's models in its order: of these families, of these licences, of at most so many million
    parameters."""
    filters = _flags({"family": family, "licence": licence, "max_parameters": max_parameters})
    return [Entry.of(row) for row in _ask(_Models, ["zoo", "list", *filters], None).models]


def info(name: str) -> Entry:
    """One model of the table; upper and lower case are one."""
    (row,) = _ask(_Models, ["zoo", "info", _path(name)], None).models
    entry: Entry = Entry.of(row)
    return entry


@overload
def fetch(names: str, index: "str | os.PathLike[str] | None" = None, progress: Progress | bool | None = None,
          **options: Any) -> Fetched: ...
@overload
def fetch(names: Sequence[str], index: "str | os.PathLike[str] | None" = None,
          progress: Progress | bool | None = None, **options: Any) -> list[Fetched]: ...
def fetch(names: str | Sequence[str], index: "str | os.PathLike[str] | None" = None,
          progress: Progress | bool | None = None, **options: Any) -> Fetched | list[Fetched]:
    """octavo zoo pull: float files of an index (a URL or a file; else OCTAVO_ZOO_INDEX) into the cache, of one name
    or several. Options are the flags of the command: cache="folder", mirror="https://...", attempts=3. The first
    file that cannot be had raises; what has come is kept for the next call."""
    several = [names] if isinstance(names, str) else list(names)
    files = _ask(_Files, ["zoo", "pull", *map(_path, several), *_flags({"index": index, **options})], progress).files
    fetched: list[Fetched] = [Fetched.of(row) for row in files]
    return fetched[0] if isinstance(names, str) else fetched
