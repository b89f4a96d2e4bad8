//! Does what a printed `curl` line says, for the few options that such lines have; any other is a panic, since nobody can tell
//! then whether the line does what it says.

use http::Method;

use crate::http::{Answer, answer, client};

/// Does what the line says.
pub async fn run(line: &str) -> Answer {
    let mut words = words(line).into_iter();
    assert_eq!(words.next().as_deref(), Some("curl"), "{line}");
    let (mut url, mut body, mut method, mut headers) = (None, None, None, vec![]);
    while let Some(word) = words.next() {
        let mut value = || words.next().unwrap_or_else(|| panic!("{word} of {line} has no value"));
        match &*word {
            "-H" | "--header" => headers.push(value()),
            "-d" | "--data" | "--json" => body = Some(value()),
            "-X" | "--request" => method = Some(value()),
            "-s" | "-S" | "-sS" | "-N" | "-i" | "--fail" => {}
            option if option.starts_with('-') => panic!("{option} of {line} is not known here"),
            _ => assert!(url.replace(word).is_none(), "{line} has two URLs"),
        }
    }
    let default = if body.is_some() { "POST" } else { "GET" };
    let method: Method = method.as_deref().unwrap_or(default).parse().expect("a method");
    let mut request = client().request(method, url.unwrap_or_else(|| panic!("{line} has no URL")));
    for header in headers {
        let (name, value) = header.split_once(':').expect("a header has a colon");
        request = request.header(name.trim(), value.trim());
    }
    if let Some(body) = body {
        request = request.body(body);
    }
    answer(request).await.unwrap_or_else(|error| panic!("{line}: {error}"))
}

/// The words of a line as a shell has them: quotes and backslashes, and nothing else that a shell knows.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (vec![], None::<String>, None);
    let mut characters = line.trim().chars();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some(open), c) if c == open => quote = None,
            (Some('\''), c) => word.get_or_insert_default().push(c),
            (_, '\\') => word.get_or_insert_default().extend(characters.next()),
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                word.get_or_insert_default();
                quote = Some(character);
            }
            (None, ' ') => words.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn a_line_has_the_words_that_a_shell_sees() {
        let check = |line: &str, wanted: &[&str]| assert_eq!(words(line), wanted, "{line}");
        check("curl  'a b' c", &["curl", "a b", "c"]);
        check(r#"-d '{"a": "it'\''s \n"}'"#, &["-d", r#"{"a": "it's \n"}"#]);
        check(r#"-H "A: \"b\"" '' d\ e"#, &["-H", "A: \"b\"", "", "d e"]);
    }
}
