//! The region and the endpoint that a profile of AWS's own tools names. Their keys are the business of AWS's own crate.

use std::io::Read;
use std::path::PathBuf;

use super::limits;

/// What a profile says of where.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(super) struct Profile {
    pub(super) region: Option<String>,
    pub(super) endpoint: Option<String>,
}

/// Reads a profile, `AWS_PROFILE` where none is named, of the files where AWS's tools have them. What cannot be read says nothing.
pub(super) fn read(name: Option<&str>, variable: impl Fn(&str) -> Option<String>) -> Profile {
    let name = name.map(str::to_owned).or_else(|| variable("AWS_PROFILE")).unwrap_or_else(|| "default".to_owned());
    let at_home = |file: &str| variable("HOME").map(|home| PathBuf::from(home).join(".aws").join(file));
    let place = |name: &str, file: &str| variable(name).map(PathBuf::from).or_else(|| at_home(file));
    let files = [place("AWS_CONFIG_FILE", "config"), place("AWS_SHARED_CREDENTIALS_FILE", "credentials")];
    files.into_iter().flatten().fold(Profile::default(), |known, file| {
        let mut text = String::new();
        let read = std::fs::File::open(file).and_then(|file| file.take(limits::PROFILES).read_to_string(&mut text));
        let more = if read.is_ok() { parse(&text, &name) } else { Profile::default() };
        Profile { region: known.region.or(more.region), endpoint: known.endpoint.or(more.endpoint) }
    })
}

/// A file of AWS's tools in the home folder, if there is one.
pub(super) fn at_home(variable: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let folder = PathBuf::from(variable("HOME")?).join(".aws");
    ["config", "credentials"].into_iter().map(|file| folder.join(file)).find(|file| file.is_file())
}

fn parse(text: &str, name: &str) -> Profile {
    let (mut profile, mut is_here) = (Profile::default(), false);
    for line in text.lines() {
        let trimmed = line.split(" #").next().unwrap_or_default().trim_end();
        if let Some(section) = trimmed.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let section = section.trim();
            is_here = section.strip_prefix("profile ").map_or(section, str::trim) == name;
        } else if let Some((key, value)) =
            trimmed.split_once('=').filter(|(key, _)| is_here && !key.starts_with([' ', '\t']))
        {
            let value = Some(value.trim().to_owned()).filter(|value| !value.is_empty());
            match key.trim() {
                "region" => profile.region = value,
                "endpoint_url" => profile.endpoint = value,
                _ => {}
            }
        }
    }
    profile
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_says_where() {
        let text = "[default]\nregion = eu-west-1 # here\n[profile prod]\nsso_session = x\n\
                    s3 =\n  endpoint_url = http://s3\nendpoint_url=http://all\n\n# no = such\nregion=cn-north-1\n";
        let check = |name: &str, region: Option<&str>, endpoint: Option<&str>| {
            let wanted = Profile { region: region.map(str::to_owned), endpoint: endpoint.map(str::to_owned) };
            assert_eq!(parse(text, name), wanted, "{name}");
        };
        check("default", Some("eu-west-1"), None);
        check("prod", Some("cn-north-1"), Some("http://all"));
        check("test", None, None);
    }
}
