// Object process: a web server that answers ranges of one file after a latency; its parent is told the port.

import { openSync, readSync, statSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

const [path, latencyMs] = process.argv.slice(2);
const { size } = statSync(path);
const file = openSync(path, "r");

const server = createServer((request, response) => {
  const head = { etag: '"1"', "accept-ranges": "bytes" };
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? [];
  setTimeout(() => {
    if (first === undefined) {
      response.writeHead(200, { ...head, "content-length": size });
      response.end();
      return;
    }
    const length = Number(last) - Number(first) + 1;
    const bytes = Buffer.allocUnsafe(length);
    readSync(file, bytes, 0, length, Number(first));
    response.writeHead(206, {
      ...head,
      "content-length": length,
      "content-range": `bytes ${first}-${last}/${size}`,
    });
    response.end(bytes);
  }, Number(latencyMs));
});
server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));
process.on("disconnect", () => process.exit());
