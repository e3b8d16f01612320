/* One's own account: how one is called, how one proves who one is, where one is signed in. */
import { useState, type ReactNode } from "react";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { identityQueries, type PasskeyView, type Profile } from "~/api/identity";
import { send } from "~/api/http";
import { canPasskey } from "~/api/passkeys";
import { useRowAct } from "~/components/attempt";
import { QueryPanel } from "~/components/Panel";
import { Since } from "~/components/Since";
import { plural } from "~/lib/format";
import { Button } from "~/ui/Button";
import { Mark } from "~/ui/Mark";
import { CodesDialog, NameDialog, PasskeyDialog, PasswordDialog, TotpDialog } from "./FactorDialogs";
import { MySessions } from "./Sessions";

type Open = null | { name: "display" | "password" | "totp" | "codes" | "passkey" } | { name: "passkey-name"; passkey: PasskeyView };

/** One setting: what it is, how it stands, what can be done. */
export function Row({ title, state, children }: { title: ReactNode; state: ReactNode; children?: ReactNode }) {
  return (
    <div className="flex min-h-10 flex-wrap items-center gap-x-4 gap-y-1 border-b border-line py-1.5 text-12">
      <b className="w-40 flex-none max-sm:w-full">{title}</b>
      <span className="min-w-0 flex-1 text-muted">{state}</span>
      <span className="flex flex-wrap gap-2">{children}</span>
    </div>
  );
}

export function Account() {
  const query = useQuery(identityQueries.me());
  const client = useQueryClient();
  const [open, setOpen] = useState<Open>(null);
  const act = useRowAct("me", "session");
  const close = () => {
    setOpen(null);
    void client.invalidateQueries({ queryKey: ["me"] });
    void client.invalidateQueries({ queryKey: ["session"] });
  };
  return (
    <div className="flex flex-col gap-8">
      <div className="grid grid-cols-1 gap-x-12 gap-y-8 lg:grid-cols-2">
        <QueryPanel title="Me" query={query} deadlineMs={60_000}>
          {(me) => (
            <>
              <Row title="Sign-in name" state={<span title="What audit records say; it never changes"><span className="ident text-text">{me.name}</span></span>} />
              <Row title="Called" state={me.display_name || "–"}><Button small onClick={() => setOpen({ name: "display" })}>Change</Button></Row>
              <Row title="Role" state={`${me.role}${me.tenant === "main" ? "" : `, ${me.tenant}`}`} />
              <Row title="Password" state={me.has_password ? "Set" : "None: you come in by a link of the host or a passkey"}><Button small onClick={() => setOpen({ name: "password" })}>{me.has_password ? "Change" : "Set a password"}</Button></Row>
            </>
          )}
        </QueryPanel>
        <QueryPanel title="Second factors" query={query} deadlineMs={60_000}>
          {(me) => <Factors me={me} onOpen={setOpen} onRemove={act} />}
        </QueryPanel>
      </div>
      <MySessions />
      {open?.name === "display" && query.data && <NameDialog title="How you are called" label="Called" value={query.data.display_name} onClose={close} onSave={(display_name) => send("/me", { method: "PATCH", body: { display_name } })} />}
      {open?.name === "passkey-name" && <NameDialog title="Name of the passkey" label="Name" value={open.passkey.name} onClose={close} onSave={(name) => send(`/me/passkeys/${open.passkey.id}`, { method: "PATCH", body: { name } })} />}
      {open?.name === "password" && query.data && <PasswordDialog me={query.data} onClose={close} />}
      {open?.name === "totp" && query.data && <TotpDialog me={query.data} onClose={close} />}
      {open?.name === "codes" && query.data && <CodesDialog me={query.data} onClose={close} />}
      {open?.name === "passkey" && query.data && <PasskeyDialog me={query.data} onClose={close} />}
    </div>
  );
}

function Factors({ me, onOpen, onRemove }: { me: Profile; onOpen: (open: Open) => void; onRemove: (label: string, run: () => Promise<unknown>) => Promise<void> }) {
  const none = !me.has_totp && me.passkeys.length === 0;
  const few = !none && me.recovery_codes_left <= 2;
  return (
    <>
      {none && <p className="flex gap-1.5 border-b border-line py-2 text-12"><Mark shape="triangle" tone="warn" className="mt-1" /><span>None yet. Without one, dangerous acts take a one-time code of the host, each time. A passkey is the quickest and the strongest; an app works everywhere.</span></p>}
      {me.passkeys.map((passkey) => (
        <Row key={passkey.id} title={<span className="ident">{passkey.name}</span>} state={<>passkey of {passkey.site} · {passkey.used_at ? <>used <Since at={passkey.used_at} /></> : <>added <Since at={passkey.created_at} /></>}</>}>
          <Button small aria-label={`Rename ${passkey.name}`} onClick={() => onOpen({ name: "passkey-name", passkey })}>Rename</Button>
          <Button small aria-label={`Remove ${passkey.name}`} onClick={() => void onRemove(`Remove passkey ${passkey.name}`, () => send(`/me/passkeys/${passkey.id}`, { method: "DELETE" }))}>Remove</Button>
        </Row>
      ))}
      <Row title="Passkey" state={canPasskey() ? "Fingerprint, face, PIN or a key of your own" : "This browser cannot use passkeys."}><Button small blocked={canPasskey() ? null : "This browser cannot use passkeys."} look={none ? "primary" : "plain"} onClick={() => onOpen({ name: "passkey" })}>Add a passkey</Button></Row>
      <Row title="Authenticator app" state={me.has_totp ? "On" : "Off"}>
        {me.has_totp
          ? <Button small aria-label="Remove the authenticator app" onClick={() => void onRemove("Remove the authenticator app", () => send("/me/totp", { method: "DELETE" }))}>Remove</Button>
          : <Button small onClick={() => onOpen({ name: "totp" })}>Set up</Button>}
      </Row>
      <Row title="Recovery codes" state={none ? "Come with the first factor" : <span className={few ? "text-warn" : undefined}>{plural(me.recovery_codes_left, "code")} left of 10</span>}>
        <Button small blocked={none ? "They stand in for a second factor, and there is none yet." : null} onClick={() => onOpen({ name: "codes" })}>Make new ones</Button>
      </Row>
    </>
  );
}
