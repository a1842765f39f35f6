# syntax=docker/dockerfile:1
# The ingress as a container, for those who would rather not hold a Lambda open per request:
# docker build -t pilotlight-ingress . && docker run -p 8000:8000 -e PILOTLIGHT_... pilotlight-ingress
FROM python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b AS libraries
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
RUN python3 -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
WORKDIR /build
COPY pyproject.toml constraints.txt README.md ./
RUN mkdir pilotlight && touch pilotlight/__init__.py \
    && pip install -c constraints.txt ".[http,aws]" \
    && pip uninstall --yes pilotlight

FROM python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin ingress \
    && install -d -o ingress -g ingress /var/lib/pilotlight
COPY --from=libraries /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PILOTLIGHT_MODE=aws \
    PILOTLIGHT_DATA=/var/lib/pilotlight \
    PILOTLIGHT_INGRESS__HOST=0.0.0.0 \
    PILOTLIGHT_INGRESS__PORT=8000
WORKDIR /app
COPY pilotlight pilotlight
COPY workers workers
COPY handlers handlers
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python3", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["python3", "-m", "handlers.ingress"]
