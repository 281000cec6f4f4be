# Two images; the CPU one is what `docker build` makes by itself. Neither is built in this project's own CI.
#   docker build -t classifier .
#   docker run --rm -v "$PWD/photos:/app/photos" -v "$PWD/outputs:/app/outputs" -v "$PWD/checkpoints:/app/checkpoints" \
#     classifier train data.data_root=photos transforms=default model.pretrained=false logging=none
# The CUDA image takes the unpacked LibTorch of the CUDA build as a build context, so that nothing is downloaded here:
#   docker build --target cuda --build-context libtorch=/path/to/libtorch -t classifier:cuda .
#   docker run --rm --gpus all ... classifier:cuda train ...

FROM nvidia/cuda:12.4.1-cudnn-devel-ubuntu22.04 AS cuda
ENV DEBIAN_FRONTEND=noninteractive
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates cmake g++ make \
  && rm -rf /var/lib/apt/lists/*
COPY --from=node:20-bookworm-slim /usr/local/bin/node /usr/local/bin/node
COPY --from=node:20-bookworm-slim /usr/local/lib/node_modules /usr/local/lib/node_modules
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm \
  && ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx
COPY --from=libtorch / /opt/libtorch
ENV LIBTORCH=/opt/libtorch
WORKDIR /app
COPY . .
RUN node scripts/setup.mjs
ENTRYPOINT ["node", "packages/classifier/bin/classifier.js"]
CMD ["--help"]

FROM node:20-bookworm-slim AS cpu
ENV DEBIAN_FRONTEND=noninteractive
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates cmake g++ make libgloo-dev libtorch-dev \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY . .
RUN node scripts/setup.mjs
ENTRYPOINT ["node", "packages/classifier/bin/classifier.js"]
CMD ["--help"]
