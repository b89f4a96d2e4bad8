# Sourced: small tools of Debian that tests call. strace shows what was flushed before it was acknowledged, ip
# gives a network namespace its addresses, setpriv (util-linux, with unshare and nsenter) ends a server when the test that started it dies,
# openssl makes keys, systemd-analyze reads the unit as systemd would.

debian strace strace
debian ip iproute2
debian setpriv util-linux
debian openssl openssl
debian systemd-analyze systemd
export PORTOLAN_TEST_STRACE=${PORTOLAN_TEST_STRACE:-$(command -v strace)}
export PORTOLAN_TEST_IP=${PORTOLAN_TEST_IP:-$(command -v ip)}
export PORTOLAN_TEST_SYSTEMD_ANALYZE=${PORTOLAN_TEST_SYSTEMD_ANALYZE:-$(command -v systemd-analyze)}
