import { useId, useState } from "react";
import { Field } from "~/ui/Bits";

/** A new password, which can be looked at while it is typed. `alone`: there is no second factor yet. */
export function PasswordField({ label, value, onChange, alone }: { label: string; value: string; onChange: (value: string) => void; alone: boolean }) {
  const id = useId();
  const [seen, setSeen] = useState(false);
  const least = alone ? 15 : 8;
  const short = value.length > 0 && value.length < least;
  return (
    <Field
      label={label} htmlFor={id}
      hint={short ? `${value.length} of at least ${least} characters${alone ? "; 8 are enough once you have a second factor" : ""}.` : `At least ${least} characters. Several words that do not belong together are easy to keep; no signs are demanded.`}
    >
      <span className="flex gap-2">
        <input id={id} type={seen ? "text" : "password"} className="input" autoComplete="new-password" autoCapitalize="none" spellCheck={false} maxLength={1024} value={value} onChange={(event) => onChange(event.target.value)} />
        <button type="button" className="btn flex-none" aria-pressed={seen} onClick={() => setSeen(!seen)}>{seen ? "Hide" : "Show"}</button>
      </span>
    </Field>
  );
}
