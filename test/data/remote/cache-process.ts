// Cache process: reads ranges through a cache that other processes use at the same time; status 1 if a byte is wrong.

import { SMALLEST_CACHE } from "../../../server/data/remote/cache-ledger.js";
import { SEGMENT_BYTES } from "../../../server/data/remote/segment-file.js";
import { ShardCache } from "../../../server/data/remote/shard-cache.js";
import { bytesAt } from "./virtual-object.js";

const [folder, seed] = process.argv.slice(2);
const version = { bytes: 3 * SEGMENT_BYTES - 1000, etag: '"1"' };
const cache = await ShardCache.open({ folder, bytes: SMALLEST_CACHE }, (text) => console.log(text));
let wrong = 0;
for (let i = 0; i < 400; i++) {
  const range = { offset: (i * 7_919_777 + Number(seed)) % (SEGMENT_BYTES - 110_000), length: 110_000 };
  const bytes = await cache.read("https://host/shard.tar", version, range, async (part) => bytesAt(part));
  if (!bytesAt(range).equals(bytes)) wrong++;
}
await cache.close();
process.exit(wrong > 0 || cache.counts.damagedBlocks > 0 ? 1 : 0);
