# Responder as a container: non-root, nothing written but /var/lib/responder and /tmp, so that the root file system
# may be read-only. The steps live in .ci/image.sh, which tests/test_image.py runs in a clean directory.
# The shipped configuration listens on the container's loopback alone; to be reached from outside, mount one over
# /etc/responder/responder.yaml that sets `listen` and `auth`.
ARG BASE=python:3.11-slim

FROM ${BASE} AS build
WORKDIR /src
COPY . .
RUN .ci/image.sh build /opt/responder && .ci/image.sh verify /opt/responder
RUN install -d -m 0750 /state

FROM ${BASE}
COPY --from=build /opt/responder /opt/responder
COPY --from=build --chown=65532:65532 /state /var/lib/responder
COPY config/responder.yaml /etc/responder/responder.yaml
COPY rules /etc/responder/rules
ENV PATH=/opt/responder/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    RESPONDER__RULES=/etc/responder/rules/ \
    RESPONDER__STORAGE=sqlite:////var/lib/responder/responder.db
WORKDIR /var/lib/responder
VOLUME /var/lib/responder
EXPOSE 9095
USER 65532:65532
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9095/-/healthy', timeout=2)"]
ENTRYPOINT ["responder"]
CMD ["serve", "--config", "/etc/responder/responder.yaml"]
