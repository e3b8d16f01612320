/* Deploy in few clicks: everything has a sensible choice already; the preview is always in sight.
   Preset card → Deploy is two clicks where account and instrument are the free ones. */
import { useState } from "react";
import { useQuery } from "@tanstack/react-query";
import { perform } from "~/api/acts";
import { send } from "~/api/http";
import { queries } from "~/api/queries";
import type { Headroom, Receipt, Status, TraderSpec } from "~/api/types";
import { DraftPreview } from "~/components/DraftPreview";
import { closestFirst, limitName, usedRatio, usedText } from "~/components/headroom";
import { cx } from "~/lib/cx";
import { num, number, words } from "~/lib/format";
import { Field, Meter, Skeleton } from "~/ui/Bits";
import { Button } from "~/ui/Button";
import { Dialog } from "~/ui/Dialog";
import { useDraft } from "./draft";
import { defaults, faults, type Values } from "./schema";
import { SchemaForm } from "./SchemaForm";

const shortNames: Record<string, string> = { "ema-cross": "ema", "donchian-breakout": "breakout", "mean-reversion": "reversion", "gold-scalping": "scalp", "buy-and-hold": "hold" };
export function suggestId(instrument: string, strategy: string, taken: string[]): string {
  const base = `${instrument}-${shortNames[strategy] ?? strategy}`.toLowerCase().replace(/[^a-z0-9-]+/gu, "-");
  for (let n = 1; ; n += 1) {
    const name = n === 1 ? base : `${base}-${n}`;
    if (!taken.includes(name)) return name;
  }
}

/** Descriptions name parameters in backticks, as documentation does. */
const plain = (text: string): string => text.replaceAll("`", "");

