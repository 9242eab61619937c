# The control plane's image, from this tree: web, worker and beat are the same image with another command.
ARG BASE=python:3.12-slim-bookworm

FROM ${BASE} AS build
WORKDIR /src
COPY . .
RUN docker/install.sh control-plane harness

FROM ${BASE}
RUN useradd --system --uid 65532 --home-dir /var/lib/tidegate --create-home tidegate
COPY --from=build /opt/tidegate /opt/tidegate
ENV PATH=/opt/tidegate/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    TIDEGATE_DATA_DIR=/var/lib/tidegate/data TIDEGATE_CACHE_DIR=/var/lib/tidegate/cache TIDEGATE_LOG_FORMAT=json
RUN mkdir -p /var/lib/tidegate/data /var/lib/tidegate/cache && chown -R 65532:65532 /var/lib/tidegate
USER 65532:65532
ENTRYPOINT ["tidegate"]
CMD ["up", "--host", "0.0.0.0"]
