//! A REST service that describes itself: a shelf of books, with its OpenAPI document at `/openapi.json`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::json;

const DOCUMENT: &str = include_str!("books.openapi.json");

/// The most books on the shelf: a demo must not be filled without end.
const SHELF: usize = 1000;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Book {
    title: String,
    author: String,
    #[serde(default)]
    year: Option<i32>,
}

#[derive(Serialize)]
struct Shelved<'a> {
    id: u32,
    #[serde(flatten)]
    book: &'a Book,
}

type Shelf = Arc<Mutex<BTreeMap<u32, Book>>>;

/// The service, with three books on its shelf.
pub(super) fn service() -> Router {
    let book = |title: &str, author: &str, year| Book { title: title.into(), author: author.into(), year: Some(year) };
    let shelf = BTreeMap::from([
        (1, book("The Voyage of the Beagle", "Charles Darwin", 1839)),
        (2, book("Two Years Before the Mast", "Richard Henry Dana", 1840)),
        (3, book("Sailing Alone Around the World", "Joshua Slocum", 1900)),
    ]);
    let document = || async { ([(header::CONTENT_TYPE, "application/json")], DOCUMENT) };
    Router::new()
        .route("/openapi.json", get(document))
        .route("/books", get(list).post(add))
        .route("/books/{id}", get(one).delete(remove))
        .with_state(Arc::new(Mutex::new(shelf)))
}

fn lock(shelf: &Shelf) -> MutexGuard<'_, BTreeMap<u32, Book>> {
    shelf.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Deserialize)]
struct Filter {
    author: Option<String>,
    limit: Option<usize>,
}

async fn list(State(shelf): State<Shelf>, Query(filter): Query<Filter>) -> Response {
    let shelf = lock(&shelf);
    let wanted = |book: &Book| filter.author.as_ref().is_none_or(|a| book.author.contains(a.as_str()));
    let books = shelf.iter().filter(|(_, book)| wanted(book)).take(filter.limit.unwrap_or(20));
    Json(books.map(|(&id, book)| Shelved { id, book }).collect::<Vec<_>>()).into_response()
}

async fn one(State(shelf): State<Shelf>, Path(id): Path<u32>) -> Response {
    match lock(&shelf).get(&id) {
        Some(book) => Json(Shelved { id, book }).into_response(),
        None => missing(id),
    }
}

async fn add(State(shelf): State<Shelf>, Json(book): Json<Book>) -> Response {
    let mut shelf = lock(&shelf);
    if shelf.len() >= SHELF {
        return (StatusCode::INSUFFICIENT_STORAGE, Json(json!({"error": "the shelf is full"}))).into_response();
    }
    let id = shelf.keys().next_back().map_or(1, |last| last + 1);
    let answer = (StatusCode::CREATED, Json(Shelved { id, book: &book })).into_response();
    shelf.insert(id, book);
    answer
}

async fn remove(State(shelf): State<Shelf>, Path(id): Path<u32>) -> Response {
    match lock(&shelf).remove(&id) {
        Some(_) => StatusCode::NO_CONTENT.into_response(),
        None => missing(id),
    }
}

fn missing(id: u32) -> Response {
    (StatusCode::NOT_FOUND, Json(json!({ "error": format!("there is no book {id}") }))).into_response()
}
