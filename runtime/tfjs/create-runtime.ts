// tfjs runtime: on the backend that somebody's tfjs computes with already, whichever it is.

import type { Runtime } from "../create-runtime.js";
import { VitrineError } from "../errors.js";
import { TfjsExecutor } from "../executors/tfjs/executor.js";
import { currentBackend } from "../executors/tfjs/open-backend.js";
import type { Tfjs } from "../executors/tfjs/tfjs.js";
import type { Host } from "../host/host.js";
import { createImageModule } from "../image/image-module.js";

export interface TfjsRuntimeOptions {
  host: Host;
  /** The exports of @tensorflow/tfjs-core or of a package that has them too: @tensorflow/tfjs, tfjs-node. */
  tf: object;
}

/**
 * A runtime on the backend that is current in `tf`: cpu, wasm, webgl, webgpu, tensorflow. In a page `tf` is what the page's
 * bundler made of the package. Throws `device/unavailable` where no backend is ready (`await tf.ready()`).
 */
export async function createTfjsRuntime({ host, tf }: TfjsRuntimeOptions): Promise<Runtime> {
  const backend = currentBackend(tf as Tfjs);
  if (!backend)
    throw new VitrineError(
      "device/unavailable",
      "tfjs has no backend yet: import one and await tf.setBackend(NAME)",
    );
  const image = await createImageModule(host);
  const executor = new TfjsExecutor(`tfjs:${backend.name}`, backend);
  const { description } = executor;
  return { host, executor, image, description, dispose: () => executor.dispose() };
}
