# Sourced, after protos.sh: the gRPC server in Go, into PORTOLAN_TEST_GRPC_GO. Its messages are generated
# here, by the plugins that its go.mod pins.

build_grpc_go() {
    export GOTOOLCHAIN=local CGO_ENABLED=0
    cp -r "$tests/servers/grpc-go" "$1/source"
    cp "$tests/servers/proto/books.json" "$1/source/"
    cd "$1/source"
    go build -buildvcs=false -o plugins/ tool
    (
        PATH=$PWD/plugins:$PATH
        protoc --go_out="$PWD" --go_opt=module=portolan-tests/grpc-go \
            --go-grpc_out="$PWD" --go-grpc_opt=module=portolan-tests/grpc-go
    )
    go build -buildvcs=false -trimpath -ldflags '-s -w' -o "$1/grpc-go" .
    rm -rf "$1/source"
}

if [ -z "${PORTOLAN_TEST_GRPC_GO:-}" ]; then
    need go "Go 1.26 or later is wanted, from the system's packages or from Go's own site"
    export tests
    export -f protoc build_grpc_go
    key=$(digest "$tests/servers/grpc-go" "$tests/servers/proto" "$tests/servers/requirements.txt")
    provide grpc-go "$key" build_grpc_go
    export PORTOLAN_TEST_GRPC_GO=$place/grpc-go
fi
