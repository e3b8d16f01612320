/* That a record stands in the tree which the log has signed: asked for, and computed here. */
import { useState } from "react";
import { get, problemOf } from "~/api/http";
import type { AuditRecord, Schemas } from "~/api/types";
import { integer } from "~/lib/format";
import { included, leafHash } from "~/lib/merkle";
import { Button } from "~/ui/Button";
import { Mark } from "~/ui/Mark";

type Found = { state: "asking" } | { state: "failed"; says: string } | { state: "told"; holds: boolean; proof: Schemas["AuditProof"] };
/** The entry must be this record's, and its path must lead to the root of the checkpoint. */
export async function holds(record: Pick<AuditRecord, "seq" | "hash">, proof: Schemas["AuditProof"]): Promise<boolean> {
  const entry = JSON.parse(proof.entry) as { seq: number; hash: string };
  if (entry.seq !== record.seq || entry.hash !== record.hash || proof.index !== record.seq - 1) return false;
  return included(await leafHash(proof.entry), proof.index, proof.checkpoint.size, proof.hashes, proof.checkpoint.root);
}

/** Which witnesses elsewhere have signed a tree that holds the record. */
export function witnessed(checkpoint: Schemas["AuditCheckpoint"], seq: number): string {
  const names = checkpoint.witnessed.filter((each) => each.size >= seq).map((each) => each.witness);
  return names.join(", ") || "by nobody yet";
}

export function RecordProof({ record }: { record: AuditRecord }) {
  const [found, setFound] = useState<Found | null>(null);
  const ask = async () => {
    setFound({ state: "asking" });
    try {
      const proof = await get<Schemas["AuditProof"]>(`/audit/proof/${record.seq}`);
      setFound({ state: "told", proof, holds: await holds(record, proof) });
    } catch (error) {
      setFound({ state: "failed", says: problemOf(error).detail ?? "not proved" });
    }
  };
  const rows = found?.state === "told" ? ([["Leaf", found.proof.leaf], ["Path", `${found.proof.hashes.length} hashes`], ["Root", found.proof.checkpoint.root], ["Tree", `${integer(found.proof.checkpoint.size)} records`], ["Signed by", found.proof.checkpoint.origin], ["Witnessed", witnessed(found.proof.checkpoint, record.seq)]] as const) : [];
  return (
    <section aria-label="Proof" className="grid gap-2 text-12">
      <div className="flex items-center gap-2">
        <span className="mr-auto" role="status">
          {found?.state === "failed" && <span className="text-bad">{found.says}</span>}
          {found?.state === "told" && <span className={found.holds ? "state" : "state text-bad"}><Mark shape={found.holds ? "dot" : "triangle"} tone={found.holds ? "ok" : "bad"} />{found.holds ? "in the signed tree, computed here" : "not in the signed tree"}</span>}
        </span>
        <Button small pending={found?.state === "asking"} onClick={() => void ask()}>Prove</Button>
      </div>
      {rows.length > 0 && <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-6 gap-y-1.5">{rows.map(([name, value]) => <div key={name} className="contents"><dt className="text-muted">{name}</dt><dd className="code break-all">{value}</dd></div>)}</dl>}
    </section>
  );
}
