# Sourced by .ci/run alone: cargo-deny, into `cargo_deny`.

build_cargo_deny() {
    cargo install --locked cargo-deny --version 0.20.2 --root "$1" --target-dir "$1/target"
    rm -rf "$1/target"
}

export -f build_cargo_deny
provide cargo-deny 0.20.2 build_cargo_deny
cargo_deny=$place/bin/cargo-deny
