# aimkit on CPUs: docker build -t aimkit . && docker run --rm -v "$PWD:/data" aimkit predict photo.jpg
FROM python:3.12-slim AS build
COPY --from=ghcr.io/astral-sh/uv:0.9 /uv /usr/local/bin/uv
ENV UV_LINK_MODE=copy UV_COMPILE_BYTECODE=0
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY aimkit aimkit
COPY recipes recipes
COPY zoo zoo
RUN uv venv /opt/aimkit \
    && uv pip install --no-cache --python /opt/aimkit --torch-backend cpu '.[s3,export]'

FROM python:3.12-slim
COPY --from=build /opt/aimkit /opt/aimkit
ENV PATH=/opt/aimkit/bin:$PATH AIMKIT_HOME=/tmp/aimkit HOME=/tmp
RUN useradd --create-home --uid 1000 aimkit
USER aimkit
WORKDIR /data
ENTRYPOINT ["aimkit"]
CMD ["--help"]
