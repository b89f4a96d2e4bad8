//! `portolan.test.v1.LibraryService`.

use std::sync::Arc;

use prost_reflect::{DynamicMessage, MethodDescriptor, ReflectMessage as _};
use serde_json::{Value, json};
use tonic::body::Body;
use tonic::{Request, Response, Status};
use tower::service_fn;

use super::{Unary, grpc};
use crate::rpc::{from_json, status, to_json};

/// The books, as JSON.
pub(super) struct Library {
    books: Vec<Value>,
}

impl Library {
    pub(super) fn new() -> Self {
        let all: Value = serde_json::from_str(include_str!("../../servers/proto/books.json")).expect("it is ours");
        Library { books: all["books"].as_array().expect("a list").clone() }
    }

    pub(super) async fn answer(
        self: Arc<Self>,
        method: MethodDescriptor,
        request: http::Request<Body>,
    ) -> http::Response<Body> {
        let call = |request: Request<DynamicMessage>| {
            let answer = self.one(&method, request.get_ref());
            async { answer }
        };
        grpc(&method).unary(service_fn(call), request).await
    }

    fn one(&self, method: &MethodDescriptor, request: &DynamicMessage) -> Unary {
        let asked = to_json(request);
        let name = text(&asked["name"]);
        let reply = match method.name() {
            "GetBook" => self.find(name)?.clone(),
            "ListBooks" => self.list(&asked),
            "CreateBook" => created(&asked),
            "UpdateBook" => return self.update(request, &asked),
            "DeleteBook" => self.find(name).map(|_| json!({}))?,
            "LendBook" => json!({"title": self.find(name)?["title"], "reader": text(&asked["reader"])}),
            // GetCover
            _ => self.find(name).map(|_| json!({"contentType": "image/png", "data": "iVBORw0KGgo="}))?,
        };
        Ok(Response::new(from_json(method.output(), &reply)))
    }

    fn find(&self, name: &str) -> Result<&Value, Status> {
        self.books.iter().find(|book| book["name"] == name).ok_or_else(|| {
            let info = json!({
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "NO_SUCH_BOOK",
                "domain": "library.portolan.test",
                "metadata": {"name": name},
            });
            status::failure(5, &format!("no book {name}"), &[info], false)
        })
    }

    fn list(&self, asked: &Value) -> Value {
        let shelf = text(&asked["shelf"]);
        let colours = asked["colours"].as_array();
        let filter = &asked["filter"];
        let fits = |book: &&Value| {
            let name = text(&book["name"]);
            let colour = book.get("colour").cloned().unwrap_or_else(|| json!("COLOUR_UNSPECIFIED"));
            ["", "-", name.split('/').nth(1).unwrap_or_default()].contains(&shelf)
                && name > text(&asked["pageToken"])
                && colours.is_none_or(|colours| colours.contains(&colour))
                && text(&book["title"]).contains(text(&filter["title"]))
                && filter["minPages"].as_i64().is_none_or(|pages| book["pages"].as_i64().unwrap_or(0) >= pages)
        };
        let mut books: Vec<&Value> = self.books.iter().filter(fits).collect();
        let size = asked["pageSize"].as_u64().map_or(books.len(), |size| usize::try_from(size).expect("an int32"));
        let more = books.len() > size;
        books.truncate(size);
        let token = books.last().filter(|_| more).map_or("", |last| text(&last["name"]));
        json!({"books": books, "nextPageToken": token})
    }

    fn update(&self, request: &DynamicMessage, asked: &Value) -> Unary {
        let given = request.get_field_by_name("book").expect("a field of it");
        let given = given.as_message().expect("a book").clone();
        let stored = self.find(text(&asked["book"]["name"]))?;
        let Some(mask) = asked["updateMask"].as_str() else { return Ok(Response::new(given)) };
        let mut book = from_json(given.descriptor(), stored);
        for path in mask.split(',').filter(|path| !path.is_empty()) {
            // JSON has the names of a mask in camel case; no field here differs in that.
            copy(&given, &mut book, path);
        }
        Ok(Response::new(book))
    }
}

fn created(asked: &Value) -> Value {
    let mut book = asked.get("book").cloned().unwrap_or_else(|| json!({}));
    if text(&book["name"]).is_empty() {
        book["name"] = json!(format!("shelves/{}/books/new", text(&asked["shelf"])));
    }
    book
}

/// Replaces one field, by its path, with the other message's; a path to nowhere is left alone.
fn copy(from: &DynamicMessage, to: &mut DynamicMessage, path: &str) {
    let (name, rest) = path.split_once('.').unwrap_or((path, ""));
    let Some(field) = from.descriptor().get_field_by_name(name) else { return };
    if rest.is_empty() {
        match from.has_field(&field) {
            true => to.set_field(&field, from.get_field(&field).into_owned()),
            false => to.clear_field(&field),
        }
    } else if let (Some(from), Some(to)) =
        (from.get_field(&field).as_message(), to.get_field_mut(&field).as_message_mut())
    {
        copy(from, to, rest);
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
