# Sourced: a Python with what the sample services import, into PORTOLAN_TEST_PYTHON.

build_python() {
    python3 -m venv "$1"
    "$1/bin/pip" install --disable-pip-version-check --no-deps -r "$tests/servers/requirements.txt"
    "$1/bin/pip" check
}

if [ -z "${PORTOLAN_TEST_PYTHON:-}" ]; then
    debian python3 python3-venv
    python3 -c 'import ensurepip, venv' 2>/dev/null ||
        give_up "python3 has no venv: as root, apt-get install python3-venv"
    export tests
    export -f build_python
    version=$(python3 -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])')
    provide "python$version" "$(digest "$tests/servers/requirements.txt")" build_python
    export PORTOLAN_TEST_PYTHON=$place/bin/python
fi
