#!/bin/bash
# Stands in for Kafka's own tool, whose jar is not among the broker's: --bootstrap-server HOST:PORT must listen.
exec 3<>"/dev/tcp/${2%:*}/${2#*:}"
