#!/usr/bin/env python3
"""The independent reader: which operations an OpenAPI document has, by the letter of the specifications.

    count.py FILE|FOLDER...          one JSON line for each document (*.json, *.yaml, *.yml), sorted by path
    count.py --summary FILE|FOLDER...  the numbers of the corpus instead (kinds and publishers from documents.tsv)

It reads as the specifications say (Swagger 2.0, OpenAPI 3.0.4, 3.1.1, 3.2.0, JSON: RFC 8259, YAML 1.2) and
`shared/interface.md` says (function names), never as Portolan's code does. A line holds

    path        below the folder given
    version     "2.0", "3.0", "3.1", "3.2", or null
    format      "json" or "yaml": what the bytes are, whatever the name says
    bytes       its size
    valid       is it a document that a reader has to read in full?
    invalid     why not, one short sentence for each fault; absent when valid
    operations  ["METHOD /path", ...] sorted, each once
    wanted      {"METHOD /path": the name that it wants}, in document order
    shared      {name: ["METHOD /path", ...]} of those names that several want; the first in the list gets the name itself
    external    path items that point into another document: not followed, so not counted
    notes       what is strange and harmless, as {kind: count}

Also of an invalid document the operations are listed, as far as one can see them; nobody has to agree with them.

What makes a document invalid, and nothing else does:
- it is not one JSON text or one YAML document in UTF-8 (a byte order mark is allowed), or its root is not an object;
- a YAML mapping has a key twice or a key that is not a scalar (YAML 1.2, 3.2.1.3), or a JSON object has a member
  twice inside `paths` or `webhooks`, outside schemas and examples (what a JSON reader does then is undefined);
- `swagger` is not the string 2.0 and `openapi` is not a string 3.0.x, 3.1.x or 3.2.x, or it has both;
- `paths` is missing in 2.0 or 3.0, is no object, or has a key that begins with neither `/` nor `x-`;
- a path item or an operation is no object; the `$ref` of a path item points nowhere, to itself, or to what is no
  object; an operation is a `$ref`;
- `parameters` of a path item or an operation is no array.
All else that the specifications forbid (an operation without responses, a dangling schema, a duplicate operationId)
leaves the operations countable: it is noted, and the document has to be read.
"""

from __future__ import annotations

import csv
import json
import os
import re
import sys
from collections import Counter
from urllib.parse import unquote

METHODS_2_0 = ("get", "put", "post", "delete", "options", "head", "patch")
METHODS_3_0 = (*METHODS_2_0, "trace")
METHODS_3_2 = (*METHODS_3_0, "query")
METHODS = {"2.0": METHODS_2_0, "3.0": METHODS_3_0, "3.1": METHODS_3_0, "3.2": METHODS_3_2}


class Fault(Exception):
    """The document can not be read at all."""


class Pairs(dict):
    """An object that remembers which of its keys stood there twice."""

    repeated: tuple[str, ...] = ()


# ---------------------------------------------------------------- the text


def read(data: bytes) -> tuple[object, str]:
    """The value of a JSON or YAML text, and which of both it is."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Fault(f"not UTF-8: {error.reason} at byte {error.start}") from error
    try:
        return json.loads(text, object_pairs_hook=pairs, parse_constant=no_constant, parse_int=Number, parse_float=Number), "json"
    except (ValueError, RecursionError) as json_error:
        if text.lstrip()[:1] in ("{", "["):
            # Flow style is YAML too; but what is meant as JSON and fails as YAML too is reported as JSON.
            try:
                return read_yaml(text), "yaml"
            except Fault:
                raise Fault(f"not JSON: {json_error}") from json_error
        return read_yaml(text), "yaml"


def pairs(items: list[tuple[str, object]]) -> Pairs:
    result = Pairs(items)
    if len(result) != len(items):
        result.repeated = tuple(key for key, n in Counter(key for key, _ in items).items() if n > 1)
    return result


def no_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


def read_yaml(text: str) -> object:
    """YAML 1.2's core schema on PyYAML's events. PyYAML's own constructor is YAML 1.1, where `on` is true and 1_000 a
    number, and it refuses an anchor that is given anew. Keys are their text, whatever they look like (OpenAPI 3.0.4,
    4.3: "a scalar string")."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    root: list[object] = []
    open_now: list[Open] = []
    anchors: dict[str, object] = {}
    documents = 0
    try:
        for event in yaml.parse(text, Loader=loader):
            kind = type(event).__name__
            if kind == "DocumentStartEvent":
                documents += 1
                if documents > 1:
                    raise Fault("more than one YAML document")
            elif kind == "ScalarEvent":
                text_as_key = event.value
                value = scalar(event)
                if event.anchor:
                    anchors[event.anchor] = value
                put(root, open_now, value, text_as_key, event)
            elif kind == "AliasEvent":
                if event.anchor not in anchors:
                    raise Fault(f"an alias without an anchor: *{event.anchor}")
                value = anchors[event.anchor]
                if any(value is each.value for each in open_now):
                    raise Fault(f"an alias inside of its own anchor: *{event.anchor}")
                put(root, open_now, value, value if isinstance(value, str) else None, event)
            elif kind in ("MappingStartEvent", "SequenceStartEvent"):
                value = Pairs() if kind == "MappingStartEvent" else []
                if event.anchor:
                    anchors[event.anchor] = value
                put(root, open_now, value, None, event)
                open_now.append(Open(value))
            elif kind in ("MappingEndEvent", "SequenceEndEvent"):
                open_now.pop().end()
    except (yaml.YAMLError, ValueError) as error:
        raise Fault("not YAML: " + " ".join(str(error).split())[:200]) from error
    return root[0] if root else None


