// Claims about patches and tokens: every value ends up where the reference puts it.

import { test } from "uvu";
import { assertClose, assertSameBits } from "./compare.js";
import { loadKernels } from "./kernels.js";
import { Random } from "./random.js";
import { referenceAssemble, referencePatchify } from "./reference-tokens.js";

for (const kernels of loadKernels()) {
  test(`${kernels.build}: patchify puts bytes and floats into the order of the convolution's weight`, () => {
    const random = new Random(71);
    for (const [batch, side, patch] of [
      [2, 8, 4],
      [1, 15, 5],
      [2, 6, 6],
      [1, 3, 1],
    ] as const) {
      kernels.reset();
      const values = batch * side * side * 3;
      const pixels = kernels.place(Math.ceil(values / 4));
      for (let i = 0; i < values; i++) pixels.bytes[i] = random.between(0, 255);
      const table = kernels.place(random.normals(3 * 256));
      const patches = kernels.place(values);
      kernels.run("patchifyBytes", { pixels, table, patches, batch, side, patchSize: patch });
      const normalized = (b: number, channel: number, y: number, x: number) =>
        table.values[channel * 256 + pixels.bytes[((b * side + y) * side + x) * 3 + channel]] as number;
      const expected = Float32Array.from(referencePatchify(normalized, batch, side, patch));
      assertSameBits(patches.values, expected, `bytes ${batch}×${side}/${patch}`);

      const image = kernels.place(
        Float32Array.from({ length: values }, (_, i) => {
          const plane = Math.floor(i / (side * side));
          return normalized(Math.floor(plane / 3), plane % 3, Math.floor(i / side) % side, i % side);
        }),
      );
      const again = kernels.place(values);
      kernels.run("patchifyImage", { image, patches: again, batch, side, patchSize: patch });
      assertSameBits(again.values, expected, `floats ${batch}×${side}/${patch}`);
    }
  });

  test(`${kernels.build}: tokens are assembled, positions added, and gradients return to each part`, () => {
    const random = new Random(72);
    for (const [batch, count, width, prefix, uncovered] of [
      [1, 4, 5, ["class"], 0],
      [3, 9, 16, ["class", "distillation"], 0],
      [2, 1, 1, ["class", "distillation"], 0],
      [2, 4, 6, ["class"], 1],
      [3, 4, 5, ["class", "register", "register", "register"], 0],
      [2, 4, 7, ["register", "register"], 2],
      [2, 4, 7, [], 0],
    ] as const) {
      kernels.reset();
      const special = prefix.length;
      const tokens = count + special;
      const positions = tokens - uncovered;
      const roles: readonly string[] = prefix;
      const registers = roles.filter((role) => role === "register").length;
      const patches = kernels.place(random.normals(batch * count * width));
      const place = (role: string, values: number) =>
        roles.includes(role) ? kernels.place(random.normals(values)) : undefined;
      const classToken = place("class", width);
      const distillation = place("distillation", width);
      const registerTokens = place("register", registers * width);
      const position = kernels.place(random.normals(positions * width));
      const y = kernels.place(batch * tokens * width);
      kernels.run("assembleTokens", {
        patches,
        classToken,
        distillationToken: distillation,
        registers: registerTokens,
        position,
        y,
        batch,
        count,
        tokens,
        positions,
        width,
      });
      const rows = [classToken, distillation, registerTokens].flatMap((part) =>
        Array.from(part?.values ?? []),
      );
      const parts = Array.from({ length: special }, (_, t) => rows.slice(t * width, (t + 1) * width));
      const expected = referenceAssemble(patches.values, parts, position.values, batch, width);
      assertClose(y.values, expected, 5e-7, `tokens ${batch}×${count}×${width}`);

      const dy = kernels.place(random.normals(batch * tokens * width));
      const dPatches = kernels.place(batch * count * width);
      const before = random.normals(Math.max(1, registers) * width);
      const start = (role: string, values: number) =>
        roles.includes(role) ? kernels.place(before.slice(0, values)) : undefined;
      const dClass = start("class", width);
      const dDistillation = start("distillation", width);
      const dRegisters = start("register", registers * width);
      const dPosition = kernels.place(new Float32Array(positions * width).fill(1));
      kernels.run("assembleTokensBackward", {
        dy,
        dPatches,
        dClassToken: dClass,
        dDistillationToken: dDistillation,
        dRegisters,
        dPosition,
        batch,
        count,
        tokens,
        positions,
        width,
      });
      const at = (b: number, t: number, d: number) => dy.values[(b * tokens + t) * width + d];
      const overBatch = (t: number, d: number) =>
        Array.from({ length: batch }, (_, b) => at(b, t, d)).reduce((a, b) => a + b, 0);
      let first = 0;
      for (const part of [dClass, dDistillation, dRegisters]) {
        const sums = Array.from(part?.values ?? [], (_, i) => {
          return before[i] + overBatch(first + Math.floor(i / width), i % width);
        });
        assertClose(part?.values ?? [], sums, 1e-6, `prefix token ${first}`);
        first += sums.length / width;
      }
      for (let d = 0; d < width; d++) {
        for (let t = 0; t < positions; t++) {
          const sum = 1 + overBatch(uncovered + t, d);
          assertClose([dPosition.values[t * width + d]], [sum], 1e-6, `position ${t}`);
        }
        for (let i = 0; i < batch * count; i++) {
          const from = at(Math.floor(i / count), special + (i % count), d);
          assertClose([dPatches.values[i * width + d]], [from], 0, `patch ${i}`);
        }
      }
    }
  });

  test(`${kernels.build}: a token is selected, and its gradient is 0 for every other token`, () => {
    const random = new Random(73);
    const [batch, tokens, width] = [3, 5, 7];
    kernels.reset();
    const x = kernels.place(random.normals(batch * tokens * width));
    const first = kernels.place(random.normals(batch * width));
    const second = kernels.place(random.normals(batch * width));
    const y = kernels.place(batch * width);
    const dx = kernels.place(x.length);
    const picked = (token: number) =>
      Float32Array.from({ length: batch * width }, (_, i) => {
        return x.values[(Math.floor(i / width) * tokens + token) * width + (i % width)];
      });
    const scattered = (sources: Record<number, Float32Array>) =>
      Float32Array.from({ length: x.length }, (_, i) => {
        const source = sources[Math.floor(i / width) % tokens];
        return source?.[Math.floor(i / width / tokens) * width + (i % width)] ?? 0;
      });
    for (const token of [0, 1, 4]) {
      kernels.run("selectToken", { x, y, batch, tokens, width, count: 1, token });
      assertSameBits(y.values, picked(token), `token ${token}`);
      kernels.run("selectTokenBackward", { dy: first, dx, batch, tokens, width, count: 1, token });
      assertSameBits(dx.values, scattered({ [token]: first.values }), `gradient of token ${token}`);
    }
    const [token, count] = [2, 3];
    const several = kernels.place(batch * count * width);
    kernels.run("selectToken", { x, y: several, batch, tokens, width, count, token });
    const inRange = (i: number) => Math.floor(i / width) % tokens >= token;
    assertSameBits(
      several.values,
      x.values.filter((_, i) => inRange(i)),
      "tokens 2 to 4",
    );
    kernels.run("selectTokenBackward", { dy: several, dx, batch, tokens, width, count, token });
    assertSameBits(
      dx.values,
      x.values.map((value, i) => (inRange(i) ? value : 0)),
      "gradient of tokens 2 to 4",
    );
    kernels.run("selectTwoTokensBackward", { dyFirst: first, dySecond: second, dx, batch, tokens, width });
    assertSameBits(dx.values, scattered({ 0: first.values, 1: second.values }), "gradients of two tokens");
  });
}

test.run();
