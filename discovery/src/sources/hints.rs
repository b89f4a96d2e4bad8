//! Hints: what the place of registration says of how to treat an upstream. Each has one name in every place: annotation
//! `portolan.dev/{hint}`, tag or metadata `portolan-{hint}`.

use catalog::model::{Protocol, UpstreamSpec, Validation};

use crate::documents::SCHEME;

/// Puts one hint into `spec`; the error says what the hint may be.
pub(crate) fn apply(spec: &mut UpstreamSpec, hint: &str, value: &str) -> Result<(), String> {
    match hint {
        "openapi" if value.is_empty() => return Err("the hint openapi needs a path or a URL".into()),
        "openapi" if value.starts_with(SCHEME) => {
            return Err("a ConfigMap is for a Service of Kubernetes to name".into());
        }
        "openapi" => spec.hints.openapi = Some(value.to_owned()),
        "protocol" => spec.protocol = Some(protocol(value)?),
        "discovery" => spec.hints.discovery = Some(switch(value)?),
        "validation" => spec.hints.validation = Some(validation(value)?),
        _ => return Err(format!("there is no hint {hint:?}: openapi, protocol, discovery and validation are")),
    }
    Ok(())
}

/// `enabled` or `disabled`, as Gloo's own label has it too.
pub(crate) fn switch(value: &str) -> Result<bool, String> {
    match value {
        "enabled" => Ok(true),
        "disabled" => Ok(false),
        _ => Err(format!("{value:?} is neither enabled nor disabled")),
    }
}

fn protocol(value: &str) -> Result<Protocol, String> {
    match value {
        "http" => Ok(Protocol::Http),
        "https" => Ok(Protocol::Https),
        "grpc" => Ok(Protocol::Grpc),
        "grpcs" => Ok(Protocol::Grpcs),
        _ => Err(format!("{value:?} is not a protocol: http, https, grpc and grpcs are")),
    }
}

fn validation(value: &str) -> Result<Validation, String> {
    match value {
        "enforce" => Ok(Validation::Enforce),
        "report" => Ok(Validation::Report),
        "off" => Ok(Validation::Off),
        _ => Err(format!("{value:?} is not a way to validate: enforce, report and off are")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_are_read_or_refused_by_name() {
        let check = |hint: &str, value: &str, wanted: Result<&str, &str>| {
            let mut spec = UpstreamSpec::default();
            match (apply(&mut spec, hint, value), wanted) {
                (Ok(()), Ok(debug)) => assert!(format!("{spec:?}").contains(debug), "{spec:?}"),
                (Err(text), Err(part)) => assert!(text.contains(part), "{text}"),
                (got, _) => panic!("{hint}={value}: {got:?}"),
            }
        };
        check("openapi", "/api.yaml", Ok("openapi: Some(\"/api.yaml\")"));
        check("openapi", "configmap:docs/api.yaml", Err("a Service of Kubernetes"));
        check("openapi", "", Err("a path or a URL"));
        check("protocol", "grpcs", Ok("protocol: Some(Grpcs)"));
        check("protocol", "tcp", Err("\"tcp\" is not a protocol"));
        check("discovery", "disabled", Ok("discovery: Some(false)"));
        check("discovery", "no", Err("neither enabled nor disabled"));
        check("validation", "report", Ok("validation: Some(Report)"));
        check("validation", "maybe", Err("\"maybe\""));
        check("color", "red", Err("there is no hint \"color\""));
    }
}
