// Random for samples: each drawn picture has its own stream of the counter-based generator.

import { Domain } from "../../runtime/draw/domain.js";
import { nodeHost } from "../../runtime/host/node.js";
import { createImageModule } from "../../runtime/image/image-module.js";
import type { RandomFor } from "./sample-set.js";

/** Changing it changes every picture, and with them the figures that the README gives. */
const SEED = 2012_12877;

/** Numbers fetched at a time: enough for one picture. */
const POOL = 8192;

/** A stream per (split, class, index), whatever else is drawn. */
export async function randomForSamples(): Promise<RandomFor> {
  const { math } = await createImageModule(nodeHost());
  return (split, classIndex, index) => {
    const pool = new Float32Array(POOL);
    let taken = POOL;
    let fetched = 0;
    return () => {
      if (taken === POOL) {
        const key = {
          seed: SEED,
          epoch: split === "train" ? 0 : 1,
          index,
          repeat: classIndex * 256 + fetched++,
        };
        math.uniforms(key, Domain.Scene, POOL, pool);
        taken = 0;
      }
      return pool[taken++] as number;
    };
  };
}
