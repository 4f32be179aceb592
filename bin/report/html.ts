// HTML: text becomes HTML in one place, where everything from outside is escaped.

import { escapeControls } from "../../runtime/errors.js";

/** A piece of finished HTML. */
export class Html {
  constructor(readonly text: string) {}
}

/** What a template takes: finished HTML as it is, everything else as text. */
export type Fragment = Html | string | number | null | readonly Fragment[];

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text that stands for itself between tags and in quoted attributes. */
function escapeHtml(text: string): string {
  return escapeControls(text).replaceAll(/[&<>"']/g, (character) => ENTITIES[character]);
}

function render(fragment: Fragment): string {
  if (fragment === null) return "";
  if (fragment instanceof Html) return fragment.text;
  if (typeof fragment === "object") return fragment.map(render).join("");
  return escapeHtml(String(fragment));
}

/** `` html`<b>${name}</b>` ``: the values are escaped, unless they are HTML themselves; null is nothing. */
export function html(strings: TemplateStringsArray, ...values: readonly Fragment[]): Html {
  return new Html(strings.map((text, index) => text + render(values[index] ?? null)).join(""));
}
