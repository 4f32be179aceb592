// Frozen weights: neither panels packed beforehand nor spans of layers change a bit.

import { test } from "uvu";
import { Activation } from "../../assembly/nn/linear-forms.js";
import { BytecodeWriter } from "../../runtime/executors/wasm/bytecode-writer.js";
import { assertSameBits } from "./compare.js";
import { type Kernels, loadKernels, type Region, write } from "./kernels.js";
import { Random } from "./random.js";

const BLOCKS: [number, number][] = [
  [4, 8],
  [6, 16],
];

/** The panels of weight [n, k]. */
function pack(kernels: Kernels, weight: Region, k: number, n: number): Region {
  const panels = kernels.place(k * 8 * Math.ceil(n / 8));
  kernels.run("packWeight", { weight, panels, k, n });
  return panels;
}

for (const kernels of loadKernels()) {
  for (const [rows, columns] of BLOCKS) {
    const build = `${kernels.build} ${rows} × ${columns}`;

    test(`${build}: a linear layer from panels has the bits of one from its weight`, () => {
      kernels.setBlock(rows, columns);
      const random = new Random(21);
      for (const [m, k, n] of [
        [1, 5, 1],
        [3, 17, 23],
        [13, 769, 11],
        [29, 800, 40],
        [300, 33, 37],
        [7, 385, 480],
      ] as const) {
        for (const activation of [Activation.None, Activation.Gelu]) {
          kernels.reset();
          const x = kernels.place(random.normals(m * k));
          const weight = kernels.place(random.normals(n * k));
          const bias = kernels.place(random.normals(n));
          const residual = kernels.place(random.normals(m * n));
          const plain = kernels.place(m * n);
          const packed = kernels.place(m * n);
          const panels = pack(kernels, weight, k, n);
          const shared = { x, bias, residual, m, k, n, activation };
          kernels.run("linear", { ...shared, weight, y: plain });
          kernels.run("linearPacked", { ...shared, panels, y: packed });
          assertSameBits(packed.values, plain.values, `${m}×${k}×${n}`);
        }
      }
    });

    test(`${build}: a span has the bits of its instructions run one by one`, () => {
      kernels.setBlock(rows, columns);
      const random = new Random(22);
      const [k, n] = [19, 45];
      for (const m of [1, 12, 95, 97, 198, 400]) {
        kernels.reset();
        const x = kernels.place(random.normals(m * k));
        const weight = kernels.place(random.normals(n * k));
        const back = kernels.place(random.normals(k * n));
        const scale = kernels.place(random.normals(k));
        const panels = pack(kernels, weight, k, n);
        const backPanels = pack(kernels, back, n, k);
        const results = [false, true].map((together) => {
          const normed = kernels.place(m * k);
          const mean = kernels.place(m);
          const rstd = kernels.place(m);
          const hidden = kernels.place(m * n);
          const y = kernels.place(m * k);
          const bytecode = new BytecodeWriter();
          const members = () => {
            const norm = { x, weight: scale, bias: scale, y: normed, mean, rstd };
            const first = { x: normed, panels, y: hidden, activation: Activation.Gelu };
            const second = { x: hidden, panels: backPanels, bias: scale, residual: x, y };
            write(bytecode, "layerNorm", { ...norm, rows: m, width: k, epsilon: 1e-6 });
            write(bytecode, "linearPacked", { ...first, m, k, n });
            write(bytecode, "linearPacked", { ...second, m, k: n, n: k, activation: Activation.None });
          };
          if (together) bytecode.span(m, members);
          else members();
          kernels.runWords(bytecode.finish());
          return [normed, mean, rstd, hidden, y];
        });
        const [apart, together] = results as [Region[], Region[]];
        for (const [i, { values }] of apart.entries())
          assertSameBits((together[i] as Region).values, values, `${m} rows, result ${i}`);
      }
    });
  }
}

test.run();
