// Collection: many pictures beside each other with their verdicts, sorted and filtered; the score and the confusions
// where their folders are classes.

import { type Signal, useComputed, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { Button } from "../design/button.js";
import { Field, Select } from "../design/field.js";
import { percent } from "../design/numbers.js";
import { Progress } from "../design/progress.js";
import { saveFile } from "../exchange/saving.js";
import { ConfusionTable } from "./confusion-table.js";
import { splitSynonyms } from "./display-text.js";
import type { PageState } from "./page-state.js";
import { confusionOf, type Row, rowsOf, scoreOf } from "./tally.js";
import { Thumbnail } from "./thumbnail.js";
import { verdictsCsv } from "./verdicts-csv.js";
import { Ways } from "./ways.js";

type Order = "arrival" | "name" | "verdict" | "sure" | "unsure" | "folder";
type Kind = "all" | "right" | "wrong" | "failed" | "waiting";

const ORDERS: readonly { value: Order; label: string }[] = [
  { value: "arrival", label: "As they came" },
  { value: "name", label: "Name" },
  { value: "verdict", label: "Verdict" },
  { value: "sure", label: "Most certain first" },
  { value: "unsure", label: "Least certain first" },
  { value: "folder", label: "Folder" },
];

const compareText = new Intl.Collator("en", { numeric: true }).compare;
const COMPARE: Record<Exclude<Order, "arrival">, (a: Row, b: Row) => number> = {
  name: (a, b) => compareText(a.picture.name, b.picture.name),
  verdict: (a, b) => compareText(a.answer || "\uffff", b.answer || "\uffff") || b.probability - a.probability,
  sure: (a, b) => b.probability - a.probability,
  unsure: (a, b) => (a.probability || 2) - (b.probability || 2),
  folder: (a, b) => compareText(a.picture.folder ?? "", b.picture.folder ?? ""),
};

const MATCHES: Record<Kind, (row: Row) => boolean> = {
  all: () => true,
  right: ({ right }) => right === true,
  wrong: ({ right }) => right === false,
  failed: ({ state }) => state === "failed",
  waiting: ({ state }) => state === "waiting",
};

/** Tiles that are drawn at first, and with each press for more: thousands would make every verdict slow to show. */
const PORTION = 240;

/** What is shown of the collection. */
export interface Filter {
  kind: Kind;
  /** In the name, the folder or the verdict. */
  text: string;
  /** A cell of the confusion matrix. */
  cell?: { folder: string; answer: string };
}

function passes(row: Row, { kind, text, cell }: Filter): boolean {
  const { picture, answer } = row;
  if (cell && (picture.folder !== cell.folder || answer !== cell.answer)) return false;
  const words = `${picture.name} ${picture.folder ?? ""} ${answer}`.toLowerCase();
  return MATCHES[kind](row) && words.includes(text.trim().toLowerCase());
}

export function Collection({ page }: { page: PageState }) {
  const order = useSignal<Order>("arrival");
  const filter = useSignal<Filter>({ kind: "all", text: "" });
  const most = useSignal(PORTION);
  const rows = useComputed(() => {
    const state = page.session.state.value;
    return rowsOf(page.pictures.all.value, state.kind === "ready" ? state.card.labels : []);
  }).value;
  const listed = rows.filter((row) => passes(row, filter.value));
  if (order.value !== "arrival") listed.sort(COMPARE[order.value]);
  const confusion = confusionOf(rows);
  return (
    <section class="collection" aria-label="All pictures">
      <header class="collection-head">
        <Summary rows={rows} />
        <Ways page={page} inviting={false} />
      </header>
      <Controls rows={rows} order={order} filter={filter} page={page} />
      {listed.length === 0 && <p class="waiting">No picture matches.</p>}
      <ul class="tiles">
        {listed.slice(0, most.value).map((row) => (
          <Tile
            key={row.picture.id}
            row={row}
            focused={row.picture === page.pictures.last}
            show={() => page.pictures.show(row.picture)}
          />
        ))}
      </ul>
      {listed.length > most.value && (
        <Button
          onClick={() => {
            most.value += PORTION;
          }}
        >
          {`Show more (${listed.length - most.value} left)`}
        </Button>
      )}
      {confusion && (
        <ConfusionTable
          confusion={confusion}
          cell={filter.value.cell}
          choose={(cell) => {
            filter.value = { kind: "all", text: "", cell };
          }}
        />
      )}
    </section>
  );
}

function Summary({ rows }: { rows: readonly Row[] }) {
  const done = rows.filter(({ state }) => state !== "waiting").length;
  const failed = rows.filter(({ state }) => state === "failed").length;
  const { counted, top1, top5 } = scoreOf(rows);
  const score =
    counted > 0
      ? `Of ${counted} in folders named as classes, the first answer is right for ${percent(top1 / counted)}, one of the first five for ${percent(top5 / counted)}.`
      : "";
  return (
    <div class="summary">
      <h2 class="summary-title">{`${rows.length} pictures`}</h2>
      {done < rows.length && (
        <Progress label="Looking" fraction={done / rows.length} detail={`${done} of ${rows.length}`} />
      )}
      {score !== "" && <p class="quiet">{score}</p>}
      {failed > 0 && <p class="quiet">{`${failed} could not be read.`}</p>}
    </div>
  );
}

interface ControlsProps {
  rows: readonly Row[];
  order: Signal<Order>;
  filter: Signal<Filter>;
  page: PageState;
}

function Controls({ rows, order, filter, page }: ControlsProps) {
  const hasFolders = rows.some(({ label }) => label !== undefined);
  const kinds: { value: Kind; label: string }[] = [
    { value: "all", label: "All" },
    ...(hasFolders
      ? [
          { value: "right" as const, label: "Right" },
          { value: "wrong" as const, label: "Wrong" },
        ]
      : []),
    { value: "failed", label: "Not readable" },
    { value: "waiting", label: "Still to come" },
  ];
  return (
    <div class="controls">
      <Select
        label="Order"
        options={ORDERS}
        value={order.value}
        choose={(value) => {
          order.value = value;
        }}
      />
      <Select
        label="Show"
        options={kinds}
        value={filter.value.kind}
        choose={(kind) => {
          filter.value = { ...filter.value, kind, cell: undefined };
        }}
      />
      <Field label="Find">
        {(id) => (
          <input
            class="input"
            id={id}
            type="search"
            placeholder="name or verdict"
            value={filter.value.text}
            onInput={({ currentTarget }) => {
              filter.value = { ...filter.value, text: currentTarget.value, cell: undefined };
            }}
          />
        )}
      </Field>
      <div class="controls-actions">
        <Button
          weight="small"
          id="save-csv"
          onClick={() => saveFile("verdicts.csv", new Blob([verdictsCsv(rows)], { type: "text/csv" }))}
        >
          Save as CSV
        </Button>
        <Button weight="small" onClick={() => page.pictures.clear()}>
          Remove all
        </Button>
      </div>
    </div>
  );
}

interface TileProps {
  row: Row;
  /** It has been on display: the keyboard comes back to it. */
  focused: boolean;
  show(): void;
}

function Tile({ row, focused, show }: TileProps) {
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (focused && document.activeElement === document.body) button.current?.focus();
  }, []);
  const { picture, state, answer, probability, right, error } = row;
  return (
    <li class={right === false ? "tile tile-wrong" : "tile"}>
      <button ref={button} type="button" class="tile-button" onClick={show}>
        <Thumbnail picture={picture} />
        <span class="tile-answer">
          {state === "classified" ? splitSynonyms(answer)[0] : state === "failed" ? error : "…"}
        </span>
        {state === "classified" && <span class="tile-percent">{percent(probability)}</span>}
        <span class="tile-name">
          {right === false && <span class="tile-mark">Wrong: </span>}
          {picture.folder !== undefined && `${picture.folder} / `}
          {picture.name}
        </span>
      </button>
    </li>
  );
}
