//! Which names an operation's arguments have, and where each goes. The one place that knows: the `input` schema is written from it,
//! and calls obey it.

use std::collections::BTreeMap;

use http::{HeaderName, header};

use super::format::{Format, default_type};
use crate::functions::rest::{Operation, Place};

/// The argument that is the whole body.
pub(in crate::functions::rest) const BODY: &str = "$body";

/// The argument that is the whole body too, where no parameter or property is called that.
pub(in crate::functions::rest) const PLAIN_BODY: &str = "body";

/// In `$header`: chooses the body's type.
pub(in crate::functions::rest) const CONTENT_TYPE: &str = "Content-Type";

/// The arguments that name one place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(in crate::functions::rest) enum Form {
    Path,
    Query,
    Header,
    Cookie,
}

impl Form {
    /// All.
    pub(in crate::functions::rest) const ALL: [Self; 4] = [Self::Path, Self::Query, Self::Header, Self::Cookie];

    /// Its name as an argument.
    pub(in crate::functions::rest) fn name(self) -> &'static str {
        match self {
            Self::Path => "$path",
            Self::Query => "$query",
            Self::Header => "$header",
            Self::Cookie => "$cookie",
        }
    }
}

impl From<Place> for Form {
    fn from(place: Place) -> Self {
        match place {
            Place::Path => Self::Path,
            Place::Query | Place::Querystring => Self::Query,
            Place::Header => Self::Header,
            Place::Cookie => Self::Cookie,
        }
    }
}

/// Headers that are never arguments: those of the connection, the framing and the target, those that go through or are set by
/// themselves, and ours.
const NOT_ARGUMENTS: [HeaderName; 15] = [
    header::ACCEPT,
    header::AUTHORIZATION,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::COOKIE,
    header::EXPECT,
    header::HOST,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
];

/// Where a bare name goes: everywhere that has it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(in crate::functions::rest) struct Target {
    /// Indices into [`Operation::parameters`].
    pub(in crate::functions::rest) parameters: Vec<usize>,
    /// Into the body's property.
    pub(in crate::functions::rest) body: bool,
}

/// What can be said of the body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::functions::rest) struct BodyNames {
    /// It must be given.
    pub(in crate::functions::rest) required: bool,
    /// `body` is it.
    pub(in crate::functions::rest) plain: bool,
    /// Bare names fill it.
    pub(in crate::functions::rest) fields: bool,
    /// Names that are not known go into it.
    pub(in crate::functions::rest) open: bool,
    /// The type that is built by default, an index into [`crate::functions::rest::Body::types`].
    pub(in crate::functions::rest) default: usize,
}

impl BodyNames {
    /// The argument that a caller uses for the whole body.
    pub(in crate::functions::rest) fn whole(&self) -> &'static str {
        if self.plain { PLAIN_BODY } else { BODY }
    }
}

/// The names of one operation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::functions::rest) struct Names {
    /// Bare names.
    pub(in crate::functions::rest) bare: BTreeMap<String, Target>,
    /// The names within each form, in the order of [`Form::ALL`], as indices into [`Operation::parameters`].
    pub(in crate::functions::rest) forms: [BTreeMap<String, usize>; 4],
    /// The body's, where there is one.
    pub(in crate::functions::rest) body: Option<BodyNames>,
}

impl Names {
    /// Those of `operation`. Parameters that cannot be arguments are left out: framing headers, path parameters that the
    /// template lacks, a second one of the same place and name.
    pub(in crate::functions::rest) fn of(operation: &Operation) -> Self {
        let mut names = Self { bare: BTreeMap::new(), forms: Default::default(), body: None };
        for (index, parameter) in operation.parameters.iter().enumerate() {
            let form = Form::from(parameter.place);
            let usable = match form {
                Form::Path => super::of_template(&operation.path).contains(&format!("{{{}}}", parameter.name)),
                Form::Header => is_argument(&parameter.name),
                Form::Query | Form::Cookie => true,
            };
            let places = &mut names.forms[form as usize];
            if usable && !places.contains_key(&parameter.name) {
                places.insert(parameter.name.clone(), index);
                names.bare.entry(parameter.name.clone()).or_default().parameters.push(index);
            }
        }
        if let Some(body) = operation.body.as_ref().filter(|body| !body.types.is_empty()) {
            let default = default_type(body);
            let fields =
                Format::of(&body.types[default].name).has_fields() && (body.open || !body.properties.is_empty());
            for property in body.properties.iter().filter(|_| fields) {
                names.bare.entry(property.clone()).or_default().body = true;
            }
            let plain = !names.bare.contains_key(PLAIN_BODY);
            names.body = Some(BodyNames { required: body.required, plain, fields, open: fields && body.open, default });
        }
        names.bare.retain(|name, _| name != BODY && Form::ALL.iter().all(|form| form.name() != name));
        names
    }

    /// The names within one form.
    pub(in crate::functions::rest) fn form(&self, form: Form) -> &BTreeMap<String, usize> {
        &self.forms[form as usize]
    }

    /// Whether that form can be given at all.
    pub(in crate::functions::rest) fn has(&self, form: Form) -> bool {
        !self.form(form).is_empty() || (form == Form::Header && self.body.is_some())
    }
}

/// Whether a header can be an argument.
pub(in crate::functions::rest) fn is_argument(header: &str) -> bool {
    match HeaderName::try_from(header) {
        Ok(name) => {
            !NOT_ARGUMENTS.contains(&name) && !name.as_str().starts_with("portolan-") && name != "proxy-connection"
        }
        Err(_) => false,
    }
}
