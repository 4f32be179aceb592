// Settings panel: which model runs where, what the last picture cost, and a second model to compare with.

import { useSignal } from "@preact/signals";
import type { Classification, ModelCard } from "../../browser/contract.js";
import { Button } from "../design/button.js";
import { Drawer } from "../design/drawer.js";
import { Select } from "../design/field.js";
import { LineForm } from "../design/line-form.js";
import { megabytes, parameterCount } from "../design/numbers.js";
import { Segmented } from "../design/segmented.js";
import { Slider } from "../design/slider.js";
import { cardAddress, enteredModel, type ModelChoice, type ModelOffer } from "../exchange/model-list.js";
import { About } from "./about.js";
import { deviceFacts, downloadFacts, fallbackLine } from "./display-text.js";
import type { PageState } from "./page-state.js";
import { MOST_CLASSES } from "./pictures.js";
import type { Settings } from "./session.js";

const DEVICES = [
  { value: "auto", label: "Best" },
  { value: "webgpu", label: "Graphics card" },
  { value: "wasm", label: "CPU" },
] as const;
const SERVER = { value: "remote", label: "Server" } as const;

const DTYPES: readonly { value: Settings["dtype"]; label: string }[] = [
  { value: "auto", label: "As the file has them" },
  { value: "float32", label: "float32" },
  { value: "float16", label: "float16: half the file" },
  { value: "int8", label: "int8: a quarter of the file" },
];

/** What the server has, or what the browser can make of its one file. */
function weightsOf({ formats }: Partial<ModelChoice> = {}) {
  if (!formats) return DTYPES;
  const offered = formats.map(({ dtype, bytes }) => ({
    value: dtype as Settings["dtype"],
    label: `${dtype}, ${megabytes(bytes)}`,
  }));
  return [{ value: "auto" as const, label: "What the connection allows" }, ...offered];
}

interface SettingsPanelProps {
  page: PageState;
  offer: ModelOffer;
}

export function SettingsPanel({ page, offer }: SettingsPanelProps) {
  const { session, comparison, pictures } = page;
  const state = session.state.value;
  const rival = comparison.session.value;
  const verdict = pictures.shown.value?.verdict.value;
  const classification = verdict?.kind === "classified" ? verdict.classification : undefined;
  return (
    <Drawer
      title="Model and device"
      open={page.settingsOpen.value}
      close={() => {
        page.settingsOpen.value = false;
      }}
    >
      <ModelFields
        offer={offer}
        settings={session.settings.value}
        change={(settings) => session.load(settings)}
      />
      <Slider
        label="Classes in a verdict"
        least={1}
        most={MOST_CLASSES}
        value={page.topK.value}
        text={String(page.topK.value)}
        change={(value) => {
          page.topK.value = value;
        }}
      />
      {state.kind === "loading" && <p class="quiet">{state.label} …</p>}
      {state.kind === "failed" && <p class="quiet">{`${state.failure.line} ${state.failure.advice}`}</p>}
      {state.kind === "ready" && (
        <Facts card={state.card} model={state.model} classification={classification} />
      )}

      <h3 class="drawer-section">A second model</h3>
      {rival ? (
        <>
          <ModelFields
            offer={offer}
            settings={rival.settings.value}
            change={(settings) => comparison.start(settings)}
          />
          <Button weight="small" onClick={() => comparison.stop()}>
            End the comparison
          </Button>
        </>
      ) : (
        <>
          <p class="quiet">Two models, or one on two devices, look at the same picture.</p>
          <Button
            weight="small"
            id="compare"
            onClick={() => comparison.start(rivalOf(session.settings.value, offer))}
          >
            Compare
          </Button>
        </>
      )}
      <KeptModels clear={page.clearCache} />
      <About />
    </Drawer>
  );
}

function KeptModels({ clear }: { clear(): Promise<void> }) {
  const said = useSignal("");
  const remove = async () => {
    try {
      await clear();
      said.value = "Removed. The next visit downloads them again.";
    } catch (error) {
      console.warn(error);
      said.value = "The browser does not allow it.";
    }
  };
  return (
    <>
      <h3 class="drawer-section">Kept models</h3>
      <p class="quiet">
        Models that were used are kept in this browser, for the next visit and for visits without a network.
      </p>
      <Button weight="small" onClick={() => void remove()}>
        Remove them
      </Button>
      <p class="quiet" role="status">
        {said.value}
      </p>
    </>
  );
}

