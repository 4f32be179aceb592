// Image draw cases: λ, boxes and targets of Mixup and CutMix, drop rates, repeated augmentation.

import { dropPathRates } from "../../runtime/draw/drop-path.js";
import { correctedLambda, cutmixBox, mixTargets } from "../../runtime/draw/mix.js";
import { placesOfReplica } from "../../runtime/draw/order.js";
import type { CaseGroup } from "./case.js";
import { compare } from "./compare.js";
import { numbersOf, tensorOf } from "./image-module.js";

type Corners = [yl: number, yh: number, xl: number, xh: number];

interface MixingCase {
  key: string;
  mode: "batch" | "pair" | "elem";
  drawn: [number, boolean] | [number[], boolean[]];
  boxes_yl_yh_xl_xh: Corners[];
}

/**
 * λ of each sample's target. Boxes are listed only where one was drawn: not for Mixup, nor where λ is 1. timm keeps the
 * λ of pair and elem mode in a float32 array.
 */
function lambdasOf({ mode, drawn, boxes_yl_yh_xl_xh }: MixingCase, batch: number, area: number): number[] {
  const [lambdas, flags] = drawn;
  const boxes = boxes_yl_yh_xl_xh.values();
  const draw = (place: number): number => {
    const lambda = Array.isArray(lambdas) ? (lambdas[place] as number) : lambdas;
    const cuts = Array.isArray(flags) ? flags[place] : flags;
    if (lambda === 1 || !cuts) return lambda;
    const [yl, yh, xl, xh] = boxes.next().value as Corners;
    return 1 - ((yh - yl) * (xh - xl)) / area;
  };
  if (mode === "batch") return new Array<number>(batch).fill(draw(0));
  const count = mode === "pair" ? batch / 2 : batch;
  const first = Array.from({ length: count }, (_, place) => Math.fround(draw(place)));
  return mode === "pair" ? [...first, ...first.toReversed()] : first;
}

export const mixTargetCases: CaseGroup = async function* (context) {
  const file = "mixup_cutmix.safetensors";
  if (!context.has(file) || !context.has("mixup_cutmix.json")) return;
  const labels = numbersOf(tensorOf(context, file, "labels"));
  const partnerLabels = labels.slice().reverse();
  const side = context.json<{ image_size: number }>("config.json").image_size;
  for (const mixing of context.json<MixingCase[]>("mixup_cutmix.json")) {
    const name = `${mixing.key}.target`;
    const expected = tensorOf(context, file, name);
    const classes = expected.shape[1] as number;
    const lambdas = lambdasOf(mixing, labels.length, side * side);
    const targets = mixTargets({ classes, smoothing: 0.1, labels, partnerLabels, lambdas });
    yield compare(`mixup_cutmix/${name}`, targets, numbersOf(expected), context.tolerance(file, name, 2));
  }
};

interface BoxCase {
  height: number;
  width: number;
  lam: number;
  cy: number;
  cx: number;
  box_yl_yh_xl_xh: Corners;
  corrected_lam: number;
}

export const cutmixBoxCases: CaseGroup = async function* (context) {
  if (!context.has("cutmix_boxes.json")) return;
  for (const [i, { height, width, lam, cy, cx, ...expected }] of context
    .json<BoxCase[]>("cutmix_boxes.json")
    .entries()) {
    const box = cutmixBox(height, width, lam, cy, cx);
    const got = [box.top, box.top + box.height, box.left, box.left + box.width];
    yield compare(`cutmix_boxes/${i}/box`, got, expected.box_yl_yh_xl_xh, 0);
    yield compare(
      `cutmix_boxes/${i}/lambda`,
      [correctedLambda(box, height, width)],
      [expected.corrected_lam],
      0,
    );
  }
};

export const dropPathRateCases: CaseGroup = async function* (context) {
  const file = "drop_path_rates.json";
  if (!context.has(file)) return;
  for (const [name, expected] of Object.entries(context.json<Record<string, number[]>>(file))) {
    const [, depth, rate] = /^depth(\d+)_rate([\d.]+)$/.exec(name) ?? [];
    const rates = dropPathRates(Number(depth), Number(rate));
    yield compare(`drop_path_rates/${name}`, rates, expected, context.tolerance(file, name, 2));
  }
};

interface SamplerCase {
  dataset: number;
  replicas: number;
  repeats: number;
  shuffle: boolean;
  permutation?: number[];
  per_rank: number[][];
}

export const repeatedSamplerCases: CaseGroup = async function* (context) {
  const file = "repeated_aug_sampler.json";
  if (!context.has(file)) return;
  for (const { dataset, replicas, repeats, shuffle, permutation, per_rank } of context.json<SamplerCase[]>(
    file,
  ))
    for (const [rank, expected] of per_rank.entries()) {
      const indices = placesOfReplica(dataset, repeats, rank, replicas).map((place) => {
        const at = Math.floor(place / repeats);
        return permutation === undefined ? at : (permutation[at] as number);
      });
      const name = `repeated_aug_sampler/${dataset}x${repeats}${shuffle ? ".shuffled" : ""}/rank${rank}of${replicas}`;
      yield compare(name, indices, expected, 0);
    }
};
