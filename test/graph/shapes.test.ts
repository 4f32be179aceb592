// Shapes: an operand of the wrong shape is refused when the graph is built, with a message that names it.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { VitrineError } from "../../runtime/errors.js";
import { differentiate } from "../../runtime/graph/autodiff.js";
import { GraphBuilder } from "../../runtime/graph/graph.js";
import { attention } from "../../runtime/graph/operations/attention.js";
import { layerNorm } from "../../runtime/graph/operations/layer-norm.js";
import { linear } from "../../runtime/graph/operations/linear.js";
import { softTargetCrossEntropy } from "../../runtime/graph/operations/losses.js";
import { patchifyBytes, patchifyImage } from "../../runtime/graph/operations/patchify.js";
import { residual } from "../../runtime/graph/operations/residual.js";
import { dot } from "../../runtime/graph/operations/sums.js";
import { assembleTokens, selectToken } from "../../runtime/graph/operations/tokens.js";
import type { DeitConfig } from "../../runtime/models/deit/config.js";
import { deitParameters } from "../../runtime/models/deit/parameters.js";
import { publishedConfig } from "../../runtime/models/families.js";

function expectRefusal(code: string, text: RegExp, build: (graph: GraphBuilder) => void): void {
  try {
    build(new GraphBuilder("test"));
  } catch (error) {
    assert.instance(error, VitrineError);
    assert.is((error as VitrineError).code, code);
    assert.match((error as VitrineError).message, text);
    return;
  }
  assert.unreachable(`nothing was refused, wanted ${text}`);
}

type Builds = [claim: string, text: RegExp, build: (graph: GraphBuilder) => void][];

const REFUSALS: Builds = [
  [
    "linear weight",
    /linear y weight: shape \[4, 6\], wanted \[4, 5\]/,
    (graph) => linear(graph, graph.input("x", [2, 5]), graph.input("w", [4, 6]), undefined, "y"),
  ],
  [
    "linear bias",
    /linear y bias: shape \[3\], wanted \[4\]/,
    (graph) => linear(graph, graph.input("x", [2, 5]), graph.input("w", [4, 5]), graph.input("b", [3]), "y"),
  ],
  [
    "layer norm weight",
    /layerNorm y weight: shape \[4\], wanted \[5\]/,
    (graph) => {
      const parameters = { weight: graph.input("w", [4]), bias: graph.input("b", [5]) };
      layerNorm(graph, graph.input("x", [2, 5]), parameters, 1e-6, "y");
    },
  ],
  [
    "attention heads",
    /width of qkv by 3·heads: 10 is no multiple of 6/,
    (graph) => attention(graph, graph.input("qkv", [1, 4, 10]), 2, "a"),
  ],
  [
    "residual branch",
    /residual y branch: shape \[2, 4\], wanted \[2, 5\]/,
    (graph) => residual(graph, graph.input("x", [2, 5]), graph.input("branch", [2, 4]), undefined, "y"),
  ],
  [
    "residual scale",
    /residual y scale: shape \[5\], wanted \[2\]/,
    (graph) =>
      residual(graph, graph.input("x", [2, 5]), graph.input("branch", [2, 5]), graph.input("s", [5]), "y"),
  ],
  [
    "patch side",
    /image side by patch side: 30 is no multiple of 16/,
    (graph) =>
      patchifyBytes(graph, graph.input("p", [1, 30, 30, 3], "uint8"), graph.input("t", [3, 256]), 16, "p"),
  ],
  [
    "square pixels",
    /pixels: shape \[1, 32, 16, 3\], wanted \[1, 32, 32, 3\]/,
    (graph) =>
      patchifyBytes(graph, graph.input("p", [1, 32, 16, 3], "uint8"), graph.input("t", [3, 256]), 16, "p"),
  ],
  [
    "positions",
    /assembleTokens position: shape \[1, 3, 8\], wanted \[1, 5, 8\]/,
    (graph) =>
      assembleTokens(
        graph,
        graph.input("x", [2, 4, 8]),
        { classToken: graph.input("c", [8]), position: graph.input("p", [1, 3, 8]) },
        "y",
      ),
  ],
  [
    "token number",
    /token 4 of \[2, 4, 8\], allowed 0…3/,
    (graph) => selectToken(graph, graph.input("x", [2, 4, 8]), 4, "y"),
  ],
  [
    "targets",
    /softTargetCrossEntropy second operand: shape \[2, 4\], wanted \[2, 5\]/,
    (graph) => softTargetCrossEntropy(graph, graph.input("z", [2, 5]), graph.input("t", [2, 4])),
  ],
  ["an axis of size 0", /tensor x has shape \[2, 0\]/, (graph) => graph.input("x", [2, 0])],
];

for (const [claim, text, build] of REFUSALS)
  test(`${claim}: a wrong shape is refused by name`, () => expectRefusal("graph/shape", text, build));

test("names of inputs and outputs are unique", () => {
  expectRefusal("graph/name", /two inputs are named x/, (graph) => {
    graph.input("x", [1]);
    graph.input("x", [1]);
  });
  expectRefusal("graph/name", /two outputs are named y/, (graph) => {
    const x = graph.input("x", [1]);
    graph.output("y", x);
    graph.output("y", x);
  });
});

test("a loss without a path to a parameter, and a path without a gradient rule, are refused", () => {
  const options = { parameters: "weights", gradients: "gradients" };
  expectRefusal("graph/no-gradient", /depends on no tensor of store weights/, (graph) => {
    const x = graph.input("x", [3]);
    differentiate(graph, dot(graph, x, x, "loss"), options);
  });
  expectRefusal("graph/no-gradient", /operation patchifyImage has no gradient/, (graph) => {
    const y = patchifyImage(graph, graph.stored("weights", "w", [1, 3, 2, 2]), 2, "y");
    differentiate(graph, dot(graph, y, graph.input("x", graph.shapeOf(y)), "loss"), options);
  });
  expectRefusal("graph/shape", /a loss has one value, w has 3/, (graph) =>
    differentiate(graph, graph.stored("weights", "w", [3]), options),
  );
});

test("sizes that do not divide are refused", () => {
  const config = publishedConfig("deit_tiny_patch16_224") as DeitConfig;
  expectRefusal(
    "model/config",
    /hidden_size is 192; allowed: a multiple of num_attention_heads, which is 5/,
    () => deitParameters({ ...config, heads: 5 }),
  );
  expectRefusal("model/config", /num_hidden_layers is 0/, () => deitParameters({ ...config, depth: 0 }));
});

test.run();
