// Field: a label above what is entered or chosen.

import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

interface FieldProps {
  label: string;
  /** One line below, such as what is allowed. */
  hint?: ComponentChildren;
  /** Draws the control, with this id. */
  children(id: string): ComponentChildren;
}

export function Field({ label, hint, children }: FieldProps) {
  const id = useId();
  return (
    <div class="field">
      <label class="field-label" for={id}>
        {label}
      </label>
      {children(id)}
      {hint !== undefined && <p class="quiet">{hint}</p>}
    </div>
  );
}

interface SelectProps<Value extends string> {
  label: string;
  hint?: ComponentChildren;
  options: readonly { value: Value; label: string; disabled?: boolean }[];
  value: Value;
  choose(value: Value): void;
}

export function Select<Value extends string>({ label, hint, options, value, choose }: SelectProps<Value>) {
  return (
    <Field label={label} hint={hint}>
      {(id) => (
        <select
          class="input"
          id={id}
          value={value}
          onChange={({ currentTarget }) => choose(currentTarget.value as Value)}
        >
          {options.map((option) => (
            <option key={option.value} value={option.value} disabled={option.disabled}>
              {option.label}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}
