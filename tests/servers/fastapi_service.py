#!/usr/bin/env python3
"""A service described by OpenAPI 3.1 at /openapi.json, made by FastAPI.

`fastapi_service.py --port N`. Operations that take arguments answer what they understood of them, so that a
caller can see that each value came through.
"""
import argparse
import asyncio
import base64
import enum
import uuid
from datetime import date, datetime
from typing import Annotated, Literal

import uvicorn
from fastapi import Cookie, FastAPI, File, Form, Header, HTTPException, Path, Query
from fastapi import Request, Response, UploadFile
from fastapi.responses import PlainTextResponse, RedirectResponse, StreamingResponse
from pydantic import BaseModel, Field

app = FastAPI(title="Harbour", version="1.4.0", description="Ships, their cargo and their papers.")
PNG = b"\x89PNG\r\n\x1a\n"


class Kind(str, enum.Enum):
    """What a ship is for."""

    cargo = "cargo"
    ferry = "ferry"
    yacht = "yacht"


class Size(BaseModel):
    """In metres."""

    length: float = Field(gt=0)
    beam: float | None = None


class Ship(BaseModel):
    """A ship."""

    name: str = Field(min_length=1, max_length=40, examples=["Argo"])
    kind: Kind = Kind.cargo
    size: Size | None = None
    crew: list[str] = Field(default_factory=list, max_length=20)
    labels: dict[str, int] = Field(default_factory=dict)
    built: date | None = None


class StoredShip(Ship):
    """A ship that the harbour knows."""

    id: int
    seen: datetime = Field(description="UTC")


class Crate(BaseModel):
    """A crate, and the crates in it."""

    label: str
    inside: list["Crate"] = []


class Box(BaseModel):
    """Goods that are counted."""

    form: Literal["box"]
    count: int


class Bulk(BaseModel):
    """Goods that are weighed."""

    form: Literal["bulk"]
    tonnes: float


class Fault(BaseModel):
    """Why not."""

    detail: str


SEEN = datetime(2024, 2, 29, 12, 30)


