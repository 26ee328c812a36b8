#!/bin/bash
# Creates the topic and publishes messages.txt, unless the topic exists. Each line is a key and a JSON text.
set -euo pipefail
broker=kafka:9092
cd /opt/kafka/bin
topics=$(./kafka-topics.sh --bootstrap-server "$broker" --list)
if grep -qx orders <<<"$topics"; then exit 0; fi
./kafka-topics.sh --bootstrap-server "$broker" --create --topic orders --partitions 3 --replication-factor 1
./kafka-console-producer.sh --bootstrap-server "$broker" --topic orders \
  --property parse.key=true --property key.separator='|' </messages.txt