export function Deploy({ status, onClose }: { status: Status; onClose: () => void }) {
  const strategies = useQuery(queries.strategies()).data;
  const [strategyId, setStrategyId] = useState<string>();
  const [presetId, setPresetId] = useState<string | null>("balanced");
  const [values, setValues] = useState<Values | null>(null);
  const [account, setAccount] = useState(status.accounts[0]?.id ?? "");
  const [chosenInstrument, setInstrument] = useState<string>();
  const [name, setName] = useState<string>();
  const [sizing, setSizing] = useState<{ kind: TraderSpec["sizing"]["kind"]; value: string }>({ kind: "equity_fraction", value: "0.1" });
  const [paused, setPaused] = useState(false);
  const [busy, setBusy] = useState(false);

  const strategy = strategies?.find((each) => each.id === strategyId) ?? strategies?.[0];
  const preset = strategy?.presets.find((each) => each.id === presetId);
  const params = values ?? preset?.params ?? (strategy ? defaults(strategy.schema) : {});
  const takenBy = (instrument: string) => status.traders.find((trader) => trader.account === account && trader.instrument === instrument)?.id;
  const offered = status.feeds.flatMap((feed) => feed.instruments.map((instrument) => ({ instrument, feed })));
  const instrument = chosenInstrument ?? (offered.find((each) => !takenBy(each.instrument)) ?? offered[0])?.instrument ?? "";
  const feed = offered.find((each) => each.instrument === instrument)?.feed;
  const id = name ?? suggestId(instrument, strategy?.id ?? "trader", status.traders.map((trader) => trader.id));
  const taken = takenBy(instrument);
  const wrong = strategy ? faults(strategy.schema, params) : {};
  const misnamed = /^[a-z0-9][a-z0-9._-]{0,62}$/u.test(id) ? status.traders.some((trader) => trader.id === id) ? "There is a trader of this name." : null : "Lower-case letters, digits and . _ - only.";
  const missized = (num(sizing.value) ?? 0) > 0 ? null : "A number above 0 is needed.";
  const spec: TraderSpec = { id, account, feed: feed?.id ?? "", instrument, strategy: strategy?.id ?? "", params, sizing, limits: {}, state: paused ? "paused" : "running", session_gate: true };
  const limits = useQuery({ ...queries.headroom(account), enabled: account !== "" }).data;
  const possible = strategy && feed && account && !misnamed && !missized && Object.keys(wrong).length === 0;
  const draft = useDraft(possible ? spec : null, Object.keys(strategy?.schema.properties ?? {}));
  const refused = draft.faults.whole[0] ?? Object.values({ ...draft.faults.fields, ...draft.faults.params })[0];
  const blocked = !strategy ? "Strategies are not read yet." : !feed ? "Choose an instrument that a feed provides." : taken ? `${instrument} on ${account} belongs to ${taken}: one trader per account and instrument.` : misnamed ?? missized ?? (Object.keys(wrong).length ? "Some parameters are not possible." : refused ?? null);
  const verdict = status.accounts.find((each) => each.id === account)?.verdict;

  const deploy = async () => {
    setBusy(true);
    const act = await perform({ label: `Deploy ${id}`, run: (step_up) => send<Receipt>("/traders", { body: { ...spec, step_up } }) });
    setBusy(false);
    if (act.phase !== "refused") onClose();
  };
  return (
    <Dialog
      open onClose={onClose} title="Deploy a trader" width={980}
      note={verdict === "signals" ? "this account is signals only: nothing will be sent" : undefined}
      foot={<><label className="mr-auto flex items-center gap-2 text-12"><input type="checkbox" checked={paused} onChange={(event) => setPaused(event.target.checked)} />Start paused</label><Button onClick={onClose}>Cancel</Button><Button look="primary" blocked={blocked} pending={busy} onClick={() => void deploy()}>{busy ? "Waiting for the runner" : `Deploy ${id}`}</Button></>}
    >
      <div className="grid min-h-0 grid-cols-1 gap-6 md:grid-cols-[minmax(0,1.25fr)_minmax(0,1fr)]">
        <div className="flex min-w-0 flex-col gap-4">
          <section>
            <h3 className="pb-2 text-12 font-semibold">Strategy</h3>
            {!strategies ? <Skeleton className="h-24" /> : (
              <div role="radiogroup" aria-label="Strategy" className="grid grid-cols-1 gap-px overflow-hidden rounded-md border border-line bg-line md:grid-cols-2">
                {strategies.map((each) => (
                  <button key={each.id} type="button" role="radio" aria-checked={each === strategy} className={cx("bg-panel px-3 py-2 text-left hover:bg-raised", each === strategy && "bg-raised! shadow-[inset_2px_0_0_var(--accent)]")} onClick={() => { setStrategyId(each.id); setValues(null); setPresetId(each.presets.find((one) => one.id === "balanced")?.id ?? each.presets[0]?.id ?? null); }}>
                    <b className="text-12">{each.name}</b><span className="line-clamp-2 text-11 text-muted" title={plain(each.description)}>{plain(each.description)}</span>
                  </button>
                ))}
              </div>
            )}
          </section>
          <section className="grid grid-cols-1 gap-3 md:grid-cols-3">
            <Field label="Account" htmlFor="d-account"><select id="d-account" className="select" value={account} onChange={(event) => setAccount(event.target.value)}>{status.accounts.map((each) => <option key={each.id} value={each.id}>{each.id} · {each.verdict}</option>)}</select></Field>
            <Field label="Instrument" htmlFor="d-instrument" error={taken ? `Belongs to ${taken}.` : draft.faults.fields.instrument}>
              <select id="d-instrument" className="select" value={instrument} onChange={(event) => setInstrument(event.target.value)}>{offered.map((each) => <option key={each.feed.id + each.instrument} value={each.instrument}>{each.instrument} · {each.feed.id}{takenBy(each.instrument) ? ` · taken by ${takenBy(each.instrument)}` : ""}</option>)}</select>
            </Field>
            <Field label="Name" htmlFor="d-name" error={misnamed ?? draft.faults.fields.id}><input id="d-name" className="input" aria-invalid={misnamed ? true : undefined} value={id} spellCheck={false} onChange={(event) => setName(event.target.value)} /></Field>
          </section>
          {strategy && (
            <section>
              <div className="flex flex-wrap items-center gap-2 pb-2">
                <h3 className="text-12 font-semibold">Parameters</h3>
                <div className="segmented" role="group" aria-label="Preset">
                  {strategy.presets.map((each) => <button key={each.id} type="button" aria-pressed={!values && presetId === each.id} onClick={() => { setPresetId(each.id); setValues(null); }}>{words(each.id)}</button>)}
                </div>
                {values && <span className="text-11 text-muted">changed by hand</span>}
              </div>
              <SchemaForm schema={strategy.schema} values={params} errors={draft.faults.params} onChange={setValues} columns={3} />
              {!values && preset && <PresetFigures strategy={strategy.id} preset={preset.id} />}
            </section>
          )}
          <section className="grid grid-cols-1 gap-3 md:grid-cols-3">
            <Field label="Sizing" htmlFor="d-sizing"><select id="d-sizing" className="select" value={sizing.kind} onChange={(event) => { const kind = event.target.value as TraderSpec["sizing"]["kind"]; setSizing({ kind, value: kind === "units" ? "10" : kind === "risk" ? "0.01" : "0.1" }); }}><option value="equity_fraction">Share of equity</option><option value="risk">Share at risk to the stop</option><option value="units">Units</option></select></Field>
            <Field label={sizing.kind === "units" ? "Units per signal" : sizing.kind === "risk" ? "At risk" : "Of equity"} note={sizing.kind === "units" ? undefined : `${number(Number(sizing.value) * 100, { maxDigits: 2 })} %`} error={missized ?? draft.faults.fields.sizing} htmlFor="d-size"><input id="d-size" className="input" inputMode="decimal" value={sizing.value} onChange={(event) => setSizing({ ...sizing, value: event.target.value })} /></Field>
          </section>
        </div>
        <aside className="min-w-0 border-line max-md:border-t max-md:pt-4 md:border-l md:pl-6">
          <DraftPreview title="What it would do" {...draft} whole={draft.faults.whole} onRetry={draft.retry} otherwise={<AccountLimits limits={limits} currency={status.accounts.find((each) => each.id === account)?.currency ?? ""} />} />
        </aside>
      </div>
    </Dialog>
  );
}

