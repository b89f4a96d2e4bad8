//! What is laid over an upstream wins, and goes when its resource goes, whoever speaks first.

use super::bench::{Bench, listed};
use crate::model::{Origin, SourceId, UpstreamSpec};
use crate::report::{Listed, Over, Report};

/// `base path, host`, and a `+` where something lies over it.
fn shown(bench: &Bench) -> String {
    let spec = bench.entry("a").upstream.spec.clone();
    let over = if spec.over.is_some() { "+" } else { "" };
    format!("{},{}{over}", spec.base_path, spec.host.as_deref().unwrap_or_default())
}

fn at(path: &str) -> Listed {
    let spec = UpstreamSpec { base_path: path.into(), ..UpstreamSpec::default() };
    Listed { spec, ..listed("a") }
}

fn over(host: &str) -> Report {
    let origin = Origin { source: SourceId::new("consul", ""), key: "a".into() };
    let spec = UpstreamSpec { host: Some(host.into()), ..UpstreamSpec::default() };
    Report::Over(vec![Over { origin, key: "ns/a".into(), spec }])
}

async fn configured(bench: &Bench) {
    let sources = ["consul", "static"].map(|kind| SourceId::new(kind, ""));
    bench.catalog.configured(sources.into()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn its_fields_win_whoever_speaks_first() {
    let bench = Bench::new().await;
    bench.report("static", over("one")).await.unwrap();
    assert!(bench.names().is_empty(), "what nobody lists is not there");
    bench.report("consul", Report::Full(vec![at("/v1")])).await.unwrap();
    assert_eq!(shown(&bench), "/v1,one+");
    bench.report("static", over("two")).await.unwrap();
    assert_eq!(shown(&bench), "/v1,two+");
    bench.report("consul", Report::Changed(Box::new(at("/v2")))).await.unwrap();
    assert_eq!(shown(&bench), "/v2,two+");
    bench.report("static", Report::Over(Vec::new())).await.unwrap();
    assert_eq!(shown(&bench), "/v2,");
    bench.report("static", over("three")).await.unwrap();
    bench.report("consul", Report::Removed("a".into())).await.unwrap();
    assert!(bench.names().is_empty());
    bench.check_store().await;
}

#[tokio::test(start_paused = true)]
async fn after_a_restart_it_stays_until_its_source_has_spoken() {
    let bench = Bench::new().await;
    bench.report("consul", Report::Full(vec![at("/v1")])).await.unwrap();
    bench.report("static", over("one")).await.unwrap();
    let revision = bench.snapshot().revision;

    let bench = bench.kill().await;
    configured(&bench).await;
    bench.report("consul", Report::Full(vec![at("/v1")])).await.unwrap();
    assert_eq!((shown(&bench), bench.snapshot().revision), ("/v1,one+".into(), revision), "nothing is written");
    bench.report("static", over("one")).await.unwrap();
    assert_eq!((shown(&bench), bench.snapshot().revision), ("/v1,one+".into(), revision));
    bench.report("static", Report::Over(Vec::new())).await.unwrap();
    assert_eq!(shown(&bench), "/v1,");

    bench.report("static", over("one")).await.unwrap();
    let bench = bench.kill().await;
    configured(&bench).await;
    // The resource went meanwhile, and its source speaks first: what is known stays until the other one says what is.
    bench.report("static", Report::Over(Vec::new())).await.unwrap();
    bench.report("consul", Report::Full(vec![at("/v1")])).await.unwrap();
    assert_eq!(shown(&bench), "/v1,");
}

#[tokio::test(start_paused = true)]
async fn nothing_waits_for_a_source_that_is_not_configured() {
    let bench = Bench::new().await;
    bench.report("consul", Report::Full(vec![at("/v1")])).await.unwrap();
    bench.report("static", over("one")).await.unwrap();
    let bench = bench.kill().await;
    bench.catalog.configured(vec![SourceId::new("consul", "")]).await.unwrap();
    bench.report("consul", Report::Full(vec![at("/v2")])).await.unwrap();
    assert_eq!(shown(&bench), "/v2,");
}
