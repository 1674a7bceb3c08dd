# One image for both processes: `slack` and `worker` are its argument. No build step: Node runs the TypeScript as it is.
FROM node:24-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# Install scripts are off: none of the runtime packages needs one.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
 # googleapis carries every Google API; the bot uses a handful. 212 MB become 9.
 && cd node_modules/googleapis/build/src/apis \
 && find . -mindepth 1 -maxdepth 1 -type d ! -name composer ! -name monitoring ! -name cloudresourcemanager ! -name iam -exec rm -rf {} +

FROM node:24-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=packages /app/node_modules ./node_modules
COPY package.json ./
COPY src ./src
COPY commands ./commands
COPY worker ./worker
USER node
STOPSIGNAL SIGTERM
EXPOSE 3000
ENTRYPOINT ["node", "src/main.ts"]
CMD ["start"]