class Open:
    """A mapping or sequence whose end has not come yet."""

    def __init__(self, value) -> None:
        self.value = value
        self.key: str | None = None
        self.merged: list[object] = []

    def end(self) -> None:
        # `<<` is YAML 1.1's and not in the specification's rules, but all tools that documents are written for merge.
        for source in self.merged:
            for each in source if isinstance(source, list) else [source]:
                if isinstance(each, dict):
                    for key, value in each.items():
                        self.value.setdefault(key, value)
        if self.merged:
            self.value.merged = True


def put(root: list[object], open_now: list[Open], value: object, text: str | None, event) -> None:
    if not open_now:
        root.append(value)
        return
    holder = open_now[-1]
    line_number = event.start_mark.line + 1
    if isinstance(holder.value, list):
        holder.value.append(value)
    elif holder.key is None:
        if text is None:
            raise Fault(f"a YAML key that is no scalar, line {line_number}")
        holder.key = "\0merge" if text == "<<" and getattr(event, "implicit", (False,))[0] else text
    else:
        key, holder.key = holder.key, None
        if key == "\0merge":
            holder.merged.append(value)
            return
        if key in holder.value:
            holder.value.repeated += (f"{key} (line {line_number})",)
        holder.value[key] = value


NULL = re.compile(r"^(?:~|null|Null|NULL|)$")
BOOL = re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$")
NUMBER = re.compile(
    r"^[-+]?(?:0o[0-7]+|0x[0-9a-fA-F]+|(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|\.(?:inf|Inf|INF))$"
    r"|^\.(?:nan|NaN|NAN)$"
)


def scalar(event) -> object:
    if event.implicit[0]:  # plain and without a tag
        if NULL.match(event.value):
            return None
        if BOOL.match(event.value):
            return event.value.lower() == "true"
        if NUMBER.match(event.value):
            return Number(event.value)
    return event.value


class Number(str):
    """The text of a number: none is computed with, and no reader's idea of size or precision enters."""


# ---------------------------------------------------------------- the document


