// Placard: what stands beside the picture: the model's download, its readiness, the verdict, or what went wrong.

import { Notice } from "../design/notice.js";
import { parameterCount } from "../design/numbers.js";
import { Progress } from "../design/progress.js";
import { Compared } from "./compared.js";
import { timingLine } from "./display-text.js";
import type { PageState } from "./page-state.js";
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
      {page.comparison.session.value ? (
        <Compared page={page} classification={classification} />
      ) : (
        <Scores
          classes={classification.classes.slice(0, page.topK.value)}
          eyebrow="Most likely"
          id="verdict"
        />
      )}
      <p class="quiet">{timingLine(classification)}</p>
      <Sharing page={page} picture={picture} classification={classification} />
    </div>
  );
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
