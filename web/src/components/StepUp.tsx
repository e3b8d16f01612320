import { useState } from "react";
import { useQueryClient } from "@tanstack/react-query";
import { stepUp } from "~/api/identity";
import { canPasskey, stepUpByPasskey } from "~/api/passkeys";
import { useStepUp, type StepUpQuestion } from "~/api/stepUp";
import { Field } from "~/ui/Bits";
import { Button } from "~/ui/Button";
import { Command } from "~/ui/Command";
import { Dialog } from "~/ui/Dialog";
import { Proof } from "./Proof";

/** Proof that it is you, asked only when the API demands it. Never before a pause or a kill. */
export function StepUp() {
  const question = useStepUp();
  if (!question) return null;
  return question.ways.length > 0 ? <OfSession question={question} /> : <OfHost question={question} />;
}

/** The session steps up: for some minutes no other act asks again. */
function OfSession({ question }: { question: StepUpQuestion }) {
  const client = useQueryClient();
  const leave = () => question.answer(null);
  return (
    <Dialog open onClose={leave} title="Show that it is you" note={question.label} width={440}>
      <p className="text-12 text-muted">{question.detail}</p>
      <Proof
        ways={question.ways} submit="Go on" leave={<Button onClick={leave}>Cancel</Button>}
        onPasskey={canPasskey() ? async () => {
          client.setQueryData(["session"], await stepUpByPasskey());
          question.answer("");
        } : undefined}
        onCode={async (way, code) => {
          client.setQueryData(["session"], await stepUp(way, code));
          question.answer("");
        }}
      />
    </Dialog>
  );
}

/** The act itself takes a code, made where the trading host is. */
function OfHost({ question }: { question: StepUpQuestion }) {
  const [code, setCode] = useState("");
  const answer = (value: string | null) => {
    setCode("");
    question.answer(value);
  };
  return (
    <Dialog open onClose={() => answer(null)} title="One-time code" note={question.label} width={440} foot={<><Button onClick={() => answer(null)}>Cancel</Button><Button look="primary" blocked={code.trim() ? null : "Enter the code first."} onClick={() => answer(code.trim())}>Go on</Button></>}>
      <p className="text-12 text-muted">{question.detail}</p>
      <div className="flex flex-col gap-1 text-12"><span>Make a code on the host; it works once, for a few minutes:</span><Command>{question.label.startsWith("Lift") ? "tradedeck guard code" : "tradedeck token step-up"}</Command></div>
      <form onSubmit={(event) => { event.preventDefault(); if (code.trim()) answer(code.trim()); }}>
        <Field label="Code" htmlFor="step-up" error={question.again ? "That code was not valid any more. Make a new one." : null}><input id="step-up" className="input" data-autofocus="true" autoComplete="one-time-code" spellCheck={false} value={code} onChange={(event) => setCode(event.target.value)} /></Field>
      </form>
    </Dialog>
  );
}
