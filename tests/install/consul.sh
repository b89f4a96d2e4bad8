# Sourced: Consul, into PORTOLAN_TEST_CONSUL. Debian's last package of it is bullseye's, which runs on later
# releases too.

# The mirror that this machine's own package sources use for Debian.
debian_mirror() {
    local codename
    codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
    apt-get indextargets --format '$(RELEASE) $(SITE)' 'Created-By: Packages' |
        awk -v name="$codename" '$1 == name "-updates" || $1 == name { site[$1] = $2 }
            END { print (name "-updates") in site ? site[name "-updates"] : site[name] }'
}

# Asks bullseye alone, with lists of its own: the machine's package state stays as it is, and root is not
# needed.
build_consul() {
    local mirror
    mirror=$(debian_mirror)
    [ -n "$mirror" ]
    cd "$1"
    mkdir -p lists/partial archives/partial
    touch status
    local keys=/usr/share/keyrings/debian-archive-keyring.gpg
    echo "deb [signed-by=$keys] $mirror bullseye main" >sources.list
    local apt=(apt-get -q -o Dir::Etc::sourcelist="$PWD/sources.list" -o Dir::Etc::sourceparts=-
        -o Dir::State::lists="$PWD/lists" -o Dir::State::status="$PWD/status" -o Dir::Cache="$PWD"
        -o Acquire::Languages=none -o APT::Sandbox::User="$(id -un)")
    "${apt[@]}" update
    "${apt[@]}" download consul
    dpkg-deb -x consul_*.deb unpacked
    mv unpacked/usr/bin/consul consul
    ./consul version
    rm -rf -- *.deb unpacked lists archives status sources.list ./*.bin
}

if [ -z "${PORTOLAN_TEST_CONSUL:-}" ]; then
    need apt-get "this is no Debian; get a consul binary and name it in PORTOLAN_TEST_CONSUL"
    export -f debian_mirror build_consul
    provide consul 1.8.7 build_consul
    export PORTOLAN_TEST_CONSUL=$place/consul
fi
