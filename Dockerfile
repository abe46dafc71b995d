# The gateway as it runs in production: `crossgate serve`, with neither Redis nor simulated exchanges in it.
#
#   docker build -t crossgate .
#
# Behind a mirror of its own a firm adds --build-arg PIP_INDEX_URL=… and, for a private authority,
# --secret id=ca,src=FILE --build-arg PIP_CERT=/run/secrets/ca.pem

FROM python:3.11-slim-bookworm AS build
ARG PIP_INDEX_URL
ARG PIP_CERT
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
WORKDIR /src
RUN python -m venv /opt/build && python -m venv --without-pip /opt/crossgate
COPY requirements/build.txt requirements/image.txt requirements/
RUN --mount=type=secret,id=ca,target=/run/secrets/ca.pem \
    /opt/build/bin/pip install --require-hashes -r requirements/build.txt && \
    /opt/build/bin/pip --python /opt/crossgate/bin/python install --require-hashes --only-binary :all: \
      -r requirements/image.txt
COPY pyproject.toml ./
COPY adapters adapters
COPY gateway gateway
RUN /opt/build/bin/pip wheel --no-index --no-deps --no-build-isolation --wheel-dir /opt/wheels . && \
    /opt/build/bin/pip --python /opt/crossgate/bin/python install --no-index --no-deps /opt/wheels/*.whl

FROM python:3.11-slim-bookworm
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="crossgate" \
      org.opencontainers.image.description="One normalized REST and WebSocket API in front of the exchanges a trading firm uses" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# The official image has no bytecode of the standard library, and on a read-only root none could be kept: every start
# would compile it anew. What installs packages has no business in production.
RUN find /usr -depth -path '*/python3*' \
      \( -name pip -o -name 'pip-*' -o -name 'setuptools*' -o -name pkg_resources -o -name wheel -o -name 'wheel-*' \
      -o -name ensurepip \) -exec rm -rf {} + && \
    rm -rf /usr/bin/pip* /usr/local/bin/pip* /usr/local/bin/wheel /usr/share/python-wheels && \
    python -m compileall -q -j 0 -x 'idlelib|lib2to3|turtledemo' "$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')" && \
    useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin crossgate
COPY --from=build /opt/crossgate /opt/crossgate
ENV PATH=/opt/crossgate/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    CROSSGATE_TELEMETRY__COMMIT=${REVISION} \
    CROSSGATE_CONFIG=/etc/crossgate/crossgate.yaml
USER 10001:10001
WORKDIR /
EXPOSE 8080 9090
# For Docker alone: Kubernetes has probes of its own and does not look at this.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f'http://127.0.0.1:{os.environ.get(\"CROSSGATE_SERVER__PORT\", 8080)}/healthz', timeout=2)"]
ENTRYPOINT ["crossgate"]
CMD ["serve"]
