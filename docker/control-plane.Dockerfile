# The control plane's image, from this tree: web, workers and beat are the same image with another command.
# With a folder `offline` in the context nothing is fetched (see test_harness/images/programs.py).
ARG BASE=python:3.12-slim-bookworm

FROM ${BASE} AS requirements
WORKDIR /src
COPY docker/install.sh docker/
COPY pyproject.toml uv.lock offline*/requirements ./
RUN docker/install.sh requirements control-plane harness

FROM ${BASE} AS libraries
WORKDIR /src
COPY docker/install.sh docker/
COPY docker/fetch.py offline*/bin bin/
COPY --from=requirements /src/requirements.txt ./
COPY LICENSE offline*/libraries libraries/
RUN docker/install.sh libraries control-plane harness

FROM libraries AS program
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY control_plane control_plane
COPY cluster_agent cluster_agent
COPY test_harness test_harness
COPY migrations migrations
COPY LICENSE offline*/program program/
RUN docker/install.sh program control-plane

FROM ${BASE}
# git over SSH
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends openssh-client \
 && rm -rf /var/lib/apt/lists /var/cache/apt /usr/share/doc/openssh-client
RUN useradd --system --uid 65532 --home-dir /var/lib/tidegate --create-home tidegate \
 && install -d -o tidegate -g tidegate -m 700 /var/lib/tidegate/data /var/lib/tidegate/data/tuf /var/lib/tidegate/data/evidence \
    /var/lib/tidegate/sealing /var/lib/tidegate/cache
COPY --from=libraries /opt/tidegate /opt/tidegate
COPY --from=program /out /
ENV PATH=/opt/tidegate/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOME=/var/lib/tidegate \
    TIDEGATE_DATA_DIR=/var/lib/tidegate/data TIDEGATE_CACHE_DIR=/var/lib/tidegate/cache TIDEGATE_LOG_FORMAT=json
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["tidegate"]
CMD ["up", "--host", "0.0.0.0"]
