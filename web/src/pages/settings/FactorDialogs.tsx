/* Dialogs that change how one proves who one is. A secret lives in their state and goes with them. */
import { lazy, Suspense, useEffect, useRef, useState, type ReactNode } from "react";
import { send } from "~/api/http";
import type { Profile, TotpOffer } from "~/api/identity";
import { addPasskey } from "~/api/passkeys";
import type { Schemas } from "~/api/types";
import { useAttempt } from "~/components/attempt";
import { CopyButton, RecoveryCodes } from "~/components/Once";
import { Refusal } from "~/components/Proof";
import { PasswordField } from "~/forms/PasswordField";
import { Field, Skeleton } from "~/ui/Bits";
import { Button } from "~/ui/Button";
import { Dialog } from "~/ui/Dialog";

const Qr = lazy(() => import("~/components/Qr").then((module) => ({ default: module.Qr })));
type Codes = Schemas["RecoveryCodes"];
interface OfMe { me: Profile; onClose: () => void }

/** A small form in a dialog: Enter sends it, a refusal stands above the buttons. */
export function FormDialog({ title, note, submit, missing, onClose, onSubmit, busy, problem, width = 460, children }: {
  title: string; note?: ReactNode; submit: string; missing: string | null; onClose: () => void; onSubmit: () => void; busy: boolean; problem: ReturnType<typeof useAttempt>["problem"]; width?: number; children: ReactNode;
}) {
  return (
    <Dialog open onClose={onClose} title={title} note={note} width={width}>
      <form className="flex flex-col gap-4" onSubmit={(event) => { event.preventDefault(); if (!missing && !busy) onSubmit(); }}>
        {children}
        {problem && <Refusal problem={problem} />}
        <div className="flex justify-end gap-2"><Button onClick={onClose}>Cancel</Button><Button type="submit" look="primary" pending={busy} blocked={missing}>{submit}</Button></div>
      </form>
    </Dialog>
  );
}

function Kept({ codes, me, onClose }: { codes: string[] } & OfMe) {
  return <Dialog open onClose={onClose} title="Recovery codes" width={480} foot={<Button look="primary" onClick={onClose}>I have kept them</Button>}><RecoveryCodes codes={codes} name={me.name} /></Dialog>;
}

export function NameDialog({ title, label, value, onSave, onClose }: { title: string; label: string; value: string; onSave: (value: string) => Promise<unknown>; onClose: () => void }) {
  const [typed, setTyped] = useState(value);
  const { busy, problem, attempt } = useAttempt();
  const save = async () => { if ((await attempt(title, () => onSave(typed.trim()))) !== undefined) onClose(); };
  return (
    <FormDialog title={title} submit="Save" missing={typed.trim() ? null : "Enter a name first."} onClose={onClose} onSubmit={() => void save()} busy={busy} problem={problem} width={400}>
      <Field label={label} htmlFor="new-name"><input id="new-name" className="input" data-autofocus="true" maxLength={100} value={typed} onChange={(event) => setTyped(event.target.value)} /></Field>
    </FormDialog>
  );
}

export function PasswordDialog({ me, onClose }: OfMe) {
  const [old, setOld] = useState("");
  const [next, setNext] = useState("");
  const { busy, problem, attempt } = useAttempt();
  const alone = !me.has_totp && me.passkeys.length === 0;
  const missing = me.has_password && !old ? "Enter the password of today first." : !next ? "Enter a new password first." : null;
  const save = async () => { if ((await attempt("Change the password", () => send("/me/password", { method: "PUT", body: { old: me.has_password ? old : undefined, new: next } }))) !== undefined) onClose(); };
  return (
    <FormDialog title={me.has_password ? "Change the password" : "Set a password"} note="your other sessions end" submit="Save" missing={missing} onClose={onClose} onSubmit={() => void save()} busy={busy} problem={problem}>
      <input type="text" autoComplete="username" value={me.name} readOnly hidden />
      {me.has_password && <Field label="Password of today" htmlFor="old-password"><input id="old-password" type="password" className="input" data-autofocus="true" autoComplete="current-password" maxLength={1024} value={old} onChange={(event) => setOld(event.target.value)} /></Field>}
      <PasswordField label="New password" value={next} onChange={setNext} alone={alone} />
    </FormDialog>
  );
}