class Document:
    def __init__(self, data: bytes) -> None:
        self.notes: Counter[str] = Counter()
        self.invalid: list[str] = []
        self.external: list[str] = []
        self.found: list[tuple[str, str, object]] = []  # method, path, operation
        self.known: set[tuple[str, str]] = set()
        self.version: str | None = None
        self.format: str | None = None
        try:
            self.root, self.format = read(data)
        except Fault as fault:
            self.invalid.append(str(fault))
            return
        if data.startswith(b"\xef\xbb\xbf"):
            self.notes["byte order mark"] += 1
        if not isinstance(self.root, dict):
            self.invalid.append("the root is no object")
            return
        self.version = self.family()
        self.look_for_repeated_keys()
        if self.version:
            self.paths()

    def family(self) -> str | None:
        swagger, openapi = self.root.get("swagger"), self.root.get("openapi")
        if "swagger" in self.root and "openapi" in self.root:
            self.invalid.append("has both `swagger` and `openapi`")
            return None
        if swagger is not None:
            if isinstance(swagger, Number):
                self.invalid.append(f"`swagger` is the number {swagger}, not a string")
            elif swagger != "2.0":
                self.invalid.append(f"`swagger` is {swagger!r}")
            return "2.0" if swagger == "2.0" else None
        match = re.match(r"^(3\.[012])\.\d+(-.+)?$", openapi) if isinstance(openapi, str) else None
        if match:
            return match[1]
        self.invalid.append("no `swagger` and no `openapi`" if openapi is None else f"`openapi` is {openapi!r}")
        return openapi if openapi in ("3.0", "3.1", "3.2") else None

    def look_for_repeated_keys(self) -> None:
        """In YAML anywhere; in JSON where it could change what an operation is."""
        seen: set[int] = set()
        stack: list[tuple[object, str, int]] = [(self.root, "", 0)]
        while stack:
            value, where, depth = stack.pop()
            if isinstance(value, (dict, list)):
                if id(value) in seen:
                    continue
                seen.add(id(value))
            if isinstance(value, Pairs) and value.repeated:
                matters = self.format == "yaml" or where == "" or re.match(r"^/(paths|webhooks)(/[^/]+){0,2}$", where)
                if matters:
                    self.invalid.append(f"a key twice at {where or '/'}: {', '.join(value.repeated)[:120]}")
                else:
                    self.notes["a member twice"] += 1
            if getattr(value, "merged", False):
                self.notes["merge key"] += 1
            if isinstance(value, dict):
                for key, each in value.items():
                    stack.append((each, f"{where}/{key.replace('~', '~0').replace('/', '~1')}", depth + 1))
            elif isinstance(value, list):
                for index, each in enumerate(value):
                    stack.append((each, f"{where}/{index}", depth + 1))

    def paths(self) -> None:
        if "paths" not in self.root:
            if self.version in ("2.0", "3.0"):
                self.invalid.append("no `paths`")
            else:
                self.notes["no paths"] += 1
            return
        paths = self.root["paths"]
        if not isinstance(paths, dict):
            self.invalid.append("`paths` is no object")
            return
        for path, item in paths.items():
            if path.startswith("x-"):
                self.notes["x- in paths"] += 1
            elif not path.startswith("/"):
                self.invalid.append(f"a path without a leading slash: {path[:80]!r}")
            else:
                self.path_item(path, item, ())

    def path_item(self, path: str, item: object, followed: tuple[str, ...]) -> None:
        if not isinstance(item, dict):
            self.invalid.append(f"the path item {path} is no object")
            return
        if "$ref" in item and len(item) > 1:
            self.notes["path item with $ref and more"] += 1
        for key, value in item.items():
            if key == "$ref":
                self.follow(path, value, followed)
            elif key in METHODS[self.version]:
                self.operation(key.upper(), path, value)
            elif key == "additionalOperations" and self.version == "3.2":
                if not isinstance(value, dict):
                    self.invalid.append(f"additionalOperations of {path} is no object")
                    continue
                for method, operation in value.items():
                    if method.lower() in METHODS_3_2:
                        self.invalid.append(f"additionalOperations of {path} has {method}, which has a field of its own")
                    else:
                        self.operation(method, path, operation)
            elif key == "parameters":
                self.parameters(path, value)
            elif key.lower() in METHODS_3_2:
                self.notes[f"`{key}` is no method in {self.version}"] += 1
            elif not key.startswith("x-") and key not in ("summary", "description", "servers"):
                self.notes["unknown field of a path item"] += 1

    def follow(self, path: str, reference: object, followed: tuple[str, ...]) -> None:
        if not isinstance(reference, str):
            self.invalid.append(f"$ref of {path} is no string")
        elif not reference.startswith("#"):
            self.external.append(f"{path} -> {reference}")
        elif reference in followed:
            self.invalid.append(f"$ref of {path} leads to itself")
        else:
            target = self.resolve(reference)
            if target is None:
                self.invalid.append(f"$ref of {path} points nowhere: {reference}")
            else:
                self.notes["path item by $ref"] += 1
                self.path_item(path, target, (*followed, reference))

    def resolve(self, reference: str) -> object:
        value: object = self.root
        pointer = unquote(reference[1:])
        if pointer == "":
            return value
        if not pointer.startswith("/"):
            return None
        for token in pointer[1:].split("/"):
            token = token.replace("~1", "/").replace("~0", "~")
            if isinstance(value, dict) and token in value:
                value = value[token]
            elif isinstance(value, list) and token.isdigit() and int(token) < len(value):
                value = value[int(token)]
            else:
                return None
        return value

    def operation(self, method: str, path: str, operation: object) -> None:
        if not isinstance(operation, dict):
            self.invalid.append(f"the operation {method} {path} is no object")
            return
        if "$ref" in operation:
            self.invalid.append(f"the operation {method} {path} is a reference, which no version allows")
            return
        if (method, path) in self.known:
            self.invalid.append(f"{method} {path} stands beside a $ref that has it too")
            return
        self.known.add((method, path))
        self.found.append((method, path, operation))
        self.parameters(f"{method} {path}", operation.get("parameters", []))
        if not isinstance(operation.get("responses"), dict):
            self.notes["operation without responses"] += 1
        name = operation.get("operationId")
        if name is None:
            self.notes["no operationId"] += 1
        elif not isinstance(name, str) or isinstance(name, Number):
            self.notes["operationId is no string"] += 1
        elif name == "":
            self.notes["operationId is empty"] += 1
        elif not re.match(r"^[A-Za-z0-9._-]+$", name):
            self.notes["operationId with other characters"] += 1

    def parameters(self, where: str, parameters: object) -> None:
        if not isinstance(parameters, list):
            self.invalid.append(f"`parameters` of {where} is no array")


