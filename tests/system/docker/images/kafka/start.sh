#!/bin/bash
# Like the official image: KAFKA_LOG_DIRS in the environment is log.dirs in the properties.
set -e
config=/tmp/server.properties
env | grep '^KAFKA_' | while IFS='=' read -r name value; do
    name=${name#KAFKA_}
    echo "$(echo "$name" | tr '[:upper:]_' '[:lower:].')=$value"
done >"$config"
run() { java -Xmx512m -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp '/opt/kafka/libs/*' "$@"; }
data=${KAFKA_LOG_DIRS:-/var/lib/kafka/data}
[ -e "$data/meta.properties" ] || run kafka.tools.StorageTool format -t "$(run kafka.tools.StorageTool random-uuid)" -c "$config"
exec java -Xmx512m -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp '/opt/kafka/libs/*' kafka.Kafka "$config"
