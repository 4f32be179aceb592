// Line form: one line of text and the button that takes it.

import { useEffect, useRef } from "preact/hooks";
import { Field } from "./field.js";

interface LineFormProps {
  label: string;
  /** What the button says. */
  action: string;
  placeholder: string;
  hint?: string;
  /** Id of the text field, for those that automate the page. */
  name: string;
  /** Not to be read by those who look on. */
  secret?: boolean;
  /** The form has just been asked for: typing can begin. */
  focus?: boolean;
  submit(text: string): void;
}

export function LineForm({ label, action, placeholder, hint, name, secret, focus, submit }: LineFormProps) {
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (focus) field.current?.focus();
  }, []);
  const own = (id: string) => ({ ref: field, class: "input", id, name, placeholder });
  return (
    <form
      class="line-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (field.current?.value) submit(field.current.value);
      }}
    >
      <Field label={label} hint={hint}>
        {(id) => (
          <div class="line-form-row">
            {secret ? (
              <input type="password" autocomplete="off" {...own(id)} />
            ) : (
              <input type="text" autocomplete="off" autocapitalize="off" spellcheck={false} {...own(id)} />
            )}
            <button type="submit" class="button">
              {action}
            </button>
          </div>
        )}
      </Field>
    </form>
  );
}
