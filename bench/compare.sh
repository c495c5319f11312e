#!/usr/bin/env bash
# Side by side on this machine, in one run: our server, workerd (the reference), and limit (bare net/http + chi, no
# objects, no storage). Each case runs on the three in turn, ROUNDS times; prints the medians and the ratios
# ours/workerd and ours/limit. Requests, messages, deliveries per second: more is better. ws-idle is bytes per
# parked socket: less is better.
#
#   compare.sh [-c CASE,CASE…] [-s SIDE,SIDE…] [-- COMMAND…]
#
#   -c   cases, from: mem kvread kv sql call kv-many kv-new raw ws-echo ws-room ws-idle (by default all)
#   -s   sides, from: ours workerd limit (by default all)
#   COMMAND starts our server on 127.0.0.1:$PORT with its data in $DATA (by default bench/server, built here)
#
# Needs: go, wrk, and for the reference node's npm, or its binary named by WORKERD. ws-idle also needs ss (iproute2).
# ROUNDS (default 3), SECONDS_EACH (4) and CONNS (32) set the length and the load. Data goes below TMPDIR.
set -euo pipefail
workerd_version=1.20261117.1 # the one whose histories internal/conformance holds us to
here=$(cd "$(dirname "$0")" && pwd)
rounds=${ROUNDS:-3} secs=${SECONDS_EACH:-4} conns=${CONNS:-32}
cases=mem,kvread,kv,sql,call,kv-many,kv-new,raw,ws-echo,ws-room,ws-idle
sides=ours,workerd,limit
usage() { sed -n '2,16s/^# \{0,1\}//p' "$0" >&2; exit 2; }
while (($#)); do
  case $1 in
    -c) (($# > 1)) || usage; cases=$2; shift 2 ;;
    -s) (($# > 1)) || usage; sides=$2; shift 2 ;;
    --) shift; break ;;
    *) usage ;;
  esac
done
has() { [[ ,$sides, == *,$1,* ]]; }
need() { command -v "$1" >/dev/null || { echo "compare.sh needs $1 ($2)" >&2; exit 2; }; }
need go "https://go.dev"
need wrk "Debian package wrk"
[[ $cases != *ws-idle* ]] || need ss "Debian package iproute2"

work=$(mktemp -d)
groups=()
cleanup() {
  # Each server has a process group of its own, so that the child of a shell or of `go run` ends too.
  local g
  for g in "${groups[@]:-}"; do [[ -z $g ]] || kill -TERM -- "-$g" 2>/dev/null || true; done
  for g in "${groups[@]:-}"; do
    for _ in $(seq 200); do [[ -n $g ]] && kill -0 -- "-$g" 2>/dev/null && sleep 0.05 || break; done
    [[ -z $g ]] || kill -KILL -- "-$g" 2>/dev/null || true
  done
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

if has workerd && [[ -z ${WORKERD:-} ]]; then
  need npm "node"
  mkdir "$work/npm"
  (cd "$work/npm" && npm init -y && npm install "workerd@$workerd_version") >"$work/npm.log" 2>&1 || { cat "$work/npm.log" >&2; exit 1; }
  WORKERD=$(cd "$work/npm" && node -p 'const m = require("workerd"); m.default ?? m')
fi
[[ $cases != *ws-* ]] || (cd "$here/wsload" && go build -o "$work/wsload" .)
if has limit; then (cd "$here/limit" && go build -o "$work/limit" .); fi
if has ours && ! (($#)); then
  (cd "$here/.." && go build -o "$work/server" ./bench/server)
  set -- "$work/server"
fi

port() { case $1 in workerd) echo 8790 ;; ours) echo 8791 ;; limit) echo 8792 ;; *) usage ;; esac; }
answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
# The server may be the child of a shell: take the process that listens.
listener() { ss -ltnpH "sport = :$1" 2>/dev/null | sed -n 's/.*pid=\([0-9]*\).*/\1/p' | head -n 1; }
start() { # side command…
  local side=$1 p; shift
  p=$(port "$side")
  if answers "$p"; then echo "port $p, for $side, is taken" >&2; exit 1; fi
  PORT=$p DATA=$work/$side.data setsid "$@" >"$work/$side.log" 2>&1 </dev/null &
  groups+=($!)
  for _ in $(seq 2400); do
    if answers "$p"; then return; fi
    kill -0 $! 2>/dev/null || break
    sleep 0.05
  done
  echo "$side did not answer on port $p:" >&2; cat "$work/$side.log" >&2; exit 1
}
IFS=, read -ra order <<<"$sides"
for side in "${order[@]}"; do
  port "$side" >/dev/null
  mkdir "$work/$side.data"
  case $side in
    ours) start ours "$@" ;;
    workerd) start workerd "$WORKERD" serve "$here/workerd.capnp" "--directory-path=disk=$work/workerd.data" ;;
    limit) start limit "$work/limit" ;;
  esac
