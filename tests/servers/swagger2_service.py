#!/usr/bin/env python3
"""A service described by Swagger 2.0 at /swagger.json, made by flask-restx; its base path is /shop/v2.

`swagger2_service.py --port N`. It speaks HTTP/1.0 (werkzeug's own server), and its document has what such
documents have: parameters of a whole path, unused responses, both form types on one operation.
"""
import argparse
import logging

from flask import Flask, Response
from flask_restx import Api, Resource, fields, inputs, reqparse
from werkzeug.datastructures import FileStorage

BASE = "/shop/v2"
SIZES = ["small", "medium", "large"]

app = Flask(__name__)
app.config["RESTX_MASK_SWAGGER"] = False


class AtRoot(Api):
    """The document is at /swagger.json; the operations are under the base path."""

    def _register_specs(self, app_or_blueprint):
        pass  # flask-restx would put it under the base path


api = AtRoot(app, version="2.1", title="Shop", description="Things for ships", prefix=BASE, doc=False)
things = api.namespace("things", description="What is for sale", path="/things")
orders = api.namespace("orders", description="What was bought", path="/orders")

maker = api.model("Maker", {"name": fields.String(required=True), "country": fields.String(max_length=2)})
thing = api.model(
    "Thing",
    {
        "id": fields.Integer(readonly=True, description="Given by the shop"),
        "name": fields.String(required=True, min_length=1),
        "size": fields.String(enum=SIZES, default="medium"),
        "price": fields.Float(minimum=0),
        "tags": fields.List(fields.String),
        "maker": fields.Nested(maker, allow_null=True),
        "weights": fields.Wildcard(fields.Float),
    },
)
order = api.model(
    "Order",
    {"number": fields.Integer, "lines": fields.List(fields.Nested(thing)), "express": fields.Boolean},
)
fault = api.model("Fault", {"message": fields.String})

search = reqparse.RequestParser()
search.add_argument("tag", type=str, action="split", location="args", help="any of these, comma-separated")
search.add_argument("size", type=str, action="append", choices=SIZES, location="args", help="repeated")
search.add_argument("limit", type=int, default=10, location="args")
search.add_argument("X-Trace", type=str, location="headers")

upload = reqparse.RequestParser()
upload.add_argument("picture", type=FileStorage, required=True, location="files")
upload.add_argument("caption", type=str, default="", location="form")

login = reqparse.RequestParser()
login.add_argument("user", type=str, required=True, location="form")
login.add_argument("remember", type=inputs.boolean, default=False, location="form")


@things.route("")
class Things(Resource):
    @things.doc("list_things")
    @things.expect(search)
    def get(self):
        """Things that fit; the answer says what was understood."""
        return search.parse_args()

    @things.doc("add_thing")
    @things.expect(thing, validate=True)
    @things.response(201, "Added", thing)
    def post(self):
        """Adds a thing."""
        return {**api.payload, "id": 1}, 201, {"Location": f"{BASE}/things/1"}


@things.route("/<int:thing_id>")
@things.param("thing_id", "Which")
class Thing(Resource):
    @things.doc("get_thing")
    @things.response(200, "The thing", thing)
    @things.response(404, "No such thing", fault)
    def get(self, thing_id):
        """A thing by its number; there are 1 to 99."""
        if not 1 <= thing_id < 100:
            return {"message": f"no thing {thing_id}"}, 404
        return {"id": thing_id, "name": "anchor", "size": "large", "price": 12.5, "tags": ["iron"]}

    @things.doc("replace_thing")
    @things.expect(thing)
    def put(self, thing_id):
        """Replaces a thing."""
        return {**api.payload, "id": thing_id}

    @things.doc("remove_thing", deprecated=True)
    @things.response(204, "Gone")
    def delete(self, thing_id):
        """Removes a thing."""
        return "", 204


@things.route("/<int:thing_id>/picture")
class Picture(Resource):
    @things.doc("set_picture", consumes=["multipart/form-data"])
    @things.expect(upload)
    def put(self, thing_id):
        """Stores a picture."""
        given = upload.parse_args()
        size = len(given["picture"].read())
        return {"id": thing_id, "file": given["picture"].filename, "bytes": size, "caption": given["caption"]}

    @things.doc("get_picture")
    @things.produces(["image/png"])
    def get(self, thing_id):
        """The picture's first eight bytes."""
        return Response(b"\x89PNG\r\n\x1a\n", mimetype="image/png")


@orders.route("/<string:customer>/<path:where>")
class Orders(Resource):
    @orders.doc("list_orders")
    @orders.response(200, "The orders", [order])
    def get(self, customer, where):
        """Orders of a customer, sent to a place whose name may hold slashes."""
        return [{"number": 7, "lines": [], "express": False, "customer": customer, "where": where}]


@api.route("/login")
class Login(Resource):
    @api.doc("log_in", consumes=["application/x-www-form-urlencoded"])
    @api.expect(login)
    def post(self):
        """A form."""
        return login.parse_args()


@app.get("/swagger.json")
def document():
    """The document."""
    return api.__schema__


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--port", type=int, required=True)
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    app.run(host="127.0.0.1", port=arguments.parse_args().port, threaded=True)
