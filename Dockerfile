# The package, its command line and the server of the retriever, as a user without rights:
#     docker build -t pyrag_dsl . && docker run --rm pyrag_dsl
FROM python:3.12-slim AS build
COPY pyproject.toml README.md LICENSE /src/
COPY pyrag_dsl /src/pyrag_dsl
RUN python -m venv /opt/pyrag && /opt/pyrag/bin/pip install --no-cache-dir '/src[serve,otel]'

FROM python:3.12-slim
RUN useradd --create-home pyrag
COPY --from=build /opt/pyrag /opt/pyrag
COPY --chown=pyrag examples /home/pyrag/examples
ENV PATH=/opt/pyrag/bin:$PATH PYTHONUNBUFFERED=1
USER pyrag
WORKDIR /home/pyrag
CMD ["pyrag", "doctor"]
