// Data messages: recipes, seeds and errors survive the wire.

import { Metadata, status } from "@grpc/grpc-js";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { streamBatchesMethod } from "../../proto/data-service.js";
import { fromStatus, toStatus } from "../../proto/error-metadata.js";
import { MAX_UINT32 } from "../../proto/limits.js";
import { fromRecipeMessage, toRecipeMessage } from "../../proto/recipe-codec.js";
import { type AugmentationRecipe, DEIT_RECIPE } from "../../runtime/draw/recipe.js";
import { isVitrineError, VitrineError } from "../../runtime/errors.js";

function overTheWire(recipe: AugmentationRecipe): AugmentationRecipe {
  const request = { open: { recipe: toRecipeMessage(recipe) } };
  const { open } = streamBatchesMethod.requestDeserialize(streamBatchesMethod.requestSerialize(request));
  return fromRecipeMessage(open?.recipe ?? {});
}

test("a recipe arrives as it was sent, null and zero included", () => {
  const other: AugmentationRecipe = {
    ...DEIT_RECIPE,
    ...{ size: 96, scale: [0.3, 0.9], ratio: [1, 1], flip: 0, autoAugment: null, colorJitter: 0.4 },
    ...{ interpolation: "random" },
    ...{ eraseProbability: 0, eraseMode: "const", eraseCount: 3, mixup: 0, cutmix: 0, repeats: 3 },
    ...{ cutmixMinmax: [0.2, 0.7], mixProbability: 0.1, mixSwitchProbability: 0, mixMode: "elem" },
  };
  assert.equal(overTheWire(DEIT_RECIPE), DEIT_RECIPE);
  assert.equal(overTheWire(other), other);
});

test("a mode that this version does not know is refused by its field", () => {
  const later = { ...toRecipeMessage(DEIT_RECIPE), ...JSON.parse('{"mixMode": 9}') };
  assert.throws(
    () => fromRecipeMessage(later),
    (error: unknown) => isVitrineError(error) && /mix_mode got 9/.test(error.message),
  );
});

test("64-bit seeds arrive as exact numbers", () => {
  for (const seed of [0, 1, 2 ** 32, 2 ** 53 - 1]) {
    const request = { open: { seed, creditBytes: MAX_UINT32 } };
    const { open } = streamBatchesMethod.requestDeserialize(streamBatchesMethod.requestSerialize(request));
    assert.is(open?.seed, seed);
    assert.is(open?.creditBytes, MAX_UINT32);
  }
});

test("an error of ours is rebuilt from its status, a foreign one is not invented", () => {
  const error = new VitrineError("jpeg/truncated", "Löwe/猫.jpg: ends early", {
    details: { file: "Löwe/猫.jpg", offset: 12 },
  });
  const sent = toStatus(error, status.DATA_LOSS);
  const rebuilt = fromStatus({ metadata: sent.metadata });
  assert.is(rebuilt?.code, error.code);
  assert.is(rebuilt?.message, error.message);
  assert.equal(rebuilt?.details, error.details);
  assert.is(fromStatus({ metadata: new Metadata() }), null);
  assert.is(fromStatus({}), null);
});

test.run();
