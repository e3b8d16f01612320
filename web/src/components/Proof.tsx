/* Showing a second factor: at sign-in and before a dangerous act, with the ways this person has. */
import { useEffect, useRef, useState, type ReactNode } from "react";
import { problemOf } from "~/api/http";
import type { Way } from "~/api/stepUp";
import type { Problem } from "~/api/types";
import { Field, Segmented } from "~/ui/Bits";
import { Button } from "~/ui/Button";
import { Command } from "~/ui/Command";
import { Mark } from "~/ui/Mark";
import { offered, wayWords, type WayWords } from "./ways";

interface ProofProps {
  ways: readonly Way[];
  /** Rejects with the API's refusal, which is then said here. */
  onCode: (way: Way, code: string) => Promise<void>;
  onPasskey?: () => Promise<void>;
  submit: string;
  leave?: ReactNode;
}

/** What was refused, and what to do about it. */
export function Refusal({ problem }: { problem: Problem }) {
  return (
    <div role="alert" className="text-12">
      <p className="flex gap-1.5 text-bad"><Mark shape="triangle" tone="bad" className="mt-1" />{problem.detail ?? problem.title}</p>
      {problem.hint && <p className="pl-4 text-muted">{problem.hint}</p>}
    </div>
  );
}

export function Proof({ ways, onCode, onPasskey, submit, leave }: ProofProps) {
  const offer = offered(ways, { passkey: onPasskey !== undefined });
  const [chosen, setChosen] = useState<Way | null>(null);
  const way = chosen && offer.includes(chosen) ? chosen : offer[0];
  const [code, setCode] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.focus(), [way]);
  if (!way) return <p className="text-12 text-muted">This browser knows none of the ways of this account. Sign in with a fresh link of the host.</p>;
  const words: WayWords = wayWords[way];
  const attempt = async (proof: () => Promise<void>) => {
    setBusy(true);
    setProblem(null);
    try {
      await proof();
    } catch (error) {
      setProblem(problemOf(error));
      setCode("");
      setBusy(false);
      input.current?.focus();
    }
  };
  const prove = () => {
    if (way === "passkey") void attempt(() => onPasskey?.() ?? Promise.resolve());
    else if (code.trim()) void attempt(() => onCode(way, code.trim()));
  };
  return (
    <form className="flex flex-col gap-4" onSubmit={(event) => { event.preventDefault(); if (!busy) prove(); }}>
      {offer.length > 1 && <div><Segmented<Way> label="How to prove it" value={way} options={offer.map((each) => ({ value: each, label: wayWords[each].name }))} onChange={(next) => { setChosen(next); setCode(""); setProblem(null); }} /></div>}
      {words.command && <div className="flex flex-col gap-1 text-12"><span>On the host:</span><Command>{words.command}</Command></div>}
      {way === "passkey"
        ? <p className="text-12 text-muted">{words.hint}</p>
        : (
          <Field label={words.label} htmlFor="proof" hint={words.hint}>
            <input
              ref={input} id="proof" className="input" data-autofocus="true" value={code} spellCheck={false} autoCapitalize="none" aria-invalid={problem ? true : undefined}
              autoComplete={way === "totp" ? "one-time-code" : "off"} inputMode={words.numeric ? "numeric" : "text"} onChange={(event) => setCode(event.target.value)}
            />
          </Field>
        )}
      {problem && <Refusal problem={problem} />}
      <div className="flex items-center justify-end gap-2">
        {leave}
        <Button type="submit" look="primary" data-autofocus={way === "passkey" || undefined} pending={busy} blocked={way === "passkey" || code.trim() ? null : "Enter the code first."}>{busy ? "Checking" : way === "passkey" ? "Use a passkey" : submit}</Button>
      </div>
    </form>
  );
}
