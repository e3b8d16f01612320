/* Cells that the Command Center and the Traders table share, so that both say the same. */
import { look, traderLook } from "~/api/states";
import type { Strategy, TraderStatus } from "~/api/types";
import { number, show, words } from "~/lib/format";
import { StateText } from "~/ui/Mark";

export function TraderStateCell({ trader }: { trader: TraderStatus }) {
  const changing = trader.desired_state !== trader.state && (trader.state === "running" || trader.state === "paused" || trader.state === "stopped");
  return (
    <StateText look={look(traderLook, trader.state)} title={trader.reason ?? undefined}>
      {look(traderLook, trader.state).word}{changing && <span className="text-11 text-warn"> wants {trader.desired_state}</span>}
    </StateText>
  );
}
/** `ema-cross 10/20`: the strategy and its numbers, as an operator would say them. */
export function strategyText(strategy: string, params: Record<string, unknown>, known?: Strategy[]): string {
  const name = known?.find((each) => each.id === strategy)?.name ?? words(strategy);
  const values = Object.values(params).filter((value) => typeof value === "number" || (typeof value === "string" && value !== "" && Number.isFinite(Number(value)))).slice(0, 3).map((value) => number(value as number, { maxDigits: 4 }));
  return values.length ? `${name} ${values.join("/")}` : name;
}
export const paramsText = (params: Record<string, unknown>): string => Object.entries(params).map(([name, value]) => `${words(name).toLowerCase()} ${show(value)}`).join(", ");
