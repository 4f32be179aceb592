// Known flags: the flags of timm's train.py and validate.py and of deit's main.py, and what Vitrine has instead. Only
// flags that Vitrine does not have under the same name are listed.

/** Command → answer; `other` stands for every command without an answer of its own. */
type Answers = Readonly<Record<string, string>>;

const FROM_TRAINER = "augmentation settings come from the trainer; pass them to vitrine train";
const CONFIG_SAYS = "it is set in the model's config.json";
const PER_EPOCH = "not supported; the rate changes once per epoch, by --sched cosine, constant or step";
const ONE_PROCESS = "not supported yet; one process uses every core, or one GPU";
const MEMORY = "not needed; the decoder writes into shared memory";
const FLOAT16 = "--gpu-tier chooses the precision of a GPU (float32, float16, matrices)";
const TRAIN_FOLDER = "use --data PATH and --val PATH, each a folder with one folder per class, or a list";
const NO_SUCH_METHOD = "not supported; DeiT's recipe does not use it";
const LOGS = "RUN/metrics.csv has a row for every step";

/** Names of timm or deit → answers. */
export const KNOWN_FLAGS: readonly [names: string, answers: Answers][] = [
  // Models and weights.
  ["--initial-checkpoint", { train: "use --init PATH" }],
  ["--finetune", { other: "use --model PATH" }],
  [
    "--pretrained",
    {
      train: "use --init timm:NAME, which downloads the weights, or --init PATH",
      other: "use --model timm:NAME, which downloads the weights, or --model PATH",
    },
  ],
  ["--checkpoint --model-path", { train: "use --init PATH", other: "use --model PATH" }],
  [
    "--input-size",
    { "data digest": "use --size", serve: CONFIG_SAYS, classify: CONFIG_SAYS, convert: CONFIG_SAYS },
  ],
  [
    "--img-size",
    {
      train: "use --input-size",
      "data digest": "use --size",
      validate: "use --input-size",
      other: CONFIG_SAYS,
    },
  ],
  ["--size", { train: "use --input-size", validate: "use --input-size" }],
  [
    "--num-classes",
    { train: "the data set determines it; a head of other classes is renewed", other: CONFIG_SAYS },
  ],
  ["--crop-pct", { train: "use --eval-crop-ratio", serve: `${CONFIG_SAYS} (crop_pct)` }],
  ["--eval-crop-ratio", { validate: "use --crop-pct", serve: `${CONFIG_SAYS} (crop_pct)` }],
  ["--mean --std", { other: `${CONFIG_SAYS} (image_mean, image_std)` }],
  [
    "--drop --attn-drop --drop-rate",
    { train: "not supported; DeiT trains without dropout, with stochastic depth (--drop-path)" },
  ],
  ["--drop-connect --drop-block", { train: "use --drop-path" }],
  // Data.
  ["--data-path --data-dir", { train: TRAIN_FOLDER, other: "use --data PATH" }],
  [
    "--data-set --dataset --inat-category --train-split --val-split",
    {
      train: TRAIN_FOLDER,
      other: "a data set is a folder with one folder per class, or a CSV list: --data PATH",
    },
  ],
  ["--num_workers --num-workers -j", { other: "use --workers" }],
  ["--pin-mem --no-pin-mem --no-prefetcher --use-multi-epochs-loader", { other: MEMORY }],
  ["-b", { other: "use --batch-size" }],
  ["--dist-eval --dist_eval --world_size --world-size --dist_url --dist-url", { other: ONE_PROCESS }],
  ["--distributed --local_rank --local-rank --sync-bn", { other: ONE_PROCESS }],
  // Where a run is kept.
  ["--output_dir --output-dir --output --experiment", { train: "use --out FOLDER", other: "use --out" }],
  [
    "--start_epoch --start-epoch --no-resume-opt",
    {
      train:
        "--resume continues at the checkpoint's batch with its optimizer; for the weights alone: --init RUN/last",
    },
  ],
  ["--recovery-interval --save_freq", { train: "use --checkpoint-every STEPS" }],
  ["--checkpoint-hist", { train: "a run keeps two checkpoints: RUN/last and RUN/best" }],
  ["--log-wandb", { train: LOGS }],
  [
    "--eval",
    {
      train: "use another command: vitrine validate --data PATH --model PATH",
      validate: "this command always evaluates: leave it out",
    },
  ],
  // Distillation.
  ["--teacher-model", { train: "use --teacher PATH, a model folder or .safetensors file" }],
  // Optimizer and schedule.
  ["--clip-mode", { train: "--clip-grad clips the norm" }],
  ["--patience-epochs", { train: "it belongs to a schedule that is not supported; --patience ends a run" }],
  ["--sched-on-updates --warmup-prefix", { train: PER_EPOCH }],
  ["--lr-k-decay", { train: PER_EPOCH }],
  ["--lr-cycle-mul --lr-cycle-decay --lr-cycle-limit", { train: PER_EPOCH }],
  ["--decay-milestones", { train: "use --sched step --decay-epochs N --decay-rate X" }],
  ["--lr-base", { train: "use --lr, for a batch of 512" }],
  ["--lr-base-size", { train: "--lr is for a batch of 512, as in DeiT" }],
  ["--lr-base-scale", { train: "use --lr-scaling linear, sqrt or none" }],
  ["--model-ema-force-cpu", { train: "the moving average stays on the device; --no-ema turns it off" }],
  [
    "--jsd-loss --bce-target-thresh",
    { train: "the loss is cross-entropy with soft targets, as in DeiT, or --bce-loss" },
  ],
  [
    "--grad-accum-steps --update-freq",
    { train: "use --accumulate N, which splits --batch-size into N micro-batches" },
  ],
  ["--grad-checkpointing --use-checkpoint", { train: "use --recompute" }],
  ["--amp --no-amp --amp-dtype --apex-amp --native-amp --fp16 --bf16 --model-dtype", { other: FLOAT16 }],
  [
    "--channels-last --torchcompile --torchscript --fuser --compile --fast-norm",
    { other: "not needed; programs are always planned and fused" },
  ],
  // Augmentation.
  [
    "--no-aug",
    {
      "data-server": FROM_TRAINER,
    },
  ],
  ["--ThreeAugment", { "data-server": FROM_TRAINER }],
  ["--aug-repeats", { train: "use --repeats N", "data-server": FROM_TRAINER }],
  ["--no-repeated-aug", { "data-server": FROM_TRAINER }],
  [
    "--aa --src --color-jitter --scale --ratio --hflip --train-interpolation",
    { "data-server": FROM_TRAINER },
  ],
  ["--reprob --remode --recount --repeated-aug --smoothing", { "data-server": FROM_TRAINER }],
  ["--mixup --cutmix --cutmix-minmax --mixup-prob --mixup-mode", { "data-server": FROM_TRAINER }],
  ["--mixup-switch-prob", { "data-server": FROM_TRAINER }],
  ["--interpolation", { train: "use --train-interpolation" }],
  ["--resplit --aug-splits --vflip --train-crop-mode", { train: NO_SUCH_METHOD }],
  [
    "--train-mode",
    { train: "not needed; --drop-path 0.1 trains with stochastic depth, --no-train-mode without" },
  ],
  ["--tta", { validate: "use --flip, which averages each picture with its mirror image" }],
  [
    "--test-pool --use-ema",
    { validate: "not supported; for the average, use --model RUN/last/ema.safetensors" },
  ],
];

