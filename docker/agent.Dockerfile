# The agent's image, from this tree. With a folder `wheelhouse` in the context nothing is fetched (see test_harness/images/programs.py).
ARG BASE=python:3.12-slim-bookworm

FROM ${BASE} AS build
WORKDIR /src
COPY . .
RUN docker/install.sh agent

FROM ${BASE}
RUN useradd --system --uid 65532 --home-dir /var/lib/tidegate-agent --create-home tidegate
COPY --from=build /opt/tidegate /opt/tidegate
ENV PATH=/opt/tidegate/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 65532:65532
ENTRYPOINT ["tidegate-agent"]
CMD ["run"]
