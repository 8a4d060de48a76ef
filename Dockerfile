# A study in a container: docs/docker.md. PyTorch's package from PyPI brings CUDA itself, so the same image
# serves a processor and, with the NVIDIA runtime, a GPU; another base needs Python and apt-get.
ARG BASE=python:3.11-slim-bookworm
FROM ${BASE}
WORKDIR /opt/study
# What `make study` installs, and nothing for the tests.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends \
      libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-liberation dataset-fashion-mnist \
 && rm -rf /var/lib/apt/lists/*
COPY requirements.txt requirements.lock ./
RUN python -m pip install --no-cache-dir -r requirements.txt -c requirements.lock
COPY pyproject.toml README.md LICENSE run_study.py ./
COPY study study
RUN python -m pip install --no-cache-dir --no-deps .
# The study writes into /work only, as a user without rights.
RUN useradd --create-home --uid 1000 student && mkdir /work && chown student /work
USER student
WORKDIR /work
VOLUME /work
ENTRYPOINT ["pretraining-study"]
CMD ["--help"]
