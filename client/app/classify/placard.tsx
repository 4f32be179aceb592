// Placard: what stands beside the picture: the model's download, its readiness, the verdict, or what went wrong.

import type { Classification } from "../../browser/contract.js";
import { Notice } from "../design/notice.js";
import { parameterCount } from "../design/numbers.js";
import { Progress } from "../design/progress.js";
import { Compared } from "./compared.js";
import { timingLine } from "./display-text.js";
import type { PageState } from "./page-state.js";
import { Pair } from "./pair.js";
import type { Picture } from "./pictures.js";
import { Scores } from "./scores.js";
import { Sharing } from "./sharing.js";

export function Placard({ page }: { page: PageState }) {
  const refusal = page.refusal.value;
  return (
    <section class="placard" aria-label="What the picture shows">
      {refusal ? <Notice about="Nothing to look at" {...refusal} /> : <Content page={page} />}
    </section>
  );
}

function Content({ page }: { page: PageState }) {
  const model = page.session.state.value;
  const picture = page.pictures.shown.value;
  const address = page.fetching.value;
  if (address !== undefined)
    return <Progress label="Fetching the picture" fraction={undefined} detail={address} />;
  if (model.kind === "loading") return <Progress {...model} />;
  if (model.kind === "failed")
    return (
      <Notice
        about="Model"
        {...model.failure}
        retry={{ label: "Try again", run: () => page.session.load() }}
      />
    );
  if (page.camera.state.value.kind !== "off") return <LiveVerdict page={page} />;
  if (picture) return <StillVerdict page={page} picture={picture} />;
  const { card } = model;
  return (
    <div class="ready">
      <p class="waiting">{`Ready to name any of ${card.labels.length.toLocaleString("en")} things.`}</p>
      <p class="quiet">
        {`${card.name}, a network of ${parameterCount(card.parameters)}, reads ${card.imageSize} × ${card.imageSize} pixels from the middle of a picture. Its verdict will appear here.`}
      </p>
    </div>
  );
}

function StillVerdict({ page, picture }: { page: PageState; picture: Picture }) {
  const verdict = picture.verdict.value;
  if (verdict.kind === "failed")
    return (
      <Notice
        about={picture.name}
        {...verdict.failure}
        retry={{ label: "Try again", run: () => page.pictures.retry(picture) }}
      />
    );
  if (verdict.kind !== "classified")
    return (
      <p class="waiting" aria-busy="true">
        Looking …
      </p>
    );
  const { classification } = verdict;
  return (
    <div class="result" id="result">
      <Answer page={page} classification={classification} />
      <p class="quiet">{timingLine(classification)}</p>
      <Sharing page={page} picture={picture} classification={classification} />
    </div>
  );
}

/** The verdict; beside another one where two models, two heads, or a covered picture are looked at. */
function Answer({ page, classification }: { page: PageState; classification: Classification }) {
  const { lens, attention, without } = page.explanations;
  const most = page.topK.value;
  const session = page.comparison.session.value;
  const [heads, covered] = [attention.value, without.value];
  if (lens.value === "attention" && heads.kind === "done" && heads.result.heads?.distillation)
    return (
      <Pair
        first={heads.result.heads.class}
        second={heads.result.heads.distillation}
        names={["Class token", "Distillation token"]}
        most={most}
        same="Both tokens say"
        different="The tokens differ"
      />
    );
  if (lens.value === "cover" && covered.kind === "done")
    return (
      <Pair
        first={classification}
        second={covered.result}
        names={["The whole picture", "Without the covered parts"]}
        most={most}
        same="With and without the covered parts"
        different="The verdict changes"
      />
    );
  if (session) return <Compared page={page} session={session} classification={classification} />;
  return <Scores classes={classification.classes.slice(0, most)} eyebrow="Most likely" id="verdict" />;
}

function LiveVerdict({ page }: { page: PageState }) {
  const live = page.camera.verdict.value;
  if (!live) return page.camera.state.value.kind === "live" ? <p class="waiting">Looking …</p> : null;
  return (
    <div class="result" id="live">
      <Scores
        classes={live.classification.classes.slice(0, page.topK.value)}
        eyebrow="At this moment"
        live
        id="verdict"
      />
      <p class="quiet" id="camera-facts">
        {`${live.framesPerSecond.toFixed(1)} frames a second, ${live.frames} so far`}
      </p>
    </div>
  );
}
