# aimkit on CPUs: docker build -t aimkit . && docker run --rm -v "$PWD:/data" aimkit predict photo.jpg
# The studio:     docker build -t aimkit-studio --target studio . && docker run --rm -p 7860:7860 aimkit-studio
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

FROM build AS build-studio
RUN uv pip install --no-cache --python /opt/aimkit --torch-backend cpu '.[s3,export,studio]'

FROM python:3.12-slim AS run
ENV PATH=/opt/aimkit/bin:$PATH AIMKIT_HOME=/tmp/aimkit HOME=/tmp
RUN useradd --create-home --uid 1000 aimkit
USER aimkit
WORKDIR /data
ENTRYPOINT ["aimkit"]

FROM run AS studio
COPY --from=build-studio /opt/aimkit /opt/aimkit
EXPOSE 7860
CMD ["studio", "--host", "0.0.0.0", "--port", "7860", "--no-open"]

FROM run
COPY --from=build /opt/aimkit /opt/aimkit
CMD ["--help"]