/** Another model to compare with; where there is one only, the same elsewhere or in smaller weights. */
function rivalOf(settings: Settings, { models }: ModelOffer): Settings {
  const chosen = settings.model?.url ?? models[0]?.url;
  const other = models.find(({ url }) => url !== chosen);
  if (other) return { ...settings, model: other };
  if (settings.device === "remote") return { ...settings, device: "auto" };
  return { ...settings, dtype: settings.dtype === "int8" ? "float32" : "int8" };
}

interface ModelFieldsProps {
  offer: ModelOffer;
  settings: Settings;
  change(settings: Settings): void;
}

function ModelFields({ offer, settings, change }: ModelFieldsProps) {
  const { models, server } = offer;
  const onServer = server !== undefined && (settings.device === "remote" || models.length === 0);
  const wrong = useSignal("");
  const chosen = settings.model ?? models[0];
  const listed = chosen === undefined || models.some(({ url }) => url === chosen.url);
  const options = [...models, ...(listed ? [] : [chosen])].map(({ name, url, dtype, bytes, formats }) => ({
    value: url,
    label: [name, ...(formats ? [] : [dtype, bytes && megabytes(bytes)])].filter(Boolean).join(", "),
  }));
  return (
    <>
      {options.length > 0 && (
        <Select
          label="Model"
          options={options}
          value={chosen?.url ?? ""}
          choose={(url) =>
            change({ ...settings, model: models.find((model) => model.url === url) ?? chosen })
          }
        />
      )}
      {onServer && server.token && (
        <LineForm
          label="Token of this server"
          action="Use"
          placeholder=""
          name="token"
          secret
          hint="Kept in this page alone, until it is closed."
          submit={(token) => change({ ...settings, token: token.trim() })}
        />
      )}
      {onServer ? null : (
        <>
          <LineForm
            label="Or one of the Hugging Face Hub"
            action="Load"
            placeholder="facebook/deit-tiny-distilled-patch16-224"
            name="model"
            hint={wrong.value || undefined}
            submit={(text) => {
              const model = enteredModel(text);
              wrong.value = model
                ? ""
                : "A model is ORG/NAME of the Hugging Face Hub, or the address of its folder.";
              if (model) change({ ...settings, model });
            }}
          />
          <Select
            label="Weights"
            options={weightsOf(chosen)}
            value={settings.dtype}
            choose={(dtype) => change({ ...settings, dtype })}
          />
        </>
      )}
      {models.length > 0 && (
        <Segmented
          label="Device"
          shown
          options={server ? [...DEVICES, SERVER] : DEVICES}
          value={settings.device}
          choose={(device) => change({ ...settings, device })}
        />
      )}
    </>
  );
}

interface FactsProps {
  card: ModelCard;
  model: ModelChoice;
  classification: Classification | undefined;
}

function Facts({ card, model, classification }: FactsProps) {
  const address = cardAddress(model);
  const facts: [term: string, value: string | string[]][] = [
    [
      "Weights",
      [parameterCount(card.parameters), card.dtype].filter((fact) => fact !== "unknown").join(", "),
    ],
    ...(card.device === "remote"
      ? []
      : ([
          ["Download", downloadFacts(card)],
          ["Memory", megabytes(card.memoryBytes)],
        ] satisfies [string, string][])),
    ["Input", `${card.imageSize} × ${card.imageSize} pixels`],
    ["Classes", card.labels.length.toLocaleString("en")],
    ["Runs on", deviceFacts(card)],
  ];
  if (classification) {
    const { read, decode, queue, model: compute } = classification.milliseconds;
    const stages = { "to read": read, "to decode": decode, "to wait": queue, "in the model": compute };
    facts.push([
      "This picture",
      Object.entries(stages).map(([what, value]) => `${Math.round(value)} ms ${what}`),
    ]);
  }
  return (
    <>
      <dl class="facts" id="facts">
        {facts.map(([term, value]) => (
          <div class="fact" key={term}>
            <dt>{term}</dt>
            {[value].flat().map((line) => (
              <dd key={line}>{line}</dd>
            ))}
          </div>
        ))}
      </dl>
      {card.threadsReason !== undefined && <p class="quiet">{card.threadsReason}</p>}
      {card.fallback !== undefined && <p class="quiet">{fallbackLine(card.fallback)}</p>}
      {address !== undefined && (
        <p>
          <a href={address} rel="noreferrer" target="_blank">
            Model card
          </a>
        </p>
      )}
    </>
  );
}
