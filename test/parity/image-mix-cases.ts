// Image mix cases: Mixup, CutMix and erasing on bytes, with their targets and boxes.

import { Region } from "../../assembly/image/contract.js";
import type { Box, MixDraw } from "../../runtime/draw/draw.js";
import { correctedLambda, cutmixBox, mixTargets } from "../../runtime/draw/mix.js";
import type { ImageModule } from "../../runtime/image/image-module.js";
import { mixBatch } from "../../runtime/image/mix-batch.js";
import type { CaseGroup, ParityContext, ParityOutcome } from "./case.js";
import { compare } from "./compare.js";
import { imageModule, numbersOf, tensorOf } from "./image-module.js";

type Corners = [yl: number, yh: number, xl: number, xh: number];

interface Parameter {
  kind: "mixup" | "cutmix";
  lambda: number;
  drawnLambda: number;
  // The fixtures' spelling.
  centreY: number;
  centreX: number;
  box_yl_yh_xl_xh: Corners;
  correctedLambda: number;
}

interface MixCase {
  key: string;
  mode: "batch" | "pair" | "elem";
  lambdaPerSample: number[];
  parameters: Parameter[];
}

interface EraseCase extends Box {
  key: string;
  mode: "pixel" | "random" | "const";
  image: number;
}

interface MixU8 {
  height: number;
  width: number;
  classes: number;
  labelSmoothing: number;
  cases: MixCase[];
  erasing?: { cases: EraseCase[] };
}

function cornersOf({ top, left, height, width }: Box): Corners {
  return [top, top + height, left, left + width];
}

/** Our own box and λ from the drawn numbers; the fixture's serve only for comparison. */
function drawOf(parameter: Parameter, height: number, width: number): MixDraw {
  if (parameter.kind === "mixup") {
    const { lambda } = parameter;
    return { kind: lambda === 1 ? "none" : "mixup", lambda, box: null };
  }
  const box = cutmixBox(height, width, parameter.drawnLambda, parameter.centreY, parameter.centreX);
  return { kind: "cutmix", lambda: correctedLambda(box, height, width), box };
}

function drawsOf({ mode, parameters }: MixCase, count: number, { height, width }: MixU8): MixDraw[] {
  return Array.from({ length: count }, (_, b) => {
    const place = mode === "batch" ? 0 : mode === "elem" ? b : Math.min(b, count - 1 - b);
    return drawOf(parameters[place] as Parameter, height, width);
  });
}

function* mixingCases(context: ParityContext, module: ImageModule, fixture: MixU8): Generator<ParityOutcome> {
  const file = "mix_u8.safetensors";
  const images = tensorOf(context, file, "images");
  const labels = numbersOf(tensorOf(context, file, "labels"));
  const partnerLabels = labels.slice().reverse();
  const [count = 0, size = 0] = images.shape;
  for (const mixCase of fixture.cases) {
    const samples = drawsOf(mixCase, count, fixture);
    const lambdas = samples.map((mix) => mix.lambda);
    const name = `mix_u8/${mixCase.key}`;
    const boxes = mixCase.parameters.flatMap((parameter) => (parameter.kind === "cutmix" ? [parameter] : []));
    const drawn = boxes.map((parameter) => drawOf(parameter, fixture.height, fixture.width).box as Box);
    if (boxes.length > 0)
      yield compare(
        `${name}/boxes`,
        drawn.flatMap(cornersOf),
        boxes.flatMap((parameter) => parameter.box_yl_yh_xl_xh),
        0,
      );
    yield compare(`${name}/lambda`, lambdas, mixCase.lambdaPerSample, 0);
    const expected = numbersOf(tensorOf(context, file, `${mixCase.key}.x`));
    for (const scalar of [false, true]) {
      const pixels = Uint8Array.from(images.data as Uint8Array);
      mixBatch(module, pixels, count, size, { samples }, { scalar });
      yield compare(`${name}/pixels${scalar ? " (scalar)" : ""}`, pixels, expected, 0);
    }
    const { classes, labelSmoothing: smoothing } = fixture;
    const targets = mixTargets({ classes, smoothing, labels, partnerLabels, lambdas });
    yield compare(`${name}/target`, targets, numbersOf(tensorOf(context, file, `${mixCase.key}.target`)), 0);
  }
}

/** The noise is given, so the kernel that turns it into bytes is compared; `const` without noise is the byte 0. */
function* erasingCases(
  context: ParityContext,
  module: ImageModule,
  fixture: MixU8,
): Generator<ParityOutcome> {
  const file = "mix_u8.safetensors";
  const images = tensorOf(context, file, "images");
  const [, height = 0, width = 0] = images.shape;
  const bytes = height * width * 3;
  for (const { key, mode, image, ...box } of fixture.erasing?.cases ?? []) {
    const expected = numbersOf(tensorOf(context, file, `${key}.x`));
    const stored = context.tensors(file).get(`${key}.z`);
    const noise = stored === undefined ? new Float64Array(3).fill(-Infinity) : numbersOf(stored);
    const pixels = module.run(key, (call) => {
      const address = call.reserve(Region.Output, bytes);
      const noiseAddress = call.reserve(Region.Scratch, noise.byteLength);
      call
        .view(Region.Output, bytes)
        .set((images.data as Uint8Array).subarray(image * bytes, (image + 1) * bytes));
      call.view(Region.Scratch, noise.byteLength).set(new Uint8Array(noise.buffer));
      const { top, left, height: rows, width: columns } = box;
      const perValue = mode === "pixel" ? 1 : 0;
      call.exports.fillNoise(address, width, top, left, rows, columns, noiseAddress, perValue);
      return call.take(Region.Output, bytes);
    });
    yield compare(`mix_u8/${key}`, pixels, expected, 0);
  }
}

export const mixU8Cases: CaseGroup = async function* (context) {
  if (!context.has("mix_u8.json") || !context.has("mix_u8.safetensors")) return;
  const module = await imageModule();
  const fixture = context.json<MixU8>("mix_u8.json");
  yield* mixingCases(context, module, fixture);
  yield* erasingCases(context, module, fixture);
};
