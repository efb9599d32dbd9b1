#!/bin/sh
# A command and its result from the shell:  examples/kcat.sh ACCOUNT
#
# partitioner=murmur2_random puts the key where Java's clients would. Without it the command arrives, too:
# the service sends it on to its home.
set -eu
servers=${CONTRACTS_KAFKA_BOOTSTRAP_SERVERS:-localhost:9092}
prefix=${CONTRACTS_TOPIC_PREFIX:-}
account=$1
id=kcat-$(date +%s)-$$

printf '%s' '{"contract_type": "basic", "requested_by": "ann"}' |
    kcat -P -b "$servers" -t "${prefix}contracts.commands" -k "$account" -X partitioner=murmur2_random \
        -X enable.idempotence=true -H ce_specversion=1.0 -H "ce_id=$id" -H ce_source=/examples/kcat \
        -H ce_type=com.easytrade.contract.create.v1 -H content-type=application/json

# Read the results until ours is among them.
for _ in $(seq 100); do
    kcat -C -b "$servers" -t "${prefix}contracts.command-results" -o beginning -e -q \
        -X isolation.level=read_committed -f '%k %h %s\n' | grep "ce_causationid=$id" && exit
    sleep 0.2
done
echo "no result of $id: is the service running?" >&2
exit 1
