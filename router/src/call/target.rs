//! Which function a path names: `/fn/{upstream}[@{namespace}]/{function}`.
//!
//! The function is all that follows the upstream, taken before any normalisation and decoded once; `/` and `%2F` are the same
//! there, and case counts.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use plugins::{Problem, Reason};

/// All function URLs begin with this.
const PREFIX: &str = "/fn/";

/// What a path names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target<'a> {
    /// Name or permanent id.
    pub upstream: Cow<'a, str>,
    /// Where the path says one.
    pub namespace: Option<Cow<'a, str>>,
    /// The function's name.
    pub function: Cow<'a, str>,
    /// What the path has before the function: `/fn/pets/`.
    pub base: &'a str,
}

/// Reads a request's path.
pub fn parse(path: &str) -> Result<Target<'_>, Problem> {
    let parts = path.strip_prefix(PREFIX).and_then(|rest| rest.split_once('/'));
    let Some((upstream, function)) = parts else {
        return Err(Problem::new(Reason::NotFound, "A function's URL is /fn/{upstream}/{function}"));
    };
    let base = &path[..path.len() - function.len()];
    let (upstream, namespace) = match upstream.rsplit_once('@') {
        Some((upstream, namespace)) => (upstream, Some(decode(namespace, Reason::UnknownUpstream)?)),
        None => (upstream, None),
    };
    let upstream = decode(upstream, Reason::UnknownUpstream)?;
    Ok(Target { upstream, namespace, function: decode(function, Reason::UnknownFunction)?, base })
}

fn decode(text: &str, reason: Reason) -> Result<Cow<'_, str>, Problem> {
    if !text.as_bytes().contains(&b'%') {
        return Ok(text.into());
    }
    percent_decode_str(text).decode_utf8().map_err(|_| Problem::new(reason, "The path is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;

    use super::*;

    fn check(path: &str) -> Result<(String, Option<String>, String), Reason> {
        let target = parse(path).map_err(|problem| problem.reason)?;
        assert!(path.starts_with(target.base) && target.base.ends_with('/'));
        Ok((target.upstream.into(), target.namespace.map(Into::into), target.function.into()))
    }

    #[test]
    fn a_path_names_a_function() {
        let ok = |upstream: &str, namespace: Option<&str>, function: &str| {
            Ok((upstream.to_owned(), namespace.map(Into::into), function.to_owned()))
        };
        for (path, expected) in [
            ("/fn/pets/getPet", ok("pets", None, "getPet")),
            ("/fn/pets@team-a/getPet", ok("pets", Some("team-a"), "getPet")),
            ("/fn/pets%40team-a/getPet", ok("pets@team-a", None, "getPet")),
            ("/fn/backend/helloworld.Greeter/SayHello", ok("backend", None, "helloworld.Greeter/SayHello")),
            ("/fn/backend/helloworld.Greeter%2FSayHello", ok("backend", None, "helloworld.Greeter/SayHello")),
            ("/fn/backend/helloworld.Greeter%2fSayHello", ok("backend", None, "helloworld.Greeter/SayHello")),
            ("/fn/a/b//c/../d/.", ok("a", None, "b//c/../d/.")),
            ("/fn/a/GETPET", ok("a", None, "GETPET")),
            ("/fn/a/b%252Fc", ok("a", None, "b%2Fc")),
            ("/fn/a/b%zz%", ok("a", None, "b%zz%")),
            ("/fn/a/b+c", ok("a", None, "b+c")),
            ("/fn/a/%C3%A4", ok("a", None, "ä")),
            ("/fn/a/", ok("a", None, "")),
            ("/fn//b", ok("", None, "b")),
            ("/fn/a/%ff", Err(Reason::UnknownFunction)),
            ("/fn/%ff/b", Err(Reason::UnknownUpstream)),
            ("/fn/a@%ff/b", Err(Reason::UnknownUpstream)),
            ("/fn/a", Err(Reason::NotFound)),
            ("/fn", Err(Reason::NotFound)),
            ("/FN/a/b", Err(Reason::NotFound)),
            ("//fn/a/b", Err(Reason::NotFound)),
            ("/", Err(Reason::NotFound)),
            ("", Err(Reason::NotFound)),
            ("*", Err(Reason::NotFound)),
        ] {
            assert_eq!(check(path), expected, "{path}");
        }
    }

    proptest! {
        /// Whatever is encoded, in part or as a whole, is read back.
        #[test]
        fn what_is_encoded_is_read_back(upstream in "[a-z0-9._-]{1,12}", namespace in prop::option::of("[a-z0-9-]{1,8}"), function in ".{0,24}") {
            let encoded = utf8_percent_encode(&function, NON_ALPHANUMERIC).to_string();
            for encoded in [encoded.replace("%2F", "/"), encoded] {
                let at = namespace.iter().map(|n| format!("@{n}")).collect::<String>();
                let path = format!("/fn/{upstream}{at}/{encoded}");
                prop_assert_eq!(check(&path), Ok((upstream.clone(), namespace.clone(), function.clone())));
            }
        }

        /// Any path is read or refused.
        #[test]
        fn no_path_breaks_it(path in ".{0,40}") {
            _ = check(&path);
            _ = check(&format!("/fn/{path}"));
        }
    }
}
