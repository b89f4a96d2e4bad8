//! For each operation what its function is given, and the request that a caller without Portolan would make of it.

use harness::http::client;
use http::Method;
use reqwest::RequestBuilder;

/// One call, in both ways.
pub(super) struct Case {
    pub(super) function: &'static str,
    /// As JSON; after `RAW ` a body that goes through as it is, of this type.
    pub(super) arguments: &'static str,
    /// `METHOD /path?query`, then headers, then an empty line and the body.
    directly: &'static str,
}

const RAW: &str = "RAW application/octet-stream ";

impl Case {
    /// The request with the arguments as a function's URL takes them.
    pub(super) fn call(&self, request: RequestBuilder) -> RequestBuilder {
        match self.arguments.strip_prefix(RAW) {
            Some(body) => request.header("content-type", "application/octet-stream").body(body),
            None => request.header("content-type", "application/json").body(self.arguments),
        }
    }

    /// The request to the service itself.
    pub(super) fn directly(&self, url: impl Fn(&str) -> String) -> RequestBuilder {
        let (head, body) = self.directly.split_once("\n\n").unwrap_or((self.directly, ""));
        let mut lines = head.lines();
        let (method, path) = lines.next().and_then(|line| line.split_once(' ')).expect("a request line");
        let mut request = client().request(method.parse::<Method>().expect("a method"), url(path));
        for line in lines {
            let (name, value) = line.split_once(": ").expect("a header");
            request = request.header(name, value);
        }
        // Parts of a form end in CR LF.
        let body = if head.contains("multipart/") { body.replace('\n', "\r\n") } else { body.to_owned() };
        if body.is_empty() { request } else { request.body(body) }
    }
}

const fn case(function: &'static str, arguments: &'static str, directly: &'static str) -> Case {
    Case { function, arguments, directly }
}

