//! Which cluster is meant.

use crate::sources::kubernetes::Place;

const KUBECONFIG: &str = r#"{"apiVersion": "v1", "kind": "Config", "current-context": "east",
    "contexts": [{"name": "east", "context": {"cluster": "c"}}], "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:6443"}}]}"#;

fn check(asked: Option<&str>, variables: &[(&str, &str)], wanted: Result<&str, &str>) {
    let variable =
        |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    let place = Place::asked(asked, variable).map(|place| place.instance().to_owned());
    match (&place, wanted) {
        (Ok(instance), Ok(wanted)) => assert_eq!(instance, wanted, "{asked:?} {variables:?}"),
        (Err(error), Err(part)) => assert!(error.contains(part), "{asked:?}: {error}"),
        _ => panic!("{asked:?} {variables:?}: {place:?}, not {wanted:?}"),
    }
}

#[test]
fn a_place_is_a_context_a_url_or_the_cluster_around() {
    check(None, &[], Ok(""));
    check(Some("west"), &[], Ok("west"));
    check(Some("http://127.0.0.1:8001"), &[], Ok("http://127.0.0.1:8001"));
    check(Some("HTTPS://K8s.Example:443/"), &[], Ok("https://k8s.example"));
    check(Some("http://proxy/prefix/"), &[], Ok("http://proxy/prefix"));
    check(Some("ftp://k8s"), &[], Err("not the http:// or https:// URL"));
    check(Some("http://"), &[], Err("is no URL"));
    check(Some("https://me:secret@k8s"), &[], Err("holds no credentials"));
    check(Some("http://k8s?limit=1"), &[], Err("leave out"));
}

#[test]
fn no_refusal_shows_a_password() {
    let error = Place::asked(Some("https://me:hidden@k8s"), |_| None).unwrap_err();
    assert!(!error.contains("hidden"), "{error}");
}

#[test]
fn without_a_name_it_is_the_kubeconfigs_current_context() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (good, empty) = (file("good", KUBECONFIG), file("empty", "{}"));
    check(None, &[("KUBECONFIG", &good)], Ok("east"));
    check(None, &[("KUBECONFIG", &format!("{empty}:/no/such/file:{good}"))], Ok("east"));
    check(None, &[("KUBECONFIG", &empty)], Err("name one: --source kubernetes=CONTEXT"));
    check(Some("west"), &[("KUBECONFIG", &empty)], Ok("west"));
    file(".kube/config", KUBECONFIG);
    check(None, &[("HOME", &folder.path().display().to_string())], Ok("east"));
}
