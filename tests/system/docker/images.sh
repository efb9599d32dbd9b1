#!/usr/bin/env bash
# Makes the images of docker-compose.yml that cannot be pulled, from Debian packages, under their official names.
# Needs root, debootstrap, and Kafka's jars in the devstack's cache. Does nothing for images that are there.
set -euo pipefail
cd "$(dirname "$0")/../.."
have() { docker image inspect "$1" >/dev/null 2>&1; }

debian() {  # debian NAME PACKAGES: an image of a minimal Debian with these packages and this machine's authorities
    local root
    root=$(mktemp -d)
    debootstrap --variant=minbase --include="$2" bookworm "$root" >/dev/null
    rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
    mkdir -p "$root/etc/ssl/certs"
    cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
    tar -C "$root" -c . | docker import --change "ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt" - "$1" >/dev/null
    rm -rf "$root"
}

have python:3.11-slim || debian python:3.11-slim python3,python3-venv,ca-certificates
have secantus:local || docker build -q --network host -t secantus:local tests/system/docker/images/mongo

if ! have apache/kafka:4.1.0; then
    have debian-java:local || debian debian-java:local openjdk-17-jre-headless,ca-certificates
    context=$(mktemp -d)
    cp tests/system/docker/images/kafka/* "$context"
    cp -rL "$(.venv/bin/python -c 'from devstack.jars import kafka_jars; print(kafka_jars("4.1.0"))')" "$context/libs"
    docker build -q -t apache/kafka:4.1.0 "$context"
    rm -rf "$context"
fi

if ! have prom/prometheus:v3.5.0; then
    have debian-prometheus:local || debian debian-prometheus:local prometheus,wget
    docker build -q -t prom/prometheus:v3.5.0 tests/system/docker/images/prometheus
fi
