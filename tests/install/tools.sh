# Sourced: small tools of Debian that tests call. strace shows what was flushed before it was acknowledged, ip
# makes network namespaces, setpriv (util-linux) ends a server when the test that started it dies.

debian strace strace
debian ip iproute2
debian setpriv util-linux
export PORTOLAN_TEST_STRACE=${PORTOLAN_TEST_STRACE:-$(command -v strace)}
export PORTOLAN_TEST_IP=${PORTOLAN_TEST_IP:-$(command -v ip)}