export function TotpDialog({ me, onClose }: OfMe) {
  const [offer, setOffer] = useState<TotpOffer | null>(null);
  const [codes, setCodes] = useState<string[] | null>(null);
  const [code, setCode] = useState("");
  const start = useAttempt();
  const finish = useAttempt();
  const asked = useRef(false);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (asked.current) return;
    asked.current = true; // One secret per dialog, also where effects run twice.
    void start.attempt("Set up an authenticator app", () => send<TotpOffer>("/me/totp/start")).then((given) => given && setOffer(given));
  });
  useEffect(() => input.current?.focus(), [offer]);
  const enrol = async () => {
    const given = await finish.attempt("Set up an authenticator app", () => send<Codes>("/me/totp/finish", { body: { challenge: offer?.challenge, code: code.trim() } }));
    if (!given) return setCode("");
    if (given.recovery_codes.length) setCodes(given.recovery_codes);
    else onClose();
  };
  if (codes) return <Kept codes={codes} me={me} onClose={onClose} />;
  const missing = !offer ? "The secret is not here yet." : code.trim() ? null : "Enter the code that the app shows.";
  return (
    <FormDialog title="Set up an authenticator app" submit="Turn on" missing={missing} onClose={onClose} onSubmit={() => void enrol()} busy={finish.busy} problem={start.problem ?? finish.problem} width={520}>
      <div className="flex gap-5 max-sm:flex-col">
        {offer ? <Suspense fallback={<Skeleton className="size-[184px] flex-none" />}><Qr text={offer.uri} label="QR code of the secret" /></Suspense> : <Skeleton className="size-[184px] flex-none" />}
        <div className="flex min-w-0 flex-1 flex-col gap-3 text-12">
          <p>1. Scan it with your app, or type the secret:</p>
          {offer ? <><code className="code break-all select-all" aria-label="Secret">{offer.secret.replace(/(.{4})(?=.)/gu, "$1 ")}</code><div className="flex items-center gap-2"><CopyButton text={offer.secret} what="secret" /></div></> : <Skeleton className="h-8" />}
          <Field label="2. Code that the app shows now" htmlFor="totp-code" hint="Six digits"><input ref={input} id="totp-code" className="input" inputMode="numeric" autoComplete="one-time-code" spellCheck={false} value={code} onChange={(event) => setCode(event.target.value)} /></Field>
        </div>
      </div>
    </FormDialog>
  );
}

export function PasskeyDialog({ me, onClose }: OfMe) {
  const [name, setName] = useState("");
  const [codes, setCodes] = useState<string[] | null>(null);
  const { busy, problem, attempt } = useAttempt();
  const add = async () => {
    const added = await attempt("Add a passkey", () => addPasskey(name.trim()));
    if (!added) return;
    if (added.recovery_codes.length) setCodes(added.recovery_codes);
    else onClose();
  };
  if (codes) return <Kept codes={codes} me={me} onClose={onClose} />;
  return (
    <FormDialog title="Add a passkey" submit={busy ? "Waiting for the browser" : "Add"} missing={name.trim() ? null : "Give it a name first."} onClose={onClose} onSubmit={() => void add()} busy={busy} problem={problem}>
      <p className="text-12 text-muted">The browser asks for your fingerprint, face, PIN or key. The passkey stays with that device; the deck keeps only its public half. It works at {location.hostname} alone.</p>
      <Field label="Name" htmlFor="passkey-name" hint="By which you will know it: the device it is on."><input id="passkey-name" className="input" data-autofocus="true" maxLength={100} placeholder="Laptop" value={name} onChange={(event) => setName(event.target.value)} /></Field>
    </FormDialog>
  );
}

export function CodesDialog({ me, onClose }: OfMe) {
  const [codes, setCodes] = useState<string[] | null>(null);
  const { busy, problem, attempt } = useAttempt();
  const make = async () => {
    const given = await attempt("New recovery codes", () => send<Codes>("/me/recovery-codes"));
    if (given) setCodes(given.recovery_codes);
  };
  if (codes) return <Kept codes={codes} me={me} onClose={onClose} />;
  return (
    <FormDialog title="New recovery codes" submit="Make ten new ones" missing={null} onClose={onClose} onSubmit={() => void make()} busy={busy} problem={problem}>
      <p className="text-12">Those from before stop working at once{me.recovery_codes_left ? `, ${me.recovery_codes_left} unused among them` : ""}.</p>
    </FormDialog>
  );
}
