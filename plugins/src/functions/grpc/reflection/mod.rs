//! Server reflection: which services there are, and the descriptors of all that they need, each file once.
//!
//! Questions that are known together go in one stream, so that a server is asked a handful of times whatever it holds:
//! which services; the file of each; then what those import and was not sent along, until nothing is missing.

mod client;
mod files;
mod sound;

#[cfg(test)]
mod tests;

use std::collections::HashSet;

use bytes::Bytes;

pub(super) use client::{Client, Question, ReflectionError, Version};
pub(super) use files::{Assembled, File, Files};

/// The most services of one server: a hundred times what large ones have.
const MAX_SERVICES: usize = 1024;
/// The most files of one server, with all that they import.
const MAX_FILES: usize = 4096;
/// The most bytes of descriptors of one server. Temporal's and Envoy's, which are large, have 1 to 3 MiB.
const MAX_BYTES: usize = 8 << 20;
/// The most messages, fields, enum values and methods of one server: each takes about a kilobyte as a descriptor with its schema,
/// and a few bytes are enough to declare one.
const MAX_DECLARATIONS: usize = 100_000;

/// What a server says of itself.
#[derive(Debug)]
pub(super) struct Reflected {
    /// The version of the protocol that it speaks.
    pub(super) version: Version,
    /// Its services in its order, without reflection itself.
    pub(super) services: Vec<String>,
    /// Every file that was sent.
    pub(super) files: Files,
    /// What was left out, each for a person.
    pub(super) complaints: Vec<String>,
}

/// Asks for everything, beginning with the versions in `order`.
pub(super) async fn reflect(client: &Client<'_>, order: [Version; 2]) -> Result<Reflected, ReflectionError> {
    let (version, mut services) = match client.services(order[0]).await {
        Err(ReflectionError::Unimplemented) => (order[1], client.services(order[1]).await?),
        services => (order[0], services?),
    };
    let mut complaints = Vec::new();
    services.retain(|name| !name.starts_with("grpc.reflection."));
    let mut seen = HashSet::new();
    services.retain(|name| seen.insert(name.clone()));
    if services.len() > MAX_SERVICES {
        complaints.push(format!("{} services; the first {MAX_SERVICES} are taken", services.len()));
        services.truncate(MAX_SERVICES);
    }
    let mut files = Files::default();
    let questions = services.iter().cloned().map(Question::Symbol).collect();
    let answers = client.files(version, questions).await?;
    services = take(services, answers, &mut files, |service, cause| {
        complaints.push(format!("{service} is listed, but its file is not to be had: {cause}"));
    })?;
    let mut asked = HashSet::new();
    loop {
        let missing: Vec<_> = files.missing().into_iter().filter(|name| asked.insert(name.clone())).collect();
        if missing.is_empty() {
            break;
        }
        let questions = missing.iter().cloned().map(Question::File).collect();
        let answers = client.files(version, questions).await?;
        take(missing, answers, &mut files, |name, cause| {
            complaints.push(format!("{name} is imported, but not to be had: {cause}"));
        })?;
    }
    Ok(Reflected { version, services, files, complaints })
}

/// Keeps the answers' files and returns those of `asked` that had one.
fn take(
    asked: Vec<String>,
    answers: Vec<Result<Vec<Bytes>, String>>,
    files: &mut Files,
    mut complain: impl FnMut(&str, String),
) -> Result<Vec<String>, ReflectionError> {
    let mut good = Vec::with_capacity(asked.len());
    for (name, answer) in asked.into_iter().zip(answers) {
        match answer.and_then(|raws| raws.into_iter().map(File::read).collect::<Result<Vec<_>, _>>()) {
            Ok(read) => {
                read.into_iter().for_each(|file| files.add(file));
                good.push(name);
            }
            Err(cause) => complain(&name, cause),
        }
        if files.len() > MAX_FILES {
            return Err(ReflectionError::TooMuch(format!("more than {MAX_FILES} files")));
        }
        if files.declarations() > MAX_DECLARATIONS {
            return Err(ReflectionError::TooMuch(format!("more than {MAX_DECLARATIONS} declarations")));
        }
        if files.bytes() > MAX_BYTES {
            return Err(ReflectionError::TooMuch(format!("more than {} MiB of descriptors", MAX_BYTES >> 20)));
        }
    }
    Ok(good)
}
