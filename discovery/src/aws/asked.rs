//! Whether a kind of source is to ask AWS, and where.

use super::{Place, SettingsError, profile};
use crate::registry::Settings;

/// What a kind of source is to watch.
pub(crate) struct Asked {
    /// Nowhere where this is empty.
    pub(crate) places: Vec<Place>,
    /// What to say of it at the start.
    pub(crate) note: String,
    /// Nobody asked for it but the environment.
    pub(crate) by_itself: bool,
}

/// The places that `settings` ask the sources of `kind` to watch. They are asked for by a flag, else by the configuration, else by
/// `AWS_REGION` or `AWS_PROFILE`; files in the home folder alone are named and not used.
pub(crate) fn asked(settings: &Settings, kind: &'static str) -> Result<Asked, SettingsError> {
    let variable = |name: &str| settings.variable(name);
    let is_asked = settings.asked(kind).next().is_some();
    let by_hand = is_asked || (settings.looks_around() && settings.aws.raw().asks());
    let by_environment = ["AWS_REGION", "AWS_PROFILE"].iter().any(|name| variable(name).is_some());
    let by_itself = !by_hand && settings.looks_around() && by_environment;
    let nowhere = |note| Asked { places: Vec::new(), note, by_itself };
    if !(by_hand || by_itself) {
        let note = match profile::at_home(variable) {
            Some(file) => format!("found {}, not used: --source {kind}", file.display()),
            None => "not asked for, and neither AWS_REGION nor AWS_PROFILE is set".to_owned(),
        };
        return Ok(nowhere(note));
    }
    let addresses = settings.asked(kind).filter_map(|asked| asked.address.as_deref());
    let regions: Vec<_> = addresses.flat_map(|regions| regions.split(',').map(str::to_owned)).collect();
    match settings.aws.places(kind, &regions, variable) {
        // A variable in somebody's shell is no reason not to start.
        Err(error @ SettingsError::NoRegion(_)) if !by_hand => Ok(nowhere(error.to_string())),
        Err(error) => Err(error),
        Ok(places) => {
            let names: Vec<_> = places.iter().map(Place::name).collect();
            let note = format!("watching {}", names.join(", "));
            Ok(Asked { places, note, by_itself })
        }
    }
}
