#!/usr/bin/env bash
# Baidu's own Node.js SDK, from npm, buys and lists from the simulator on loopback. It needs node, npm and go.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

scratch=$(mktemp -d)
trap 'kill "${pid:-}" 2>/dev/null || true; rm -rf "$scratch"' EXIT

cp "$here/buy.mjs" "$scratch"
(cd "$scratch" && npm init -y >/dev/null && npm install --no-audit --no-fund --loglevel=error @baiducloud/qianfan@0.2.4)

(cd "$here/.." && GOFLAGS="${GOFLAGS:-} -buildvcs=false" go build -o "$scratch/simulator" .)
"$scratch/simulator" -addr 127.0.0.1:0 >"$scratch/output" &
pid=$!
for _ in $(seq 100); do
	if grep -q '^# a stand-in' "$scratch/output"; then break; fi
	sleep 0.1
done
eval "$(grep '^export ' "$scratch/output")"
case $QIANFAN_CONSOLE_API_BASE_URL in
http://127.0.0.1:*) ;;
*) echo "the simulator does not listen on loopback"; exit 1 ;;
esac

(cd "$scratch" && node buy.mjs)

kill -INT "$pid"
wait "$pid"
grep -E '^# (order|[0-9])' "$scratch/output"
grep -q '^# 1 order in 2 requests$' "$scratch/output"
