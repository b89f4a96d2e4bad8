# Sourced: Helm, built from its Go module, into PORTOLAN_TEST_HELM.

build_helm() {
    export GOTOOLCHAIN=local CGO_ENABLED=0 GOFLAGS=-mod=readonly
    cp "$tests/servers/helm/go.mod" "$tests/servers/helm/go.sum" "$1/"
    cd "$1"
    # Which Kubernetes it renders for where it asks none: that of kubernetes.sh.
    local of=helm.sh/helm/v3/pkg/chartutil
    local flags="-s -w -X $of.k8sVersionMajor=1 -X $of.k8sVersionMinor=35"
    go build -trimpath -ldflags "$flags" -o helm helm.sh/helm/v3/cmd/helm
    ./helm version
}

if [ -z "${PORTOLAN_TEST_HELM:-}" ]; then
    need go "Go 1.26 or later is wanted, from the system's packages or from Go's own site"
    export tests
    export -f build_helm
    provide helm "$(digest "$tests/servers/helm" "$tests/install/helm.sh")" build_helm
    export PORTOLAN_TEST_HELM=$place/helm
fi
