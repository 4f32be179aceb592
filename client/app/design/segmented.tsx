// Segmented: one of a few options, side by side. Real radio buttons, so that arrow keys and screen readers know them.

import { useId } from "preact/hooks";

interface SegmentedProps<Value extends string> {
  /** What is chosen; read to screen readers, and shown above where `shown` says so. */
  label: string;
  shown?: boolean;
  options: readonly { value: Value; label: string; disabled?: boolean }[];
  value: Value;
  choose(value: Value): void;
}

export function Segmented<Value extends string>({
  label,
  shown,
  options,
  value,
  choose,
}: SegmentedProps<Value>) {
  const name = useId();
  return (
    <fieldset class="segmented">
      <legend class={shown ? "field-label" : "visually-hidden"}>{label}</legend>
      <div class="segments">
        {options.map((option) => (
          <label class="segment" key={option.value}>
            <input
              class="segment-input"
              type="radio"
              name={name}
              checked={option.value === value}
              disabled={option.disabled}
              onChange={() => choose(option.value)}
            />
            <span class="segment-label">{option.label}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
