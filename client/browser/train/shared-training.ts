// Shared training: a training that a run and its page use in turn: a picture is classified, or the weights are read,
// between two calls of the run. Evaluations and reads change no weight.

import type { Training } from "../../../runtime/training/contract.js";

/** The same training, whose calls wait for each other. */
export function sharedTraining(training: Training): Training {
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <Result>(work: () => Promise<Result>): Promise<Result> => {
    const result = last.then(work);
    last = result.catch(() => {});
    return result;
  };
  const { submit, writeLossScale } = training;
  return {
    bytes: training.bytes,
    get batchesTracked() {
      return training.batchesTracked;
    },
    accumulate: (inputs) => inTurn(() => training.accumulate(inputs)),
    apply: (step) => inTurn(() => training.apply(step)),
    ...(submit && { submit: (inputs, step) => inTurn(() => submit.call(training, inputs, step)) }),
    evaluate: (pixels, count, state) => inTurn(() => training.evaluate(pixels, count, state)),
    submitEvaluation: (pixels, count, state) => inTurn(() => training.submitEvaluation(pixels, count, state)),
    ...(writeLossScale && { writeLossScale: (state) => writeLossScale.call(training, state) }),
    gradients: () => inTurn(() => training.gradients()),
    read: (state) => inTurn(() => training.read(state)),
    write: (state, tensors) => training.write(state, tensors),
    dispose: () => training.dispose(),
  };
}
