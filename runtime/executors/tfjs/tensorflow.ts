// TensorFlow: the backend of tfjs-node-gpu or tfjs-node, which bind libtensorflow. The way to CUDA.

import { VitrineError } from "../../errors.js";
import { Backend } from "./backend.js";
import { type LoadPackage, reasonOf, TFJS_VERSION } from "./packages.js";
import type { Tfjs } from "./tfjs.js";

/** The first that runs is taken. */
const PACKAGES = ["@tensorflow/tfjs-node-gpu", "@tensorflow/tfjs-node"];

const NEEDS =
  `they need Node 18 to 22 (version ${TFJS_VERSION} calls util.isNullOrUndefined, which Node 23 dropped), and ` +
  "tfjs-node-gpu on Linux CUDA 11.2 with cuDNN 8.1, for libtensorflow 2.9.1";

export async function openTensorflow(device: string, load: LoadPackage): Promise<Backend> {
  const reasons: string[] = [];
  for (const name of PACKAGES) {
    try {
      const tf = (await load(name)) as Tfjs;
      await expectToRun(tf);
      const description = `libtensorflow through ${name}`;
      // The backend is the package's and one for the whole process.
      return new Backend({ tf, name: "tensorflow", description, fusedMultiplyAdd: true, close: () => {} });
    } catch (cause) {
      reasons.push(`${name} ${reasonOf(cause)}`);
    }
  }
  throw new VitrineError(
    "device/unavailable",
    `device ${device}: ${reasons.join("; ")}; ${NEEDS}: npm install ${PACKAGES[0]}@${TFJS_VERSION}, or use --device wasm`,
    { details: { device } },
  );
}

/** One product: on a Node without the functions that it calls the package loads and only then fails. */
async function expectToRun(tf: Tfjs): Promise<void> {
  const before = tf.getBackend();
  if (!(await tf.setBackend("tensorflow"))) throw new Error("its backend does not start");
  const product = tf.tidy(() => tf.matMul(tf.tensor([2], [1, 1]), tf.tensor([3], [1, 1])));
  const [value] = await product.data();
  product.dispose();
  if (before && before !== "tensorflow") await tf.setBackend(before);
  if (value !== 6) throw new Error(`2·3 is ${value}`);
}
