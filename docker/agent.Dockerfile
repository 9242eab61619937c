# The agent's image, from this tree. With a folder `offline` in the context nothing is fetched
# (see test_harness/images/programs.py).
ARG BASE=python:3.12-slim-bookworm

FROM ${BASE} AS requirements
WORKDIR /src
COPY docker/install.sh docker/
COPY pyproject.toml uv.lock offline*/requirements ./
RUN docker/install.sh requirements agent

FROM ${BASE} AS libraries
WORKDIR /src
COPY docker/install.sh docker/
COPY docker/fetch.py offline*/bin bin/
COPY --from=requirements /src/requirements.txt ./
COPY LICENSE offline*/libraries libraries/
RUN docker/install.sh libraries agent

FROM libraries AS program
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY control_plane control_plane
COPY cluster_agent cluster_agent
COPY test_harness test_harness
COPY migrations migrations
COPY LICENSE offline*/program program/
RUN docker/install.sh program agent

FROM ${BASE}
RUN useradd --system --uid 65532 --home-dir /var/lib/tidegate-agent --create-home tidegate
COPY --from=libraries /opt/tidegate /opt/tidegate
COPY --from=program /out /
ENV PATH=/opt/tidegate/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 65532:65532
ENTRYPOINT ["tidegate-agent"]
CMD ["run"]
