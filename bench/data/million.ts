// A million images of the data bench: their index, and processes that open it. `node million.js write INDEX` draws an index
// of images that do not exist, with names as ImageNet's. `node million.js open INDEX` opens it, and `serve` starts a data
// server with it: each sends the milliseconds that took, and the most memory that it has had, to its parent.

import { writeFileSync } from "node:fs";
import { startDataServer } from "../../server/data/data-server.js";
import { fingerprintOf } from "../../server/data/fingerprint.js";
import { indexParts } from "../../server/data/index-file.js";
import { openDataset } from "../../server/data/open-dataset.js";
import { TableBuilder } from "../../server/data/sample-table.js";

const SAMPLES = 1_000_000;
const PER_CLASS = 1_000;

function write(path: string): void {
  const table = new TableBuilder();
  const labels = new Int32Array(SAMPLES);
  const classes = Array.from(
    { length: SAMPLES / PER_CLASS },
    (_, index) => `n${String(1_440_764 + 7 * index).padStart(8, "0")}`,
  );
  for (let i = 0; i < SAMPLES; i++) {
    labels[i] = Math.floor(i / PER_CLASS);
    const folder = classes[labels[i]];
    table.add(`${folder}/${folder}_${(i % PER_CLASS) * 7}.JPEG`, 90_000 + ((i * 7919) % 60_000), 1.7e12 + i);
  }
  const listing = {
    root: ".",
    table: table.finish(),
    labels,
    classes,
    otherFiles: 0,
    otherKinds: "",
    leftOut: "",
  };
  const dataset = { ...listing, path, samples: SAMPLES, fingerprint: fingerprintOf(listing) };
  writeFileSync(path, Buffer.concat(indexParts(dataset, path)));
}

async function open(path: string): Promise<void> {
  const { samples } = await openDataset(path);
  if (samples !== SAMPLES) throw new Error(`${samples} samples`);
}

async function serve(path: string): Promise<void> {
  const options = { listen: "127.0.0.1:0", workers: 1, badSamples: "fail" } as const;
  await startDataServer({ data: path, ...options });
}

const [mode, path] = process.argv.slice(2);
if (mode === "write") write(path);
else {
  const start = performance.now();
  await (mode === "open" ? open : serve)(path);
  // Kibibytes.
  const { maxRSS } = process.resourceUsage();
  process.send?.({ milliseconds: performance.now() - start, megabytes: (maxRSS * 1024) / 1e6 });
  setImmediate(() => process.exit());
}
