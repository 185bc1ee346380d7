#!/usr/bin/env python3
"""Writes the index of a folder of ONNX files, from which `octavo zoo pull` fetches them.

    make_index.py FOLDER                  writes FOLDER/index.json
    make_index.py FOLDER --out FILE --base https://host/models/

Any static file server makes a mirror of that folder: see docs/mirror.md."""

import argparse
import hashlib
import json
import mmap
import os
import pathlib
import sys
import tomllib
import urllib.parse

TABLE = pathlib.Path(__file__).resolve().parent / "models.toml"


def names_by_file():
    """Of models.toml: the file that a model usually comes as, to its name there."""
    with open(TABLE, "rb") as file:
        return {row.get("file", f"{name}.onnx"): name for name, row in tomllib.load(file).items()}


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
        if shift > 63:
            raise ValueError("no protocol buffer")


def fields(data, at, end):
    """(number, first byte, byte behind the last) of each field that has a length; others are
    passed over."""
    while at < end:
        key, at = varint(data, at)
        kind = key & 7
        if kind == 0:
            _, at = varint(data, at)
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        elif kind == 2:
            length, at = varint(data, at)
            if at + length > end:
                raise ValueError("no protocol buffer")
            yield key >> 3, at, at + length
            at += length
        else:
            raise ValueError("no protocol buffer")


def weights_of(path):
    """What the file's metadata says of its weights, as zoo/export.py writes it; "" for nothing.
    ModelProto keeps metadata_props in field 14, of which 1 is the key and 2 the value."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for number, first, last in fields(data, 0, len(data)):
            if number == 14:
                entry = {key: data[at:end].decode() for key, at, end in fields(data, first, last)}
                if entry.get(1) == "octavo.weights":
                    return entry.get(2, "")
    return ""


def describe(path, names, base, weights):
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    row = {"name": names.get(path.name, path.stem), "file": path.name,
           "url": base + urllib.parse.quote(path.name), "size": path.stat().st_size,
           "sha256": digest}
    said = weights_of(path) if weights is None else weights
    return {**row, "weights": said} if said else row


def write(path, text):
    """At once, because a server may be reading the old one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text)
    temporary.replace(path)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, help="FOLDER/index.json unless given")
    parser.add_argument("--base", default="",
                        help="URL of the folder; without it, files are beside the index")
    parser.add_argument("--weights", help="what the weights of all these files are; without it, "
                                          "what each file's metadata says")
    options = parser.parse_args()
    if options.base and not options.base.endswith("/"):
        options.base += "/"
    return options


def main():
    options = parse()
    names = names_by_file()
    rows = []
    for path in sorted(options.folder.glob("*.onnx")):
        try:
            rows.append(describe(path, names, options.base, options.weights))
        except (OSError, ValueError, IndexError) as error:
            sys.exit(f"{path}: {error}")
    if not rows:
        sys.exit(f"{options.folder}: no .onnx files")
    out = options.out or options.folder / "index.json"
    write(out, json.dumps({"schema_version": 1, "files": rows}, indent=1) + "\n")
    print(f"{out}: {len(rows)} files, {sum(row['size'] for row in rows)} bytes")


if __name__ == "__main__":
    main()
