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
    let file = "discovery: {mode: whitelist, off: {sources: [consul], namespaces: [team]}}\ngateway: 127.0.0.1:1\nadmin: 127.0.0.1:2\ngrace: 7\nupstreams: {a: 'http://a'}\nvalidation: report\n";
    let got = config(&["--gateway", "127.0.0.1:9", "--upstream", "b=http://b", "--source", "none"], file).unwrap();
    assert_eq!((got.gateway.port(), got.admin.port()), (9, 2));
    assert_eq!((got.grace.as_secs(), got.warmup.as_secs()), (7, 10));
    assert_eq!(serde_json::to_value(&got).unwrap()["upstreams"], serde_json::json!(["a=http://a", "b=http://b"]));
    assert_eq!(got.validation, Validation::Report);
    assert_eq!(got.discovery.mode, discovery::eligibility::Mode::Whitelist);
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
        assert!(!error.contains("s3cret"), "{error}");
        assert!(error.contains(part), "{error}");
    };
    check(&["--admin", "0.0.0.0:8081"], "", "--admin-token-file");
    check(&[], "functionUrls: {access: token}", "functionUrls.tokenFile");
    check(&[], "gatway: 127.0.0.1:1", "gatway");
    check(&[], "discovery: {mode: greylist}", "greylist");
    check(&[], "kubernetes: {namespaceSelector: 'a=(b'}", "is not a label selector");
    check(&[], "kubernetes: {services: {}}", "services");
    check(&["--admin-token-file", "/nowhere/token"], "", "/nowhere/token");
    let token = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&token, "t0ken").unwrap();
    check(&["--admin-read-token-file", token.path().to_str().unwrap()], "", "needs --admin-token-file");
    check(&[], &format!("adminReadTokenFile: {}", token.path().display()), "needs --admin-token-file");
    check(&[], "adminTlsCert: cert.pem", "adminTlsKey");
    check(&[], "adminTlsKey: key.pem", "adminTlsCert");
    check(&[], "discovery: {allowedLinkLocal: ['*']}", "169.254.10.0/24");
    check(&["--upstream", "pets=ftp://u:s3cret@x"], "", "pets");
    check(&["--public-url", "gateway.example"], "", "--public-url");
    check(&["--log-level", "a=b=c"], "", "--log-level");
}

#[test]
fn a_wildcard_listener_is_called_at_loopback() {
    let got = config(&["--gateway", "0.0.0.0:8080", "--source", "none"], "").unwrap();
    assert_eq!(got.public_url(got.gateway), "http://127.0.0.1:8080");
}

#[test]
fn what_is_wrong_with_a_file_has_its_place() {
    let check = |text: &str, place: &str, part: &str| {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, text).unwrap();
        let error = Config::of(&ServeArgs::default(), file.path()).expect_err(text);
        let error = format!("{error:#}").replace(&file.path().display().to_string(), "file");
        assert!(error.starts_with(&format!("file:{place}: ")) && error.contains(part), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    };
    check("gateway: 127.0.0.1:1\ngatway: 127.0.0.1:1\n", "2:1", "gatway");
    check("discovery:\n  allowedLinkLocal: [169.254.1.1, '*']\n", "2:35", "169.254.10.0/24");
    check("grace: soon\n", "1:8", "");
    check("sources: [\n", "1:10", "");
    check("admin: 0.0.0.0:8081\n", "1:1", "--admin-token-file");
}

#[test]
fn tokens_are_not_shown() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, "s3cret\n").unwrap();
    let got = config(&["--admin-token-file", file.path().to_str().unwrap()], "").unwrap();
    assert_eq!(got.tokens.admin.write, Some(Secret("s3cret".into())));
    let shown = format!("{got:?}{}", serde_json::to_string(&got).unwrap());
    assert!(!shown.contains("s3cret") && shown.contains("adminTokenFile"), "{shown}");
}
