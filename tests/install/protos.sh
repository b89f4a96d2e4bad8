# Sourced, after python.sh: what is made of servers/proto. PORTOLAN_TEST_PROTOS is a folder with `python/`
# (generated modules) and `services.binpb` (a FileDescriptorSet of all files and what they import).

# protoc ARGUMENT...: the compiler of grpcio-tools over all our files; google/api and google/rpc come from
# googleapis-common-protos.
protoc() {
    local packages
    packages=$("$PORTOLAN_TEST_PYTHON" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    cd "$tests/servers/proto"
    find portolan -name '*.proto' -print0 | LC_ALL=C sort -z |
        xargs -0 "$PORTOLAN_TEST_PYTHON" -m grpc_tools.protoc -I . -I "$packages" "$@"
}

build_protos() {
    mkdir "$1/python"
    protoc --python_out="$1/python" --grpc_python_out="$1/python" \
        --include_imports --include_source_info --descriptor_set_out="$1/services.binpb"
}

if [ -z "${PORTOLAN_TEST_PROTOS:-}" ]; then
    export tests
    export -f protoc build_protos
    provide protos "$(digest "$tests/servers/proto" "$tests/servers/requirements.txt")" build_protos
    export PORTOLAN_TEST_PROTOS=$place
fi