#[rustfmt::skip]
pub(super) const HARBOUR: &[Case] = &[
    case("list_ships", "{}", "GET /ships"),
    case("list_ships", r#"{"kind": ["cargo", "ferry"], "limit": 5, "min_length": 2.5, "sort": "-name", "active": false, "x-trace": "t 1", "berth": "b7"}"#,
        "GET /ships?kind=cargo&kind=ferry&limit=5&min_length=2.5&sort=-name&active=false\nx-trace: t 1\ncookie: berth=b7"),
    case("list_ships", r#"{"$query": {"limit": 6}, "$header": {"x-trace": "t"}, "$cookie": {"berth": "b"}}"#,
        "GET /ships?limit=6\nx-trace: t\ncookie: berth=b"),
    case("add_ship", r#"{"name": "Argo", "kind": "yacht", "size": {"length": 12.5}, "crew": ["žena", "muž"], "labels": {"x": 1}, "built": "1999-12-31"}"#,
        "POST /ships\ncontent-type: application/json\n\n{\"name\": \"Argo\", \"kind\": \"yacht\", \"size\": {\"length\": 12.5}, \"crew\": [\"žena\", \"muž\"], \"labels\": {\"x\": 1}, \"built\": \"1999-12-31\"}"),
    case("add_ship", r#"{"$body": {"name": "Argo", "colour": "red"}}"#, "POST /ships\ncontent-type: application/json\n\n{\"name\": \"Argo\", \"colour\": \"red\"}"),
    case("get_ship", r#"{"ship_id": 7}"#, "GET /ships/7"),
    case("get_ship", r#"{"ship_id": 100}"#, "GET /ships/100"),
    case("replace_voyage", r#"{"name": "Argo", "voyage": "0f8fad5b-d9cb-469f-a165-70867728950e", "kind": "ferry", "dry": true}"#,
        "PUT /ships/Argo/0f8fad5b-d9cb-469f-a165-70867728950e?dry=true\ncontent-type: application/json\n\n{\"name\": \"Argo\", \"kind\": \"ferry\"}"),
    case("replace_voyage", r#"{"$path": {"name": "a b?", "voyage": "0f8fad5b-d9cb-469f-a165-70867728950e"}, "name": "Argo"}"#,
        "PUT /ships/a%20b%3F/0f8fad5b-d9cb-469f-a165-70867728950e\ncontent-type: application/json\n\n{\"name\": \"Argo\"}"),
    case("replace_voyage", r#"{"name": "Argo", "voyage": "not one"}"#, "PUT /ships/Argo/not%20one\ncontent-type: application/json\n\n{\"name\": \"Argo\"}"),
    case("remove_ship", r#"{"ship_id": 7}"#, "DELETE /ships/7"),
    case("count_crates", r#"{"label": "a", "inside": [{"label": "b", "inside": [{"label": "c"}]}, {"label": "d"}]}"#,
        "POST /crates\ncontent-type: application/json\n\n{\"label\": \"a\", \"inside\": [{\"label\": \"b\", \"inside\": [{\"label\": \"c\"}]}, {\"label\": \"d\"}]}"),
    case("load_goods", r#"{"$body": {"form": "box", "count": 3}, "note": "n & m"}"#,
        "POST /goods?note=n%20%26%20m\ncontent-type: application/json\n\n{\"form\": \"box\", \"count\": 3}"),
    case("load_goods", r#"{"form": "bulk", "tonnes": 1.5}"#, "POST /goods\ncontent-type: application/json\n\n{\"form\": \"bulk\", \"tonnes\": 1.5}"),
    case("log_in", r#"{"user": "žluť & co", "remember": true}"#,
        "POST /login\ncontent-type: application/x-www-form-urlencoded\n\nuser=%C5%BElu%C5%A5+%26+co&remember=true"),
    case("hand_in", r#"{"scan": {"filename": "a.txt", "contentType": "text/plain", "content": "aGk="}, "pages": 2, "more": [{"filename": "b", "content": "Yg=="}]}"#,
        "POST /papers\ncontent-type: multipart/form-data; boundary=cut\n\n--cut\ncontent-disposition: form-data; name=\"scan\"; filename=\"a.txt\"\ncontent-type: text/plain\n\nhi\n--cut\ncontent-disposition: form-data; name=\"pages\"\n\n2\n--cut\ncontent-disposition: form-data; name=\"more\"; filename=\"b\"\ncontent-type: application/octet-stream\n\nb\n--cut--\n"),
    case("send_raw", "RAW application/octet-stream as it is", "POST /raw\ncontent-type: application/octet-stream\n\nas it is"),
    case("send_raw", r#"{"$body": "YXMgaXQgaXM="}"#, "POST /raw\ncontent-type: application/octet-stream\n\nas it is"),
    case("get_flag", r#"{"path": "a/b c"}"#, "GET /flags/a%2Fb%20c"),
    case("read_log", r#"{"lines": 5}"#, "GET /log?lines=5"),
    case("be_slow", r#"{"seconds": 0.01}"#, "GET /slow?seconds=0.01"),
    case("motto", "{}", "GET /motto"),
    case("old", "{}", "GET /old"),
    case("fail", r#"{"code": 503}"#, "GET /status/503"),
    case("fail", r#"{"code": 418}"#, "GET /status/418"),
];

#[rustfmt::skip]
pub(super) const SHOP: &[Case] = &[
    case("list_things", "{}", "GET /shop/v2/things"),
    case("list_things", r#"{"tag": ["a", "b c"], "size": ["small", "large"], "limit": 3, "X-Trace": "t"}"#,
        "GET /shop/v2/things?tag=a,b%20c&size=small&size=large&limit=3\nX-Trace: t"),
    case("add_thing", r#"{"name": "anchor", "price": 12.5, "maker": {"name": "Å", "country": "SE"}, "weights": {"dry": 1.5}}"#,
        "POST /shop/v2/things\ncontent-type: application/json\n\n{\"name\": \"anchor\", \"price\": 12.5, \"maker\": {\"name\": \"Å\", \"country\": \"SE\"}, \"weights\": {\"dry\": 1.5}}"),
    case("get_thing", r#"{"thing_id": 7}"#, "GET /shop/v2/things/7"),
    case("get_thing", r#"{"thing_id": 100}"#, "GET /shop/v2/things/100"),
    case("replace_thing", r#"{"thing_id": 7, "name": "rope", "tags": ["hemp"]}"#,
        "PUT /shop/v2/things/7\ncontent-type: application/json\n\n{\"name\": \"rope\", \"tags\": [\"hemp\"]}"),
    case("remove_thing", r#"{"thing_id": 7}"#, "DELETE /shop/v2/things/7"),
    case("set_picture", r#"{"thing_id": 7, "picture": {"filename": "p.png", "contentType": "image/png", "content": "aGk="}, "caption": "c"}"#,
        "PUT /shop/v2/things/7/picture\ncontent-type: multipart/form-data; boundary=cut\n\n--cut\ncontent-disposition: form-data; name=\"picture\"; filename=\"p.png\"\ncontent-type: image/png\n\nhi\n--cut\ncontent-disposition: form-data; name=\"caption\"\n\nc\n--cut--\n"),
    case("get_picture", r#"{"thing_id": 7}"#, "GET /shop/v2/things/7/picture"),
    case("list_orders", r#"{"customer": "me", "where": "quay/4"}"#, "GET /shop/v2/orders/me/quay%2F4"),
    case("log_in", r#"{"user": "u & v", "remember": true}"#,
        "POST /shop/v2/login\ncontent-type: application/x-www-form-urlencoded\n\nuser=u%20%26%20v&remember=true"),
];