@app.get("/ships", tags=["ships"], operation_id="list_ships")
def list_ships(
    kind: Annotated[list[Kind] | None, Query(description="any of these, repeated")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    min_length: float | None = None,
    sort: Literal["name", "-name"] = "name",
    active: bool = True,
    x_trace: Annotated[str | None, Header()] = None,
    berth: Annotated[str | None, Cookie()] = None,
) -> dict:
    """Lists ships.

    The answer says what was asked, not what there is.
    """
    return {
        "kind": kind,
        "limit": limit,
        "min_length": min_length,
        "sort": sort,
        "active": active,
        "x_trace": x_trace,
        "berth": berth,
    }


@app.post("/ships", tags=["ships"], operation_id="add_ship", status_code=201, responses={
    201: {"headers": {"Location": {"description": "Where it is now", "schema": {"type": "string"}}}}
})
def add_ship(ship: Ship, response: Response) -> StoredShip:
    """Adds a ship."""
    response.headers["Location"] = "/ships/1"
    return StoredShip(id=1, seen=SEEN, **ship.model_dump())


@app.get("/ships/{ship_id}", tags=["ships"], operation_id="get_ship", responses={404: {"model": Fault}})
def get_ship(ship_id: Annotated[int, Path(ge=1)]) -> StoredShip:
    """A ship by its number; there are 1 to 99."""
    if ship_id > 99:
        raise HTTPException(404, f"no ship {ship_id}")
    return StoredShip(id=ship_id, name="Argo", seen=SEEN, size=Size(length=30.5))


@app.put("/ships/{name}/{voyage}", tags=["ships"], operation_id="replace_voyage")
def replace_voyage(name: str, voyage: uuid.UUID, ship: Ship, dry: bool = False) -> dict:
    """`name` is in the path and in the body, and they need not agree."""
    return {"name": name, "voyage": voyage, "ship": ship, "dry": dry}


@app.delete("/ships/{ship_id}", tags=["ships"], operation_id="remove_ship", status_code=204)
def remove_ship(ship_id: int) -> None:
    """Answers nothing."""


@app.post("/crates", tags=["cargo"], operation_id="count_crates")
def count_crates(crate: Crate) -> dict:
    """How many crates a crate is, and how deep."""

    def depth(one: Crate) -> tuple[int, int]:
        below = [depth(inner) for inner in one.inside]
        return 1 + sum(n for n, _ in below), 1 + max((d for _, d in below), default=0)

    count, levels = depth(crate)
    return {"count": count, "depth": levels}


@app.post("/goods", tags=["cargo"], operation_id="load_goods")
def load_goods(goods: Annotated[Box | Bulk, Field(discriminator="form")], note: str = "") -> dict:
    """One of two shapes, told apart by `form`."""
    return {"goods": goods, "note": note}


@app.post("/login", tags=["papers"], operation_id="log_in")
def log_in(user: Annotated[str, Form()], remember: Annotated[bool, Form()] = False) -> dict:
    """A form."""
    return {"user": user, "remember": remember}


@app.post("/papers", tags=["papers"], operation_id="hand_in")
async def hand_in(
    scan: Annotated[UploadFile, File()],
    pages: Annotated[int, Form()] = 1,
    more: Annotated[list[UploadFile] | None, File()] = None,
) -> dict:
    """Files, and a field beside them."""
    files = []
    for one in [scan, *(more or [])]:
        data = base64.b64encode(await one.read())
        files.append({"filename": one.filename, "type": one.content_type, "data": data})
    return {"files": files, "pages": pages}


@app.post("/raw", tags=["papers"], operation_id="send_raw", openapi_extra={
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
})
async def send_raw(request: Request) -> dict:
    """A body that is not JSON."""
    return {"bytes": len(await request.body()), "type": request.headers.get("content-type")}


@app.get("/flags/{path:path}", tags=["papers"], operation_id="get_flag", response_class=Response,
         responses={200: {"content": {"image/png": {}}}})
def get_flag(path: str) -> Response:
    """A binary answer; the path may hold slashes."""
    return Response(PNG, media_type="image/png", headers={"X-Path": path.encode().hex(), "ETag": '"flag"'})


@app.get("/log", tags=["papers"], operation_id="read_log", response_class=StreamingResponse)
async def read_log(lines: int = 3, gap: float = 0) -> StreamingResponse:
    """Lines of JSON, each sent by itself, `gap` seconds apart."""

    async def parts():
        for number in range(1, lines + 1):
            if number > 1:
                await asyncio.sleep(gap)
            yield f'{{"line": {number}}}\n'

    return StreamingResponse(parts(), media_type="application/x-ndjson")


@app.get("/slow", tags=["papers"], operation_id="be_slow")
async def be_slow(seconds: float = 60) -> dict:
    """Answers after a time."""
    await asyncio.sleep(seconds)
    return {"seconds": seconds}


@app.get("/motto", tags=["papers"], operation_id="motto", response_class=PlainTextResponse)
def motto() -> str:
    """Plain text, with bytes beyond ASCII."""
    return "navigare necesse est ⚓ 航海"


@app.get("/old", tags=["papers"], operation_id="old", deprecated=True)
def old() -> RedirectResponse:
    """Moved."""
    return RedirectResponse("/motto", status_code=302)


@app.get("/status/{code}", tags=["papers"], operation_id="fail")
def fail(code: Annotated[int, Path(ge=400, le=599)]) -> None:
    """Fails as it is told to."""
    raise HTTPException(code, {"code": code, "reason": "as told"}, headers={"X-Reason": "as told"})


@app.get("/hidden", include_in_schema=False)
def hidden() -> dict:
    """Not in the document."""
    return {"hidden": True}


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--port", type=int, required=True)
    uvicorn.run(app, host="127.0.0.1", port=arguments.parse_args().port, log_level="warning")
