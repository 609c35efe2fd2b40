# Three stages: everything to build the bundle, the few packages the bundle does not hold, and the image itself.
FROM node:24-bookworm-slim@sha256:6f7b03f7c2c8e2e784dcf9295400527b9b1270fd37b7e9a7285cf83b6951452d AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --no-audit
COPY scripts ./scripts
COPY src ./src
RUN npm run build

# dist holds every dependency but lmdb and ioredis (see scripts/build.mjs): install what the lockfile says, then drop all
# that the service does not read.
FROM node:24-bookworm-slim@sha256:6f7b03f7c2c8e2e784dcf9295400527b9b1270fd37b7e9a7285cf83b6951452d AS production
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY scripts/slim.mjs ./scripts/
RUN npm ci --omit=dev --ignore-scripts --no-audit \
 && node scripts/slim.mjs

FROM node:24-bookworm-slim@sha256:6f7b03f7c2c8e2e784dcf9295400527b9b1270fd37b7e9a7285cf83b6951452d
LABEL org.opencontainers.image.title="Handstamp" \
      org.opencontainers.image.description="A standalone auth service: runs the provider's login and issues a signed JWT with the user's verified email" \
      org.opencontainers.image.licenses="MIT"
WORKDIR /app
COPY --from=production /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY package.json openapi.yaml LICENSE ./
# A volume that is mounted here for the first time takes over this owner and mode.
RUN install -d -m 0700 -o 65532 -g 65532 /data \
 && ln -s /app/dist/server.js /usr/local/bin/handstamp
# Almost everything a request allocates is short-lived: room for more of it takes memory and saves nothing.
ENV NODE_ENV=production \
    NODE_OPTIONS=--max-semi-space-size=8 \
    HOST=0.0.0.0 \
    PORT=3000 \
    DATA_DIR=/data
VOLUME /data
EXPOSE 3000
USER 65532:65532
HEALTHCHECK --interval=10s --timeout=5s --start-period=15s --retries=3 CMD ["node", "/app/dist/server.js", "healthcheck"]
ENTRYPOINT ["node", "/app/dist/server.js"]