const ANSWERS: ReadonlyMap<string, Answers> = new Map(
  KNOWN_FLAGS.flatMap(([names, answers]) => names.split(" ").map((name) => [name, answers] as const)),
);

/** The answer for every other command, where the command has the flags that it points to: `models` has no `--data`. */
function answerForOthers(
  answer: string | undefined,
  flags: readonly (string | undefined)[],
): string | undefined {
  const named = answer?.match(/--[a-z][a-z-]*/g) ?? [];
  return named.every((name) => flags.includes(name)) ? answer : undefined;
}

/**
 * The first argument that timm or deit would understand and this command does not → one line that says what to use
 * instead; undefined where there is none. `flags`: the command's own.
 */
export function knownFlagAnswer(
  command: string,
  flags: readonly (string | undefined)[],
  args: readonly string[],
): string | undefined {
  for (const [place, argument] of args.entries()) {
    const name = argument.split("=", 1)[0];
    if (flags.includes(name)) {
      const value = argument.includes("=") ? "" : (args[place + 1] ?? "-");
      if (command === "train" && name === "--resume" && !value.startsWith("-"))
        return "train --resume takes no path: it continues the run in --out FOLDER";
      continue;
    }
    const answers = ANSWERS.get(name);
    const answer = answers?.[command] ?? answerForOthers(answers?.other, flags);
    if (answer !== undefined) return `${command} ${name}: ${answer}`;
  }
  return undefined;
}
