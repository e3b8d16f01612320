/* A secret that is shown this once, and gone with the dialog. */
import { useState } from "react";
import { Button } from "~/ui/Button";
import { Mark } from "~/ui/Mark";

export function CopyButton({ text, what }: { text: string; what: string }) {
  const [said, setSaid] = useState("");
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setSaid("Copied");
    } catch {
      setSaid("Select it and copy by hand"); // The browser forbids it, over plain HTTP for instance.
    }
  };
  return <><Button small onClick={() => void copy()}>Copy {what}</Button><span role="status" className="text-11 text-muted">{said}</span></>;
}

export function Once({ what, secret, note }: { what: string; secret: string; note: string }) {
  return (
    <div className="flex flex-col gap-2">
      <p className="flex gap-1.5 text-12"><Mark shape="triangle" tone="warn" className="mt-1" />{note}</p>
      <code className="code block rounded-md border border-line-strong bg-bg px-3 py-2 break-all select-all" aria-label={what}>{secret}</code>
      <div className="flex items-center gap-2"><CopyButton text={secret} what={what} /></div>
    </div>
  );
}

/** Recovery codes: two columns to read, one line each to keep. */
export function RecoveryCodes({ codes, name }: { codes: string[]; name: string }) {
  const text = codes.join("\n");
  const save = () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([`Tradedeck recovery codes of ${name}. Each works once.\n\n${text}\n`], { type: "text/plain" }));
    link.download = `tradedeck-recovery-codes-${name}.txt`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1_000);
  };
  return (
    <div className="flex flex-col gap-3">
      <p className="flex gap-1.5 text-12"><Mark shape="triangle" tone="warn" className="mt-1" />Shown this once. Keep them where your phone is not: each signs you in once when the other factors are lost.</p>
      <ol aria-label="Recovery codes" className="grid grid-cols-2 gap-x-6 gap-y-1 rounded-md border border-line-strong bg-bg px-3 py-2 max-sm:grid-cols-1">
        {codes.map((code) => <li key={code} className="code select-all">{code}</li>)}
      </ol>
      <div className="flex items-center gap-2"><CopyButton text={text} what="codes" /><Button small onClick={save}>Save as a file</Button></div>
    </div>
  );
}
