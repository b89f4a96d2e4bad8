//! The URLs of functions.

use router::fuzzing::parse;

/// Reads a path. It must name what a naive reader finds in it, byte by byte.
pub fn function_urls(bytes: &[u8]) {
    let Ok(path) = str::from_utf8(bytes) else { return };
    let read = parse(path).ok();
    let found = read.as_ref().map(|target| {
        assert!(path.starts_with(target.base) && target.base.ends_with('/'), "{} does not begin {path}", target.base);
        (target.upstream.as_ref(), target.namespace.as_deref(), target.function.as_ref())
    });
    let naive = naive(bytes);
    let expected = naive.as_ref().map(|(u, n, f)| (u.as_str(), n.as_deref(), f.as_str()));
    assert_eq!(found, expected, "{path}");
}

/// Upstream, namespace and function.
fn naive(path: &[u8]) -> Option<(String, Option<String>, String)> {
    let rest = path.strip_prefix(b"/fn/")?;
    let slash = rest.iter().position(|byte| *byte == b'/')?;
    let (upstream, function) = (&rest[..slash], &rest[slash + 1..]);
    let (upstream, namespace) = match upstream.iter().rposition(|byte| *byte == b'@') {
        Some(at) => (&upstream[..at], Some(&upstream[at + 1..])),
        None => (upstream, None),
    };
    let namespace = match namespace {
        Some(namespace) => Some(decoded(namespace)?),
        None => None,
    };
    Some((decoded(upstream)?, namespace, decoded(function)?))
}

/// Decoded once; a `%` that two digits do not follow stands for itself.
fn decoded(text: &[u8]) -> Option<String> {
    let mut bytes = Vec::new();
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        let digit = |at: usize| text.get(at).and_then(|digit| char::from(*digit).to_digit(16));
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                at += 3;
            }
            _ => {
                bytes.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8(bytes).ok()
}
