//! Commands that ask no daemon.

use harness::command::run;
use harness::described::resource;
use harness::process;

#[tokio::test]
async fn version_completions_and_wrong_usage() {
    let version = run(["version"]).await;
    assert_eq!((version.code, &*version.out), (0, &*format!("portolan {}\n", env!("CARGO_PKG_VERSION"))));
    for shell in ["bash", "zsh", "fish"] {
        let script = run(["completions", shell]).await;
        assert!(script.code == 0 && script.out.contains("describe"), "{shell}: {}", script.code);
    }
    for wrong in
        [vec!["completions", "none"], vec!["get"], vec!["get", "nothing"], vec!["serve", "--workers=0"], vec!["sail"]]
    {
        let ended = run(&wrong).await;
        assert!(ended.code == 2 && !ended.err.is_empty(), "{wrong:?}: {ended:?}");
    }
    let nobody = run(["get", "upstreams", "--server", "http://127.0.0.1:9"]).await;
    assert!(nobody.code == 1 && nobody.err.contains("--server"), "it says what to do: {nobody:?}");
}

#[tokio::test]
async fn check_names_the_place_of_each_fault() {
    let folder = process::folder("check");
    let file = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        file.display().to_string()
    };
    let good = file("good.yaml", &resource("ship", &["127.0.0.1:80".parse().unwrap()]));
    assert_eq!(run(["check", &good]).await.code, 0);

    let bad = file(
        "bad.yaml",
        "apiVersion: gloo.solo.io/v1\nkind: Upstream\nmetadata:\n  name: ship\nspec:\n  static:\n    hots: []\n",
    );
    let ended = run(["check", &good, &bad]).await;
    let place = format!("{bad}:7:5: ");
    assert!(
        ended.code == 1 && ended.out.contains(&place) && ended.out.contains("spec.static.hots"),
        "{place} {ended:?}"
    );

    let broken = file("broken.yaml", "kind: [Upstream\n");
    let ended = run(["check", &broken]).await;
    assert!(ended.code == 1 && ended.out.contains(&format!("{broken}:")), "{ended:?}");
    assert_eq!(run(["check", &folder.path().join("none").display().to_string()]).await.code, 1);
}

#[tokio::test]
async fn check_shows_what_is_in_force() {
    let folder = process::folder("check");
    let file = folder.path().join("portolan.yaml");
    std::fs::write(&file, "gateway: 127.0.0.1:7001\nupstreams:\n  ship: http://127.0.0.1:7002\n").unwrap();
    let shown = run(["check", "--print-config", "--config", &file.display().to_string()]).await;
    assert!(shown.code == 0 && shown.out.contains("127.0.0.1:7001") && shown.out.contains("ship"), "{shown:?}");
    std::fs::write(&file, "gatway: 127.0.0.1:7001\n").unwrap();
    let refused = run(["check", "--config", &file.display().to_string()]).await;
    assert!(refused.code == 1 && refused.out.starts_with(&format!("{}:1:1: ", file.display())), "{refused:?}");
    assert!(refused.out.contains("gatway"), "{refused:?}");
}

#[tokio::test]
async fn check_refuses_what_serve_would_refuse() {
    let folder = process::folder("check");
    let file = folder.path().join("portolan.yaml");
    let named = file.display().to_string();
    for (text, part) in [
        ("admin: 0.0.0.0:8081\n", "--admin-token-file"),
        ("functionUrls: {access: token}\n", "functionUrls.tokenFile"),
        ("sources: [zookeeper]\n", "zookeeper"),
        ("upstreams: {ship: 'ftp://ship'}\n", "ship"),
        ("adminTlsCert: /nowhere/cert.pem\nadminTlsKey: /nowhere/key.pem\n", "/nowhere/cert.pem"),
    ] {
        std::fs::write(&file, text).unwrap();
        for line in [vec!["check", &named], vec!["check", "--config", &named]] {
            let refused = run(&line).await;
            assert!(refused.code == 1 && refused.out.starts_with(&format!("{named}:1:1: ")), "{text} {refused:?}");
            assert!(refused.out.contains(part), "{text} {refused:?}");
        }
    }
    std::fs::write(&file, "gateway: 127.0.0.1:7001\n").unwrap();
    assert_eq!(run(["check", &named]).await.code, 0);
    let flag = run(["check", &named, "--admin", "0.0.0.0:8081"]).await;
    assert!(flag.code == 1 && flag.out.contains("--admin-token-file"), "flags count: {flag:?}");
}
