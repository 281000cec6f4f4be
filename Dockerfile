# CPU image: Debian's LibTorch. Build: docker build -t classifier .
# Run: docker run -v $PWD/data:/app/data -v $PWD/outputs:/app/outputs classifier train data.data_root=data/photos
FROM node:20-bookworm-slim AS cpu
ENV DEBIAN_FRONTEND=noninteractive
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates cmake g++ make libtorch-dev \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY . .
RUN node scripts/setup.mjs
ENTRYPOINT ["node", "packages/classifier/bin/classifier.js"]
CMD ["--help"]

# CUDA image: the LibTorch folder of the CUDA build is given as a build context, so that nothing is downloaded here:
#   docker build --target cuda --build-context libtorch=/path/to/libtorch -t classifier:cuda .
# Not built in this project's own CI, which has no GPU.
FROM nvidia/cuda:12.4.1-cudnn-devel-ubuntu22.04 AS cuda
ENV DEBIAN_FRONTEND=noninteractive
COPY --from=node:20-bookworm-slim /usr/local/bin/node /usr/local/bin/node
COPY --from=node:20-bookworm-slim /usr/local/lib/node_modules /usr/local/lib/node_modules
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm \
  && apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates cmake g++ make \
  && rm -rf /var/lib/apt/lists/*
COPY --from=libtorch / /opt/libtorch
ENV LIBTORCH=/opt/libtorch
WORKDIR /app
COPY . .
RUN node scripts/setup.mjs
ENTRYPOINT ["node", "packages/classifier/bin/classifier.js"]
CMD ["--help"]
