// Schedule cases: main.py's learning rate in every epoch, and timm's curve at every epoch, from lr_schedule.json.

import { type RateCurve, rateAt, rateOfEpoch } from "../../trainer/core/schedule.js";
import type { CaseGroup, ParityContext, ParityOutcome } from "./case.js";

interface ScheduleFixture {
  epochs: number;
  lr: number;
  warmup_epochs: number;
  warmup_lr: number;
  min_lr: number;
  schedule_value_at_t: number[];
  lr_used_in_epoch_by_main_py: number[];
}

/** Python computes in double as we do; only the cosine's last bits may differ. */
const RELATIVE_TOLERANCE = 1e-14;

function compare(name: string, expected: number[], got: (place: number) => number): ParityOutcome {
  const largest = Math.max(...expected.map(Math.abs));
  const tolerance = RELATIVE_TOLERANCE * largest;
  const errors = expected.map((value, place) => Math.abs(got(place) - value));
  const maxAbsError = Math.max(...errors);
  const ok = expected.length > 0 && errors.every((error) => error <= tolerance);
  return { name, ok, maxAbsError, tolerance };
}

export const scheduleCases: CaseGroup = async function* (context: ParityContext) {
  if (!context.has("lr_schedule.json")) return;
  const fixtures = context.json<Record<string, ScheduleFixture>>("lr_schedule.json");
  for (const [name, fixture] of Object.entries(fixtures)) {
    const curve: RateCurve = {
      length: fixture.epochs,
      lr: fixture.lr,
      warmup: fixture.warmup_epochs,
      warmupLr: fixture.warmup_lr,
      minLr: fixture.min_lr,
    };
    yield compare(`lr_schedule/${name}/curve`, fixture.schedule_value_at_t, (t) => rateAt(curve, t));
    yield compare(`lr_schedule/${name}/epochs`, fixture.lr_used_in_epoch_by_main_py, (e) =>
      rateOfEpoch(curve, e),
    );
  }
};
