# shellcheck shell=bash
# What scripts/demo and scripts/practice share. To be sourced.

# utc SECONDS: a Unix time as Urna writes times.
utc() { date -u -d "@$1" +%Y-%m-%dT%H:%M:%SZ; }

# start_server PROGRAM CONFIG LISTEN HTTP OUT LOG: starts a server in the background; sets server_pid,
# URNA_SERVER to where it listens, and URNA_HTTP to where it is read over HTTP unless HTTP is "no".
# Fails if it does not come to listen.
start_server() {
  local program=$1 config=$2 listen=$3 http=$4 out=$5 log=$6 port=''
  : >"$out"  # at once: what an earlier server said is no answer
  "$program" run --config "$config" --listen "$listen" --http-listen "$http" >"$out" 2>>"$log" &
  server_pid=$!
  for _ in $(seq 300); do
    port=$(sed -n 's/^listening on .*://p' "$out")
    [ -z "$port" ] || break
    kill -0 "$server_pid" 2>/dev/null || { echo "the server ended at once; see $log" >&2; return 1; }
    sleep 0.1
  done
  [ -n "$port" ] || { echo "the server does not say where it listens; see $log" >&2; return 1; }
  export URNA_SERVER="localhost:$port"
  [ "$http" = no ] || URNA_HTTP="https://localhost:$(sed -n 's/^ledgers at .*://p' "$out")"
  export URNA_HTTP
}

# wait_for_cosignature NAME POLL CERTIFICATE SECONDS: until the witness cosigned what is published.
wait_for_cosignature() {
  local name=$1 poll=$2 certificate=$3 last=$((SECONDS + $4))
  until curl --silent --fail --cacert "$certificate" "$URNA_HTTP/$poll/checkpoint" | grep -qF -- "— $name "; do
    [ $SECONDS -lt "$last" ] || { echo "the witness $name did not cosign in $4 s" >&2; return 1; }
    sleep 0.1
  done
}

# wait_for_poll URNA POLL WORDS SECONDS: until the server says that the poll is in the phase, or
# waits for, WORDS.
wait_for_poll() {
  local urna=$1 poll=$2 words=$3 last=$((SECONDS + $4))
  until "$urna" --json poll status --quick --poll "$poll" |
    jq -e --arg w "$words" '[.phase, .waiting_for[]] | any(contains($w))' >/dev/null; do
    [ $SECONDS -lt "$last" ] || { echo "the poll did not come to \"$words\" in $4 s" >&2; return 1; }
    sleep 0.2
  done
}