function AccountLimits({ limits, currency }: { limits: Headroom[] | undefined; currency: string }) {
  if (!limits) return <Skeleton className="h-40" />;
  const bounded = closestFirst(limits).filter((limit) => limit.scope.startsWith("account/")).slice(0, 5);
  return (
    <div className="flex flex-col gap-3">
      <h4 className="text-11 text-muted">The account’s limits hold every order of it</h4>
      {bounded.length === 0 && <p className="text-12 text-warn">No limit is set on this account.</p>}
      {bounded.map((limit) => (
        <div key={limit.scope + limit.limit}>
          <div className="flex justify-between gap-3 pb-1 text-12"><span>{limitName(limit)}</span><span className="text-muted">{usedText(limit, currency)}</span></div>
          <Meter ratio={usedRatio(limit)} label={limitName(limit)} />
        </div>
      ))}
    </div>
  );
}

function PresetFigures({ strategy, preset }: { strategy: string; preset: string }) {
  const report = useQuery(queries.presetReport(strategy, preset)).data;
  const shown = report?.metrics.filter((metric) => ["total_return", "return", "sharpe", "max_drawdown", "trades"].includes(metric.name)) ?? [];
  if (shown.length === 0) return null;
  return (
    <p className="flex flex-wrap gap-x-4 gap-y-0.5 pt-2 text-11 text-muted">
      <span>On {report?.instrument ?? "the bundled data"}{report?.start ? ` ${report.start.slice(0, 4)}–${report.end?.slice(0, 4)}` : ""}:</span>
      {shown.map((metric) => <span key={metric.name} title={metric.formula}>{metric.label} <span className="text-text">{metric.unit === "ratio" ? `${number(Number(metric.value) * 100, { digits: 1, sign: true })} %` : number(metric.value, { maxDigits: 2 })}</span></span>)}
      <span>Past results say little about future ones.</span>
    </p>
  );
}
