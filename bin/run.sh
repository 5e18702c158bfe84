#!/usr/bin/env bash
# Sets up what is missing, then is `sconce train`: bin/run.sh CONFIG [a.b=value ...]
set -euo pipefail
self=${BASH_SOURCE[0]}
while [ -L "$self" ]; do
  link=$(readlink "$self")
  case $link in /*) self=$link ;; *) self=$(dirname "$self")/$link ;; esac
done
root=$(cd "$(dirname "$self")/.." && pwd)
if ! command -v node >/dev/null; then
  echo "run.sh: node must be on the PATH. Install Node 20.19 or newer from nodejs.org, or with nvm: nvm install 22" >&2
  exit 1
fi
node "$root/tools/setup.mjs"
exec node "$root/bin/sconce" train "$@"
