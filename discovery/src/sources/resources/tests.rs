//! What resources of a cluster come to, as they come and go.

use std::collections::HashSet;
use std::sync::Arc;

use catalog::model::{Aws, Tls};
use kube::core::DynamicObject;
use serde_json::{Value, json};

use super::kinds::UPSTREAM;
use super::view::{View, may_be};
use super::{Clouds, Place, Resources, Scope};
use crate::registry::Settings;
use crate::resources::status::Status;
use crate::resources::upstream::Surroundings;
use crate::sources::kubernetes::secret::Holds;

fn upstream(name: &str, spec: Value) -> DynamicObject {
    let metadata = json!({"name": name, "namespace": "shop", "resourceVersion": "1", "unheardOf": true});
    let status =
        json!({"statuses": {"system": {"state": "Accepted", "reportedBy": "portolan"}, "other": {"state": 1}}});
    let document = json!({"apiVersion": "gloo.solo.io/v1", "kind": "Upstream", "metadata": metadata, "spec": spec, "status": status});
    serde_json::from_value(document).unwrap()
}

fn hosts(port: u32) -> Value {
    json!({"static": {"hosts": [{"addr": "10.0.0.1", "port": port}]}})
}

fn view() -> View {
    within(json!({}))
}

fn within(scope: Value) -> View {
    let scope = Some(Arc::new(serde_json::from_value(scope).unwrap()));
    let around = Surroundings { cluster: Some("".into()), secrets: Some("kubernetes".into()), scope };
    View::new(around, "system".into(), std::iter::empty())
}

/// Names and ports of what is listed, what is left out, what is gone.
fn shown(view: &mut View) -> String {
    let written = view.written();
    let port = |target: &crate::sources::hosts::Target| target.hosts.first().map_or(0, |host| host.port);
    let listed: Vec<_> = written.targets.iter().map(|target| format!("{}:{}", target.name, port(target))).collect();
    let left_out: Vec<_> = written.left_out.iter().map(|(what, _)| what.as_str()).collect();
    format!("{} | {} | {}", listed.join(" "), left_out.join(" "), written.gone.join(" "))
}

#[test]
fn what_is_refused_stays_as_it_was_and_what_is_deleted_goes() {
    let (kind, mut view) = (&UPSTREAM, view());
    view.put(kind, &upstream("a", hosts(1)));
    view.put(kind, &upstream("b", hosts(2)));
    view.put(kind, &upstream("c", hosts(70_000)));
    assert_eq!(shown(&mut view), "a:1 b:2 | Upstream shop/c | ");
    view.put(kind, &upstream("a", hosts(0)));
    assert_eq!(shown(&mut view), "a:1 b:2 | Upstream shop/a Upstream shop/c | ");
    view.gone(kind, &Arc::from("shop/a"));
    assert_eq!(shown(&mut view), "b:2 | Upstream shop/c | shop/a");
    assert_eq!(shown(&mut view), "b:2 | Upstream shop/c | ");
    view.listed("upstreams.gloo.solo.io in sea", kind, &HashSet::new());
    assert_eq!(shown(&mut view), "b:2 | Upstream shop/c | ");
    view.listed("upstreams.gloo.solo.io in shop", kind, &HashSet::new());
    assert_eq!(shown(&mut view), " |  | ");
    assert!(view.unknown("upstreams.gloo.solo.io", kind));
    assert!(!view.unknown("upstreams.gloo.solo.io", kind));
    assert_eq!(shown(&mut view), " | upstreams.gloo.solo.io | ");
}

#[test]
fn each_has_a_verdict_with_what_it_refers_to() {
    let mut view = view();
    let tls = json!({"secretRef": {"name": "tls"}});
    let kube = json!({"serviceName": "pets", "serviceNamespace": "shop", "servicePort": 80});
    view.put(&UPSTREAM, &upstream("a", json!({"kube": kube, "sslConfig": tls})));
    view.put(&UPSTREAM, &upstream("b", json!({"kube": {"serviceName": "pets"}})));
    let verdicts: Vec<_> = view.verdicts().values().collect();
    assert_eq!(verdicts[0].secrets, [(("shop".to_owned(), "tls".to_owned()), Holds::Certificate)]);
    assert_eq!(&*verdicts[0].like.as_ref().unwrap().key, "shop/pets:80");
    assert_eq!(verdicts[0].said, Some(Status { reported_by: "portolan".into(), ..Status::of(&[]) }));
    let messages: Vec<_> = verdicts[1].remarks.iter().map(|remark| remark.message.as_str()).collect();
    assert_eq!(messages, ["spec.kube.serviceNamespace: is missing", "spec.kube.servicePort: is missing"]);
}

