# Sourced: Prism (mocks of OpenAPI documents that also check the calls), into PORTOLAN_TEST_PRISM.

build_prism() {
    cp "$tests/servers/prism/package.json" "$tests/servers/prism/package-lock.json" "$1/"
    cd "$1"
    npm ci --ignore-scripts --no-audit --no-fund
    node_modules/.bin/prism --version
}

if [ -z "${PORTOLAN_TEST_PRISM:-}" ]; then
    need npm "Node 20 with npm is wanted"
    export tests
    export -f build_prism
    provide prism "$(digest "$tests/servers/prism")" build_prism
    export PORTOLAN_TEST_PRISM=$place/node_modules/.bin/prism
fi
