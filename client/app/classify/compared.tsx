// Compared: the verdicts of two models on one picture, or how far the second one is.

import type { Classification } from "../../browser/contract.js";
import { Notice } from "../design/notice.js";
import { Progress } from "../design/progress.js";
import { deviceName } from "./display-text.js";
import type { PageState } from "./page-state.js";
import { Pair } from "./pair.js";
import { Scores } from "./scores.js";
import type { Session, SessionState } from "./session.js";

interface ComparedProps {
  page: PageState;
  session: Session;
  /** Of the first model. */
  classification: Classification;
}

const nameOf = (state: SessionState) =>
  state.kind === "ready" ? `${state.card.name}, ${state.card.dtype}, ${deviceName(state.card)}` : "The model";

export function Compared({ page, session, classification }: ComparedProps) {
  const verdict = page.comparison.verdict.value;
  const state = session.state.value;
  if (verdict.kind === "done")
    return (
      <div id="rival">
        <Pair
          first={classification}
          second={verdict.result}
          names={[nameOf(page.session.state.value), nameOf(state)]}
          most={page.topK.value}
          same="Both say"
          different="They differ"
        />
      </div>
    );
  const retry = { label: "Try again", run: () => session.load() };
  return (
    <>
      <Scores classes={classification.classes.slice(0, page.topK.value)} eyebrow="Most likely" id="verdict" />
      {state.kind === "loading" && <Progress {...state} />}
      {state.kind === "failed" && <Notice about="The second model" {...state.failure} retry={retry} />}
      {state.kind === "ready" && verdict.kind === "failed" && (
        <Notice about={state.card.name} {...verdict.failure} />
      )}
      {state.kind === "ready" && verdict.kind !== "failed" && (
        <p class="quiet" aria-busy="true">
          The second model is looking …
        </p>
      )}
    </>
  );
}