#[test]
fn what_it_may_not_refer_to_is_not_read_and_it_is_called_by_nobody() {
    let check = |scope: Value, ssl: Value, wanted: &str| {
        let mut view = within(scope);
        let mut spec = hosts(443);
        spec["sslConfig"] = ssl;
        view.put(&UPSTREAM, &upstream("a", spec));
        let tls = view.written().targets.remove(0).spec.tls.unwrap();
        let verdict = view.verdicts().values().next().unwrap();
        let warnings: Vec<_> = verdict.remarks.iter().map(|remark| remark.message.as_str()).collect();
        let from = [tls.root_ca, tls.secret].into_iter().flatten().collect::<Vec<_>>().join(" ");
        assert_eq!(format!("{from} | {} | {}", verdict.secrets.len(), warnings.join("; ")), wanted);
    };
    let other = json!({"secretRef": {"name": "tls", "namespace": "sea"}});
    check(
        json!({}),
        other.clone(),
        "nowhere/sea/tls | 0 | spec.sslConfig.secretRef: the Secret sea/tls is of another namespace, and \
         kubernetes.secretNamespaces does not list sea: nobody calls it",
    );
    check(json!({"secretNamespaces": ["sea"]}), other, "kubernetes/sea/tls | 1 | ");
    let file = json!({"sslFiles": {"rootCa": "/ca/mine.pem"}});
    check(
        json!({}),
        file.clone(),
        "nowhere | 0 | spec.sslConfig.sslFiles.rootCa: kubernetes.rootCaFolder names no folder for such files; a Secret with ca.crt \
         needs none; nobody calls it",
    );
    check(json!({"rootCaFolder": "/ca"}), file, "/ca/mine.pem | 0 | ");
}

#[test]
fn aws_is_asked_as_the_daemon_where_the_setting_says() {
    let check = |scope: Value, spec: Value, wanted: &str| {
        let mut view = within(scope);
        view.put(&UPSTREAM, &upstream("a", spec));
        let who = view.written().targets.remove(0).cloud.unwrap().who;
        let verdict = view.verdicts().values().next().unwrap();
        let warnings: Vec<_> = verdict.remarks.iter().map(|remark| remark.message.as_str()).collect();
        assert_eq!(format!("{} | {}", who.name(), warnings.join("; ")), wanted);
    };
    let role = "arn:aws:iam::1:role/reader";
    let region = json!({"region": "eu-west-1"});
    let aws = json!({"aws": {"region": "eu-west-1", "roleArn": role}});
    let refused = "is missing, and kubernetes.awsNamespaces does not list shop: nobody asks or calls AWS";
    check(json!({}), aws.clone(), &format!("nowhere/shop {role} | spec.aws.secretRef: {refused}"));
    check(json!({}), json!({"awsEc2": region}), &format!("nowhere/shop | spec.awsEc2.secretRef: {refused}"));
    check(
        json!({"awsNamespaces": ["sea"]}),
        json!({"aws": region}),
        &format!("nowhere/shop | spec.aws.secretRef: {refused}"),
    );
    check(json!({"awsNamespaces": ["shop"]}), aws, &format!("{role} | "));
    check(json!({"awsNamespaces": ["*"]}), json!({"awsEc2": region}), " | ");
    let own = json!({"aws": {"region": "eu-west-1", "secretRef": {"name": "keys"}}});
    check(json!({}), own, "kubernetes/shop/keys | ");

    let clouds = Clouds::new(&Settings { namespace: "shop".into(), ..Settings::default() }).unwrap();
    let scope = Resources::new("", Place::Cluster, clouds, Scope::default()).around.scope.unwrap();
    assert_eq!((scope.own_aws("shop").is_ok(), scope.own_aws("sea").is_ok()), (true, false), "where discovery writes");
}

#[test]
fn what_was_held_and_may_no_longer_be_referred_to_is_not_in_force() {
    let check = |scope: Value, tls: Option<&str>, identity: Option<&str>, wanted: bool| {
        let scope = Some(Arc::new(serde_json::from_value(scope).unwrap()));
        let around = Surroundings { cluster: Some("".into()), secrets: Some("kubernetes".into()), scope };
        let mut held = within(json!({}));
        held.put(&UPSTREAM, &upstream("a", hosts(443)));
        let mut held = held.written().targets.remove(0);
        held.spec.tls = tls.map(|secret| Tls { secret: Some(secret.into()), ..Tls::default() });
        held.spec.aws = identity.map(|identity| Aws { identity: identity.into(), ..Aws::default() });
        assert_eq!(may_be(&held, &around), wanted, "{tls:?} {identity:?}");
    };
    check(json!({}), None, None, true);
    check(json!({}), Some("kubernetes/shop/tls"), Some("kubernetes/shop/aws arn:a"), true);
    check(json!({}), Some("kubernetes/sea/tls"), None, false);
    check(json!({"secretNamespaces": ["sea"]}), Some("kubernetes/sea/tls"), None, true);
    check(json!({}), None, Some("kubernetes/sea/aws"), false);
    for own in ["", "arn:a"] {
        check(json!({}), None, Some(own), false);
        check(json!({"awsNamespaces": ["shop"]}), None, Some(own), true);
    }
}
