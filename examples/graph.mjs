// A graph built by hand, planned and run: how sharp photographs are, as the mean of |Laplacian| over pixels and colors.
// node examples/graph.mjs photo.jpg …

import { readFile } from "node:fs/promises";
import { evaluationInput } from "vitrine/image";
import {
  conv2d,
  createRuntime,
  GraphBuilder,
  globalAveragePool,
  linear,
  nodeHost,
  planProgram,
  relu,
} from "vitrine/runtime";

const SIZE = 224;
const LAPLACIAN = [0, 1, 0, 1, -4, 1, 0, 1, 0];
const photos = process.argv.slice(2);
const runtime = await createRuntime({ host: nodeHost() });

// |v| = relu(v) + relu(−v): one convolution with an output for each sign, both outputs averaged and added.
const graph = new GraphBuilder("sharpness");
const image = graph.input("image", [photos.length, SIZE, SIZE, 3]);
const filters = graph.stored("weights", "filters", [2, 3, 3, 3]);
const edges = relu(graph, conv2d(graph, image, filters, undefined, {}, "laplacian"), "both signs");
const sum = graph.stored("weights", "sum", [1, 2]);
graph.output(
  "sharpness",
  linear(graph, globalAveragePool(graph, edges, "means"), sum, undefined, "sharpness"),
);
const program = planProgram(graph, runtime.executor.capabilities);

const weights = runtime.executor.createStore(
  new Map([
    ["filters", 54],
    ["sum", 2],
  ]),
);
weights.write(
  "filters",
  Float32Array.from([1, -1].flatMap((sign) => LAPLACIAN.flatMap((v) => Array(3).fill((sign * v) / 3)))),
);
weights.write("sum", Float32Array.of(1, 1));
const executable = await runtime.executor.compile(program, new Map([["weights", weights]]));

const pixels = new Float32Array(photos.length * SIZE * SIZE * 3);
for (const [i, photo] of photos.entries()) {
  const bytes = evaluationInput(runtime.image, await readFile(photo), { size: SIZE, name: photo });
  pixels.set(bytes, i * bytes.length);
}
const { sharpness } = await executable.run({ image: pixels });
for (const [i, photo] of photos.entries()) console.log(`${photo}: ${sharpness[i].toFixed(2)}`);
await runtime.dispose();
