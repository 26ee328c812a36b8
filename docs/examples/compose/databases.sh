#!/bin/sh
# The PostgreSQL image runs this once. It creates the role of crosscheck, and the databases legacy and events, each with
# its tables and grants.
set -eu
psql -v ON_ERROR_STOP=1 -U postgres -f /schema/role.sql
for name in legacy events; do
  createdb -U postgres "$name"
  psql -v ON_ERROR_STOP=1 -U postgres -d "$name" -f "/schema/$name.sql"
done
