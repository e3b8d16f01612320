import { useState } from "react";
import { useStepUp } from "~/api/acts";
import { Field } from "~/ui/Bits";
import { Button } from "~/ui/Button";
import { Dialog } from "~/ui/Dialog";

/** Proof of presence on the host, asked only when the API demands it. Never before a pause or a kill. */
export function StepUp() {
  const question = useStepUp();
  const [code, setCode] = useState("");
  if (!question) return null;
  const answer = (value: string | null) => {
    setCode("");
    question.answer(value);
  };
  return (
    <Dialog open onClose={() => answer(null)} title="One-time code" note={question.label} width={440} foot={<><Button onClick={() => answer(null)}>Cancel</Button><Button look="primary" blocked={code.trim() ? null : "Enter the code first."} onClick={() => answer(code.trim())}>Go on</Button></>}>
      <p className="text-12 text-muted">{question.detail}</p>
      <p className="text-12">Make a code on the host; it works once, for a few minutes:</p>
      <code className="code block rounded-md border border-line bg-bg px-3 py-2 select-all">{question.label.startsWith("Lift") ? "tradedeck guard code" : "tradedeck token step-up"}</code>
      <form onSubmit={(event) => { event.preventDefault(); if (code.trim()) answer(code.trim()); }}>
        <Field label="Code" htmlFor="step-up" error={question.again ? "That code was not valid any more. Make a new one." : null}><input id="step-up" className="input" data-autofocus="true" autoComplete="one-time-code" spellCheck={false} value={code} onChange={(event) => setCode(event.target.value)} /></Field>
      </form>
    </Dialog>
  );
}
