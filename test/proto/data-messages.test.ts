// Data messages: recipes and seeds survive the wire.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { MAX_CREDIT_BYTES } from "../../proto/credits.js";
import { fromRecipeMessage, toRecipeMessage } from "../../proto/recipe-codec.js";
import { DATA_SERVICE, type DescribeResponse, type OpenRequest } from "../../proto/services.js";
import { type AugmentationRecipe, DEIT_RECIPE } from "../../runtime/draw/recipe.js";
import { isVitrineError } from "../../runtime/errors.js";

const { requestSerialize, requestDeserialize } = DATA_SERVICE.StreamBatches;

function overTheWire(open: OpenRequest): OpenRequest {
  return requestDeserialize(requestSerialize({ open })).open ?? {};
}

function recipeOverTheWire(recipe: AugmentationRecipe): AugmentationRecipe {
  return fromRecipeMessage(overTheWire({ recipe: toRecipeMessage(recipe) }).recipe ?? {});
}

test("a recipe arrives as it was sent, null and zero included", () => {
  const other: AugmentationRecipe = {
    size: 96,
    simpleCrop: true,
    scale: [0.3, 0.9],
    ratio: [1, 1],
    flip: 0,
    interpolation: "random",
    autoAugment: null,
    colorJitter: 0.4,
    eraseProbability: 0,
    eraseMode: "const",
    eraseCount: 3,
    mixup: 0,
    cutmix: 0,
    cutmixMinmax: [0.2, 0.7],
    mixProbability: 0.1,
    mixSwitchProbability: 0,
    mixMode: "elem",
    mixOffEpoch: 7,
    repeats: 3,
    shuffleWindow: 65_536,
  };
  assert.equal(recipeOverTheWire(DEIT_RECIPE), DEIT_RECIPE);
  assert.equal(recipeOverTheWire(other), other);
});

test("a mode unknown to this version is refused with its field", () => {
  const later = { ...toRecipeMessage(DEIT_RECIPE), ...JSON.parse('{"mixMode": 9}') };
  assert.throws(
    () => fromRecipeMessage(later),
    (error: unknown) => isVitrineError(error) && /mix_mode got 9/.test(error.message),
  );
});

test("a description arrives with its counts, and without them from servers that send none", () => {
  const { responseSerialize, responseDeserialize } = DATA_SERVICE.Describe;
  const over = (response: DescribeResponse) => responseDeserialize(responseSerialize(response));
  const described = { fingerprint: "f", samples: 3, classes: ["a", "b"], instance: "1" };
  assert.equal(over({ ...described, counts: [1, 2] }).counts, [1, 2]);
  assert.equal(over(described).counts, []);
});

test("64-bit seeds arrive as exact numbers", () => {
  for (const seed of [0, 1, 2 ** 32, 2 ** 53 - 1]) {
    const open = overTheWire({ seed, creditBytes: MAX_CREDIT_BYTES });
    assert.is(open.seed, seed);
    assert.is(open.creditBytes, MAX_CREDIT_BYTES);
  }
});

test.run();
