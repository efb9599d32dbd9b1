# The service, as small as Python allows: dependencies by hash from ops/docker/requirements.lock, no compiler, no
# pip, not root. Run it with a read-only root file system: it writes nothing but its log to stdout.
#
#   docker build -t contracts .
#   docker run --read-only --cap-drop ALL -e CONTRACTS_KAFKA_BOOTSTRAP_SERVERS=… -e CONTRACTS_MONGO_URI_FILE=… contracts run

FROM python:3.11-slim AS build
# PIP_INDEX_URL and the like, where packages come from a mirror: --build-arg.
ARG PIP_INDEX_URL
ARG PIP_FIND_LINKS
WORKDIR /src
RUN python3 -m venv /venv
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY ops/docker/requirements.lock ops/docker/build.lock ./
RUN /venv/bin/pip install --require-hashes --only-binary :all: -r requirements.lock -r build.lock
COPY pyproject.toml README.md LICENSE ./
COPY consumer consumer
COPY producers producers
COPY schemas schemas
COPY devstack devstack
RUN /venv/bin/pip install --no-deps --no-build-isolation . \
    && /venv/bin/pip uninstall --yes --quiet setuptools pip \
    && find /venv -name __pycache__ -prune -exec rm -rf {} + \
    && python3 -m compileall -q /venv/lib

FROM python:3.11-slim
LABEL org.opencontainers.image.title="contracts" org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin contracts
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 CONTRACTS_HTTP_HOST=0.0.0.0 CONTRACTS_HTTP_PORT=8080 \
    CONTRACTS_API_HOST=0.0.0.0
USER 10001:10001
# Metrics and health; the HTTP API of `contracts serve`.
EXPOSE 8080 8081
# Asks whether the loops turn, never a dependency: a restart would mend none.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python3", "-c", "import os, urllib.request; urllib.request.urlopen(f\"http://127.0.0.1:{os.environ['CONTRACTS_HTTP_PORT']}/healthz\", timeout=4)"]
ENTRYPOINT ["contracts"]
CMD ["run"]
