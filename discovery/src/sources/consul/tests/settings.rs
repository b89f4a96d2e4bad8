use super::super::settings::{Settings, SettingsError};

fn read(address: Option<&str>, variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    let variable =
        |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    Settings::from_environment(address, variable)
}

#[test]
fn addresses_are_read_as_consuls_tools_read_them() {
    let check = |address: Option<&str>, variables: &[(&str, &str)], wanted: &str| match read(address, variables) {
        Ok(settings) => assert_eq!(settings.address().as_str(), wanted),
        Err(error) => assert!(error.to_string().contains(wanted), "{error}"),
    };
    check(None, &[], "http://127.0.0.1:8500/");
    check(None, &[("CONSUL_HTTP_ADDR", "")], "http://127.0.0.1:8500/");
    check(None, &[("CONSUL_HTTP_ADDR", "10.0.0.1:8500")], "http://10.0.0.1:8500/");
    check(Some("10.0.0.2:1"), &[("CONSUL_HTTP_ADDR", "10.0.0.1:8500")], "http://10.0.0.2:1/");
    check(None, &[("CONSUL_HTTP_ADDR", "https://consul.test:8501")], "https://consul.test:8501/");
    check(None, &[("CONSUL_HTTP_ADDR", "consul.test:8501"), ("CONSUL_HTTP_SSL", "true")], "https://consul.test:8501/");
    check(Some("http://a:1"), &[("CONSUL_HTTP_SSL", "1")], "https://a:1/");
    check(Some("a:1"), &[("CONSUL_HTTP_SSL", "perhaps")], "http://a:1/");
    check(Some("https://a:1"), &[("CONSUL_HTTP_SSL", "false")], "https://a:1/");
    check(Some("tcp://[::1]:8500"), &[], "http://[::1]:8500/");
    check(Some("https://proxy.test/consul"), &[], "https://proxy.test/consul");
    check(Some("unix:///run/consul.sock"), &[], "Unix socket, which is not supported");
    check(Some("ftp://a:1"), &[], "begins with \"ftp\"");
    check(Some("http://me:secret@a:1"), &[], "CONSUL_HTTP_AUTH");
    check(Some("a:port"), &[], "not host:port");
    check(None, &[("CONSUL_CLIENT_CERT", "/c.pem")], "must be given together");
}

#[test]
fn the_rest_is_read_too_and_no_secret_shows() {
    let settings = read(
        None,
        &[
            ("CONSUL_HTTP_TOKEN", "t0ken"),
            ("CONSUL_HTTP_TOKEN_FILE", "/token"),
            ("CONSUL_HTTP_AUTH", "me:passw0rd"),
            ("CONSUL_HTTP_SSL_VERIFY", "false"),
            ("CONSUL_CACERT", "/ca.pem"),
            ("CONSUL_CAPATH", "/ca"),
            ("CONSUL_CLIENT_CERT", "/c.pem"),
            ("CONSUL_CLIENT_KEY", "/k.pem"),
            ("CONSUL_TLS_SERVER_NAME", "server.dc1.consul"),
            ("CONSUL_NAMESPACE", "team"),
        ],
    );
    let shown = format!("{:#?}", settings.unwrap());
    assert!(!shown.contains("t0ken") && !shown.contains("passw0rd") && !shown.contains("team"), "{shown}");
    for part in ["***", "/token", "\"me\"", "accept_any: true", "/ca.pem", "/c.pem", "/k.pem", "server.dc1.consul"] {
        assert!(shown.contains(part), "{part} is not in {shown}");
    }
}
