//! For the fuzz targets alone; no part of the interface.

use kube::core::DynamicObject;

use crate::resources::fields::Remarks;
use crate::resources::upstream::Surroundings;
use crate::sources::kubernetes::Scope;
use crate::sources::{files, resources};

pub use crate::sources::files::Complaint;

/// What the resources in a file of this text come to: each that is good, as a text, and what is complained about.
pub fn resources_of_file(text: &str) -> (Vec<String>, Vec<Complaint>) {
    let (targets, complaints) = files::of_text(text);
    (targets.iter().map(|target| format!("{target:?}")).collect(), complaints)
}

/// The same of one object of a cluster, in JSON: what it comes to unless it is refused, and what is remarked. `None` where it is no object.
/// `confined`: as what anybody may have written, who is not to use what others keep; else as what a file says.
pub fn resource_of_cluster(json: &[u8], confined: bool) -> Option<(Option<String>, Vec<String>)> {
    let object: DynamicObject = serde_json::from_slice(json).ok()?;
    let scope =
        Scope { secret_namespaces: vec!["shared".into()], root_ca_folder: Some("/ca".into()), ..Scope::default() };
    let around =
        Surroundings { cluster: Some("".into()), secrets: Some("kubernetes".into()), scope: Some(scope.into()) };
    let around = if confined { around } else { Surroundings::default() };
    let mut remarks = Remarks::default();
    let target = resources::an_upstream(&object, &around, &mut remarks);
    Some((target.map(|target| format!("{target:?}")), remarks.0.into_iter().map(|remark| remark.message).collect()))
}
