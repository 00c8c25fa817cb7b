#!/bin/sh
# Makes the secrets of docker-compose.yml that are not there yet: 64 random hexadecimal digits each. Prints none.
set -eu
cd "$(dirname "$0")"
# The directory keeps others out. The files are for the user of the containers, which gets them one by one.
mkdir -p secrets
chmod 700 secrets
for name in client_secret gateway_token admin_token metrics_token grafana_password; do
  [ -s "secrets/$name" ] && continue
  od -An -N32 -v -tx1 /dev/urandom | tr -d ' \n' >"secrets/$name.new"
  chmod 444 "secrets/$name.new"
  mv "secrets/$name.new" "secrets/$name"
  echo "made secrets/$name"
done
