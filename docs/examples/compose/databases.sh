#!/bin/sh
# The PostgreSQL image runs this once. It creates the databases legacy and events, each with its tables.
set -eu
for name in legacy events; do
  createdb -U postgres "$name"
  psql -v ON_ERROR_STOP=1 -U postgres -d "$name" -f "/schema/$name.sql"
done