# ---------------------------------------------------------------- the names


def wanted(method: str, path: str, operation: dict) -> str:
    """`operationId`; without one `{method}-{path}` in lower case, every run of other characters one `-`."""
    name = operation.get("operationId")
    if isinstance(name, str) and name:
        return str(name)
    return re.sub(r"[^a-z0-9]+", "-", f"{method}-{path}".lower())


def names(found: list[tuple[str, str, object]]) -> tuple[dict[str, str], dict[str, list[str]]]:
    by_operation = {f"{method} {path}": wanted(method, path, operation) for method, path, operation in found}
    by_name: dict[str, list[str]] = {}
    for operation, name in by_operation.items():
        by_name.setdefault(name, []).append(operation)
    return by_operation, {name: several for name, several in by_name.items() if len(several) > 1}


# ---------------------------------------------------------------- the command


def line(path: str, data: bytes) -> dict[str, object]:
    document = Document(data)
    by_operation, shared = names(document.found)
    result: dict[str, object] = {
        "path": path,
        "version": document.version,
        "format": document.format,
        "bytes": len(data),
        "valid": not document.invalid,
    }
    if document.invalid:
        result["invalid"] = document.invalid[:20]
    result |= {"operations": sorted(by_operation), "wanted": by_operation, "shared": shared}
    if document.external:
        result["external"] = document.external
    if document.notes:
        result["notes"] = dict(sorted(document.notes.items()))
    return result


def documents(roots: list[str]):
    for root in roots:
        if os.path.isfile(root):
            yield os.path.basename(root), root
            continue
        if not os.path.isdir(root):
            sys.exit(f"count.py: no such file or folder: {root}")
        every = []
        for folder, _, files in os.walk(root):
            every += [os.path.join(folder, name) for name in files if name.lower().endswith((".json", ".yaml", ".yml"))]
        for path in sorted(every):
            yield os.path.relpath(path, root), path


def table() -> dict[str, dict[str, str]]:
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "documents.tsv")
    with open(path, encoding="utf-8", newline="") as rows:
        return {row["file"]: row for row in csv.DictReader(rows, delimiter="\t")}


def summary(lines) -> None:
    """The numbers that the acceptance line asks for, of the real documents and of the fixtures apart."""
    rows = table()
    counts: dict[str, Counter[str]] = {"real": Counter(), "fixture": Counter()}
    publishers: dict[str, set[str]] = {"real": set(), "fixture": set()}
    reasons = []
    for each in lines:
        row = rows.get(each["path"], {"kind": "real", "publisher": each["path"]})
        count = counts[row["kind"]]
        count["documents"] += 1
        if not each["valid"]:
            count["invalid"] += 1
            reasons.append(f"{each['path']}: {'; '.join(each['invalid'][:2])}")
            continue
        publishers[row["kind"]].add(row["publisher"])
        notes = each.get("notes", {})
        count["valid"] += 1
        count[f"{'Swagger' if each['version'] == '2.0' else 'OpenAPI'} {each['version']}"] += 1
        count[each["format"]] += 1
        count["over 500 KB (512,000 bytes)"] += each["bytes"] > 512_000
        count["operations"] += len(each["operations"])
        count["of them without operationId"] += notes.get("no operationId", 0) + notes.get("operationId is empty", 0)
        count["names that several operations want"] += len(each["shared"])
        count["documents with such a name"] += bool(each["shared"])
        count["documents with a path item elsewhere"] += "external" in each
        count["documents without an operation"] += not each["operations"]
    for kind, count in counts.items():
        count["publishers of valid ones"] = len(publishers[kind])
    print(f"{'real':>8} {'fixture':>8}")
    for key in sorted(set(counts["real"]) | set(counts["fixture"])):
        print(f"{counts['real'][key]:>8,} {counts['fixture'][key]:>8,}  {key}")
    for reason in reasons:
        print(f"invalid: {reason}")


def main(arguments: list[str]) -> None:
    sys.setrecursionlimit(20_000)
    short = arguments[:1] == ["--summary"]
    roots = arguments[short:]
    if not roots or any(each.startswith("-") for each in roots):
        sys.exit(__doc__)
    lines = (line(name, open(path, "rb").read()) for name, path in documents(roots))
    if short:
        summary(lines)
        return
    for each in lines:
        print(json.dumps(each, ensure_ascii=True), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
