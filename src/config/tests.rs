use super::*;

fn config(args: &[&str], file: &str) -> anyhow::Result<Config> {
    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: ServeArgs,
    }
    let line = <Line as clap::Parser>::try_parse_from([&["serve", "--data-dir", "d"], args].concat())?;
    let raw = if file.is_empty() { RawConfig::default() } else { serde_saphyr::from_str(file)? };
    Config::new(&line.args, raw)
}

#[test]
fn flags_go_before_the_file_and_the_file_before_defaults() {
    let file = "discovery: {off: {sources: [consul], namespaces: [team]}}\ngateway: 127.0.0.1:1\nadmin: 127.0.0.1:2\ngrace: 7\nupstreams: {a: 'http://a'}\nvalidation: report\n";
    let got = config(&["--gateway", "127.0.0.1:9", "--upstream", "b=http://b", "--source", "none"], file).unwrap();
    assert_eq!((got.gateway.port(), got.admin.port()), (9, 2));
    assert_eq!((got.grace.as_secs(), got.warmup.as_secs()), (7, 10));
    assert_eq!(got.upstreams, ["a=http://a", "b=http://b"]);
    assert_eq!(got.validation, Validation::Report);
    assert_eq!(
        (&*got.discovery.off.sources, &*got.discovery.off.namespaces),
        (&["consul".into()][..], &["team".into()][..])
    );
    assert_eq!(got.public_url(got.gateway), "http://127.0.0.1:9");
}

#[test]
fn what_cannot_be_meant_is_refused_with_what_to_do() {
    let check = |args: &[&str], file: &str, part: &str| {
        let error = format!("{:#}", config(args, file).expect_err(part));
        assert!(error.contains(part), "{error}");
    };
    check(&["--admin", "0.0.0.0:8081"], "", "--admin-token-file");
    check(&[], "functionUrls: {access: token}", "functionUrls.tokenFile");
    check(&[], "gatway: 127.0.0.1:1", "gatway");
    check(&["--admin-token-file", "/nowhere/token"], "", "/nowhere/token");
}

#[test]
fn a_wildcard_listener_is_called_at_loopback() {
    let got = config(&["--gateway", "0.0.0.0:8080", "--source", "none"], "").unwrap();
    assert_eq!(got.public_url(got.gateway), "http://127.0.0.1:8080");
}