done

http() { # wrk arguments…: requests per second, or what went wrong
  wrk -t1 -c"$conns" -d"${secs}s" "$@" 2>&1 | awk '
    /Requests\/sec/ { v = $2 } /Non-2xx/ { bad = "bad:" $NF } /Socket errors/ { sub(/.*errors: /, ""); gsub(/[ ,]+/, "_"); bad = "socket:" $0 }
    END { print bad != "" ? bad : v != "" ? v : "failed" }'
}
figure() { sed -n "s/.*$1=\([0-9.]*\).*/\1/p"; }
run() { # case side round
  local p; p=$(port "$2")
  local u=http://127.0.0.1:$p w=ws://127.0.0.1:$p
  case $1 in
    raw) http "$u/raw" ;;
    mem | kv | kvread | sql) http "$u/o/$1/$1" ;;
    call) http "$u/o/caller/call/callee" ;;
    kv-many) OBJECTS=1000 OP=kv http -s "$here/many.lua" "$u" ;;
    kv-new) OBJECTS=0 OP=kv PREFIX=n$3- http -s "$here/many.lua" "$u" ;;
    ws-echo) "$work/wsload" -url "$w/o/echo%d/ws" -objects 8 -conns 64 -seconds "$secs" | figure messages_per_s ;;
    ws-room) "$work/wsload" -url "$w/o/room/ws" -mode broadcast -conns 200 -seconds "$secs" | figure deliveries_per_s ;;
    ws-idle) "$work/wsload" -url "$w/o/idle$3-%d/ws" -objects 100 -mode idle -conns 5000 -settle 14 -pid "$(listener "$p")" | figure bytes_per_conn ;;
    *) usage ;;
  esac
}
# The median of the lines, or the first line that is no figure: a failed round is not averaged away.
median() { sort -g | awk '$1 !~ /^[0-9.]+$/ { print $1; bad = 1; exit } { a[NR] = $1 } END { if (!bad) print a[int((NR + 1) / 2)] }'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { if (a + 0 && b + 0) printf "%.2f", a / b; else print "-" }'; }

echo "machine   $(nproc) × $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo 2>/dev/null | head -n 1), $(uname -sr), $(go env GOVERSION)"
# How long one durable append takes here binds the cases that write: the mean of 500.
if took=$(LC_ALL=C dd if=/dev/zero of="$work/append" bs=4096 count=500 oflag=dsync 2>&1 | sed -n 's/.* copied, \([0-9.e-]*\) s.*/\1/p'); then
  echo "disk      4 KB append + fdatasync: $(awk -v s="$took" 'BEGIN { printf "%.2f ms", s * 1000 / 500 }')"
fi
echo "load      $rounds rounds of $secs s, $conns connections; reference: ${WORKERD:+$("$WORKERD" --version 2>/dev/null || true)}"
printf '\n%-9s %12s %12s %12s %14s %12s\n' case ours workerd limit ours/workerd ours/limit
IFS=, read -ra list <<<"$cases"
for c in "${list[@]}"; do
  rm -f "$work"/fig.*
  n=$rounds; [[ $c != ws-idle ]] || n=1
  for r in $(seq "$n"); do
    for side in "${order[@]}"; do
      run "$c" "$side" "$r" >>"$work/fig.$side" || echo failed >>"$work/fig.$side"
    done
  done
  for side in ours workerd limit; do [[ -s $work/fig.$side ]] || echo - >"$work/fig.$side"; done
  a=$(median <"$work/fig.ours") b=$(median <"$work/fig.workerd") l=$(median <"$work/fig.limit")
  printf '%-9s %12s %12s %12s %14s %12s\n' "$c" "$a" "$b" "$l" "$(ratio "$a" "$b")" "$(ratio "$a" "$l")"
done
