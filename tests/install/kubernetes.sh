# Sourced: a Kubernetes API server, its controllers and the etcd below it, built from their Go modules, into
# PORTOLAN_TEST_KUBERNETES: a folder with kube-apiserver, kube-controller-manager and etcd.

build_kubernetes() {
    export GOTOOLCHAIN=local CGO_ENABLED=0 GOFLAGS=-mod=readonly
    cp -r "$tests/servers/kubernetes" "$1/source"
    cd "$1/source"
    local version=v1.35.4 of=k8s.io/component-base/version
    local flags="-s -w -X $of.gitVersion=$version -X $of.gitMajor=1 -X $of.gitMinor=35"
    go build -trimpath -ldflags "$flags" -o "$1/etcd" go.etcd.io/etcd/server/v3
    go build -trimpath -ldflags "$flags" -o "$1/" k8s.io/kubernetes/cmd/kube-apiserver
    go build -trimpath -ldflags "$flags" -o "$1/" k8s.io/kubernetes/cmd/kube-controller-manager
    cd "$1"
    rm -rf source
}

if [ -z "${PORTOLAN_TEST_KUBERNETES:-}" ]; then
    need go "Go 1.26 or later is wanted, from the system's packages or from Go's own site"
    export tests
    export -f build_kubernetes
    provide kubernetes "$(digest "$tests/servers/kubernetes")" build_kubernetes
    export PORTOLAN_TEST_KUBERNETES=$place
fi
