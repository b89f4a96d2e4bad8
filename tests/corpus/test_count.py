#!/usr/bin/env python3
"""The traps that count.py has to pass: `python3 tests/corpus/test_count.py`."""

import json
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from count import line  # noqa: E402


def read(text, **changes):
    data = text if isinstance(text, bytes) else (json.dumps(text | changes) if isinstance(text, dict) else text).encode()
    return line("x", data)


def document(paths, version="3.0.3", **more):
    key = "swagger" if version == "2.0" else "openapi"
    return {key: version, "info": {"title": "t", "version": "1"}, "paths": paths} | more


OK = {"responses": {"200": {"description": "ok"}}}
EVERY = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query", "GET", "connect")


class Count(unittest.TestCase):
    def test_methods_of_each_version(self):
        for version, n in (("2.0", 7), ("3.0.3", 8), ("3.1.1", 8), ("3.2.0", 9)):
            with self.subTest(version):
                self.assertEqual(n, len(read(document({"/a": dict.fromkeys(EVERY, OK)}, version))["operations"]))

    def test_additional_operations_are_3_2(self):
        paths = {"/a": {"additionalOperations": {"COPY": OK, "purge": OK}}}
        self.assertEqual(["COPY /a", "purge /a"], read(document(paths, "3.2.0"))["operations"])
        self.assertEqual([], read(document(paths, "3.1.0"))["operations"])
        self.assertFalse(read(document({"/a": {"additionalOperations": {"POST": OK}}}, "3.2.0"))["valid"])

    def test_webhooks_callbacks_and_x_are_none(self):
        each = read(document({"/a": {"get": OK | {"callbacks": {"c": {"/b": {"post": OK}}}}, "x-get": OK, "parameters": []},
                              "x-b": {"get": OK}}, "3.1.0", webhooks={"w": {"post": OK}}))
        self.assertEqual((True, ["GET /a"]), (each["valid"], each["operations"]))

    def test_paths_may_be_missing_from_3_1_on(self):
        self.assertTrue(read({"openapi": "3.1.0", "webhooks": {}})["valid"])
        self.assertFalse(read({"openapi": "3.0.0"})["valid"])
        self.assertFalse(read({"swagger": "2.0"})["valid"])

    def test_references_of_path_items(self):
        paths = {"/a~b": {"get": OK}, "/c": {"$ref": "#/paths/~1a~0b", "put": OK}, "/d": {"$ref": "#/paths/~1a%7E0b"},
                 "/e": {"$ref": "e.yaml"}}
        each = read(document(paths))
        self.assertEqual(["GET /a~b", "GET /c", "GET /d", "PUT /c"], each["operations"])
        self.assertEqual((True, ["/e -> e.yaml"]), (each["valid"], each["external"]))
        for bad in ({"/a": {"$ref": "#/paths/~1a"}}, {"/a": {"$ref": "#/paths/~1b"}}, {"/a": {"$ref": "#/paths/~1b"}, "/b": {"$ref": "#/paths/~1a"}}):
            self.assertFalse(read(document(bad))["valid"])

    def test_names(self):
        each = read(document({"/b/{Id}": {"put": OK, "get": OK | {"operationId": "x"}}, "/a": {"get": OK | {"operationId": "x"}, "post": OK | {"operationId": ""}},
                              "/B/{id}": {"put": OK}, "/c_d.e-f": {"get": OK | {"operationId": "put-b-id-"}}}))
        self.assertEqual({"PUT /b/{Id}": "put-b-id-", "GET /b/{Id}": "x", "GET /a": "x", "POST /a": "post-a", "PUT /B/{id}": "put-b-id-",
                          "GET /c_d.e-f": "put-b-id-"}, each["wanted"])
        self.assertEqual({"put-b-id-": ["PUT /b/{Id}", "PUT /B/{id}", "GET /c_d.e-f"], "x": ["GET /b/{Id}", "GET /a"]}, each["shared"])

    def test_yaml_is_1_2(self):
        each = read("""%YAML 1.2
---
openapi: 3.1.0
info: {title: t, version: 2020-01-01}
x-base: &base {responses: {200: {description: ok}}}
paths:
  /on: {get: {operationId: on, <<: *base}, post: {operationId: 0x10, responses: {}}}
  /yes:
    parameters:
    - {name: y, in: query, schema: {type: integer, default: 99999999999999999999999, example: 1e999}}
    get: &base {operationId: "no", responses: {default: {description: 12:30:00}}}
  ? /long
  : put: {operationId: 2020-01-01, responses: {}}
""")
        self.assertTrue(each["valid"], each)
        self.assertEqual({"GET /on": "on", "POST /on": "0x10", "GET /yes": "no", "PUT /long": "2020-01-01"}, each["wanted"])
        self.assertEqual("yaml", each["format"])

    def test_what_is_no_document(self):
        good = "swagger: '2.0'\npaths:\n  /a: {get: {responses: {}}}\n"
        self.assertTrue(read(good)["valid"])
        self.assertTrue(read(b"\xef\xbb\xbf" + good.encode())["valid"])
        for bad in ("", "[]", "null", "x", '{"swagger": "2.0", "paths": {}', good + "paths: {}\n", good + "---\n" + good, good + "\ta: 1\n",
                    good.replace("'2.0'", "2.0"), good.replace("'2.0'", "'1.2'"), good + "openapi: 3.0.0\n", good.replace("/a", "a"),
                    good.replace("{get: {responses: {}}}", "null"), good.replace("{responses: {}}", "null"), good + "z: *nowhere\n",
                    good + "? {a: b}\n: 1\n", good + "z: &a [*a]\n", good.encode() + b"z: \xff\n", good.replace("responses: {}", "parameters: null"),
                    good.replace("responses: {}", "$ref: x.yaml"), good.replace("'2.0'", "'2.0'\nopenapi: 3.0.0")):
            with self.subTest(bad):
                each = read(bad)
                self.assertFalse(each["valid"], each)
                self.assertTrue(each["invalid"][0])

    def test_a_member_twice(self):
        self.assertFalse(read('{"swagger": "2.0", "paths": {"/a": {"get": {}, "get": {}}}}')["valid"])
        self.assertTrue(read('{"swagger": "2.0", "paths": {}, "definitions": {"a": {"type": "x", "type": "y"}}}')["valid"])


if __name__ == "__main__":
    unittest.main()
