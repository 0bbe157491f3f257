#!/bin/sh
# Builds the components of Kubernetes 1.20 from Debian's source package, for the tests of this folder.
#
#   build.sh DESTINATION [SOURCE] [COMPONENT ...]
#
# DESTINATION gets the programs. SOURCE is an unpacked source package of kubernetes; without it (or with "-")
# `apt-get source` fetches one, which needs a deb-src line of Debian 12 or 13. COMPONENTs default to all that the tests use.
# Needs Debian's golang-go (1.19 will do), about 4 GB of disk and half an hour of one core; GOCACHE keeps what was compiled.
set -eu

usage='usage: build.sh DESTINATION [SOURCE|-] [COMPONENT ...]'
destination=${1:?$usage}
source=${2:--}
[ $# -ge 2 ] && shift 2 || shift 1
[ $# -gt 0 ] || set -- kube-proxy kube-controller-manager kube-scheduler kubelet kubectl kube-apiserver paper-runtime
here=$(cd "$(dirname "$0")" && pwd)

mkdir -p "$destination"
destination=$(cd "$destination" && pwd)
work=${BUILD_FOLDER:-$destination/.build}
mkdir -p "$work/gopath/src/k8s.io"
if [ "$source" = - ]; then
  (cd "$work" && apt-get source --only-source kubernetes)
  source=$(find "$work" -maxdepth 1 -type d -name 'kubernetes-*' | sort | tail -n 1)
fi
source=$(cd "$source" && pwd)
tree=$work/gopath/src/k8s.io/kubernetes
# A copy: one file of it is generated below.
[ -d "$tree" ] || cp -a "$source" "$tree"
cd "$tree"

# The package has all it needs in its vendor folder. Its go.mod is not to the taste of today's Go, hence the old way.
export GO111MODULE=off GOPATH="$work/gopath" GOPROXY=off GOFLAGS= CGO_ENABLED=0
export GOMAXPROCS="${GOMAXPROCS:-1}"
package=k8s.io/kubernetes
version=${VERSION:-v1.20.2}
minor=${version#v*.}
flags=
for part in $package/vendor/k8s.io/component-base/version $package/vendor/k8s.io/client-go/pkg/version; do
  flags="$flags -X $part.gitVersion=$version -X $part.gitMajor=1 -X $part.gitMinor=${minor%%.*}"
  flags="$flags -X $part.gitTreeState=archive -X $part.buildDate=1970-01-01T00:00:00Z"
done

# The OpenAPI document of the built-in kinds is not in the package; kube-apiserver does not compile without it.
generate_openapi() {
  [ ! -e pkg/generated/openapi/zz_generated.openapi.go ] || return 0
  nice -n 19 go build -p 1 -o "$work/openapi-gen" $package/vendor/k8s.io/kube-openapi/cmd/openapi-gen
  folders=$(cd staging/src && grep -rl --include='*.go' '^// +k8s:openapi-gen=' k8s.io | xargs -n 1 dirname | sort -u |
    grep -Ev '^k8s.io/(code-generator|sample-apiserver)/' | sed "s|^|$package/vendor/|")
  folders="$folders $package/pkg/apis/abac/v0 $package/pkg/apis/abac/v1beta1"
  "$work/openapi-gen" --logtostderr -i "$(echo "$folders" | tr -s ' \n' ',' | sed 's/,$//')" -p $package/pkg/generated/openapi \
    -O zz_generated.openapi -h vendor/k8s.io/code-generator/hack/boilerplate.go.txt -r "$work/violations.report"
}

for component in "$@"; do
  case $component in
  kube-apiserver) generate_openapi ;;
  # Ours, of Kubernetes' parts.
  paper-runtime)
    mkdir -p "cmd/$component"
    cp "$here/$component"/*.go "cmd/$component/"
    ;;
  esac
  nice -n 19 go build -p "$GOMAXPROCS" -ldflags "$flags" -o "$destination/$component" "$package/cmd/$component"
  echo "$destination/$component"
done
