#!/usr/bin/env bash
# Runs the tests of package once that need databases, on all of them. The servers run on loopback, in temporary directories
# and as an ordinary user, and end with the tests; Debian packages that are missing are installed, which needs root.
#
#	run.sh test                 all tests, with a small fleet
#	run.sh fleet [-keys=N]      the fleet
#	run.sh cost                 what a purchase costs, as ratios; without root, on the databases that are installed
set -euo pipefail
cd "$(dirname "$0")"
exec </dev/null

# install adds what is missing, and starts none of its services: the tests start servers of their own.
install() {
	local missing=() policy=/usr/sbin/policy-rc.d
	compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || missing+=(postgresql)
	[ -x /usr/sbin/mariadbd ] || missing+=(mariadb-server)
	if [ ${#missing[@]} -eq 0 ]; then return; fi
	if [ ! -e "$policy" ]; then
		trap 'rm -f "$policy"' RETURN
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod 755 "$policy"
	fi
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -qqy --no-install-recommends "${missing[@]}"
}

# installed names the servers that are there.
installed() {
	! compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || printf 'postgresql,'
	[ ! -x /usr/sbin/mariadbd ] || printf 'mysql'
}

usage() {
	sed -n '2,8s/^# \{0,1\}//p' run.sh >&2
	exit 2
}

what=${1:-}
[ $# -eq 0 ] || shift
export ONCE_DATABASES=all
case $what in
test | fleet) install ;;
cost)
	if [ "$(id -u)" -eq 0 ]; then install; else ONCE_DATABASES=$(installed); fi
	;;
*) usage ;;
esac
case $what in
test)
	go vet ./...
	go test -count=1 -timeout 30m "$@" ./...
	;;
fleet) go test -count=1 -timeout 0 -v -run 'TestFleet$' ./fleet "$@" ;;
cost) go test -count=1 -timeout 30m -v -run TestCost . -cost "$@" ;;
esac
